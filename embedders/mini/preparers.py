"""Which preparer belongs to which modality; a preparer's module is imported when it is needed."""

from __future__ import annotations

from anyseek.contracts import Modality, Preparer


def of(modality: Modality) -> Preparer:
    """The preparer of one of the four modalities that `mini` supports."""
    if modality is Modality.TEXT:
        from anyseek.embedders.mini.prepare_text import PrepareText

        return PrepareText()
    if modality is Modality.AUDIO:
        from anyseek.embedders.mini.prepare_sound import PrepareSound

        return PrepareSound()
    from anyseek.embedders.mini.prepare_visual import PrepareDepth, PrepareImage

    return PrepareImage() if modality is Modality.IMAGE else PrepareDepth()
