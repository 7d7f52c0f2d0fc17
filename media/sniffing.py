"""Which format and modality a file is: its content decides, its name breaks ties."""

from __future__ import annotations

from anyseek.contracts import Modality
from anyseek.errors import MediaError
from anyseek.media import peek
from anyseek.media.formats import HTML, PLAIN_TEXT, FileType, Format, all_formats, by_suffix
from anyseek.media.source import Source
from anyseek.modalities import info


def identify(source: Source) -> FileType | None:
    """The file's format and modality; None for what is not searched.

    A name that claims a format of the table on content that is not of it (a zip called .jpg) is a mistake that the
    user will want to know of: MediaError mislabelled; empty, when there is no content at all.
    """
    return _identified(source, source.head(), by_suffix().get(source.suffix))


def identify_as(source: Source, modality: Modality) -> FileType:
    """The file's format, taken as `modality`. TEXT takes any text, whatever its name (a program, a log).

    Raises MediaError: as `identify`, and wrong-modality for what the format cannot be taken as.
    """
    head, claimed = source.head(), by_suffix().get(source.suffix)
    is_foreign = claimed is None or claimed.modality is not modality
    if modality is Modality.TEXT and is_foreign and peek.looks_like_text(head):
        container = next((row for row in all_formats() if row.can_be(modality) and row.matches(head)), None)
        return FileType(container or PLAIN_TEXT, modality)
    file_type = _identified(source, head, claimed)
    if file_type is None:
        raise MediaError(
            f"{source.name} is not {info(modality).noun}.", "wrong-modality", "Choose another file."
        )
    if file_type.modality is not modality and not file_type.format.can_be(modality):
        raise MediaError(
            f"{source.name} is {info(file_type.modality).noun}, not {info(modality).noun}.",
            "wrong-modality",
            f"Name it with --{file_type.modality}, or choose another file.",
        )
    return FileType(file_type.format, modality)


def _identified(source: Source, head: bytes, claimed: Format | None) -> FileType | None:
    if not head.strip(b"\0"):
        if claimed is None:
            return None
        what = "has no content" if not head else "contains nothing but zeros"
        raise MediaError(f"{source.name} {what}.", "empty", "Replace or delete the file.")
    file_type = _by_content(source, head, claimed)
    if file_type is None and claimed is not None and not claimed.matches(head):
        # (What matches has the format's marks and nothing in it for us: a 3-D .npy.)
        raise MediaError(
            f"{source.name} is named as {claimed.name}, but its content is not {claimed.name}.",
            "mislabelled",
            "Rename the file after what it is, or replace it.",
        )
    return file_type


def _by_content(source: Source, head: bytes, claimed: Format | None) -> FileType | None:
    is_text = peek.looks_like_text(head)
    for row in all_formats():
        if row.matches(head) and not (is_text and row.is_weakly_marked):
            modality = row.modality_of(source)
            if modality:
                return FileType(row, modality)
    if is_text:
        kind = _kind_of_text(source, head, claimed)
        return FileType(kind, kind.modality) if kind else None
    if claimed is not None and claimed.matches_named(head):
        return FileType(claimed, claimed.modality)
    return None


def _kind_of_text(source: Source, head: bytes, claimed: Format | None) -> Format | None:
    """The row that the name tells. No suffix: plain text; a suffix not in the table (code, data): none."""
    if claimed is not None:
        return claimed if info(claimed.modality).is_text else None
    if peek.looks_like_html(head):
        return HTML
    return PLAIN_TEXT if not source.suffix else None
