"""Which format and modality a file is: its content decides, its name breaks ties."""

from __future__ import annotations

from anyseek.contracts import Modality
from anyseek.errors import MediaError
from anyseek.media import peek
from anyseek.media.formats import BY_NAME, BY_SUFFIX, FORMATS, Format, Found
from anyseek.media.source import Source


def identify(source: Source, asked: Modality | None = None) -> Found | None:
    """The file's format and modality; None for what is not searched. asked: TEXT takes any text, whatever its
    name (a program, a log).

    A name that claims a format of the table on content that is none (a zip called .jpg) is a mistake the
    person will want to know of: MediaError mislabelled; empty, when there is no content at all.
    """
    head = source.head()
    claimed = BY_SUFFIX.get(source.suffix)
    is_foreign = claimed is None or claimed.modality is not asked
    if asked is Modality.TEXT and is_foreign and peek.looks_like_text(head):
        return Found(BY_NAME["plain text"], asked)
    return _identified(source, head, claimed)


def _identified(source: Source, head: bytes, claimed: Format | None) -> Found | None:
    if not head.strip(b"\0"):
        if claimed is None:
            return None
        what = "has no content" if not head else "holds nothing but zeros"
        raise MediaError(f"{source.name} {what}.", "empty", "Replace or delete the file.")
    found = _by_content(source, head, claimed)
    if found is None and claimed is not None and not _is_understood(head, claimed):
        raise MediaError(
            f"{source.name} has the name of a {claimed.name} file, but not the content of one.",
            "mislabelled",
            "Rename the file after what it is, or replace it.",
        )
    return found


def _by_content(source: Source, head: bytes, claimed: Format | None) -> Found | None:
    is_text = peek.looks_like_text(head)
    for row in FORMATS:
        if row.matches(head) and not (is_text and row.name == "MP3"):
            modality = row.holds(source) if row.holds else row.modality
            if modality:
                return Found(row, modality)
    if is_text:
        kind = _kind_of_text(source, head, claimed)
        return Found(kind, Modality.TEXT) if kind else None
    if claimed is not None and claimed.name == "MP3" and peek.is_mp3(head, is_named=True):
        return Found(claimed, claimed.modality)
    return None


def _kind_of_text(source: Source, head: bytes, claimed: Format | None) -> Format | None:
    """The row that the name tells. No suffix: plain text; a suffix not in the table (code, data): none."""
    if claimed is not None:
        return claimed if claimed.modality is Modality.TEXT else None
    if peek.looks_like_html(head):
        return BY_NAME["HTML"]
    return BY_NAME["plain text"] if not source.suffix else None


def _is_understood(head: bytes, claimed: Format) -> bool:
    """Whether the content is a format of the table after all, one that holds nothing for us (a 3-D .npy)."""
    return any(row.matches(head) for row in FORMATS) and claimed.matches(head)
