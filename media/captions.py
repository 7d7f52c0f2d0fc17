"""What a file says about itself in words: descriptions in pictures (EXIF, XMP, IPTC), tags of recordings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Limits, Modality
from anyseek.errors import MediaError
from anyseek.media.format import FileType
from anyseek.media.source import Source
from anyseek.modalities import handler

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_CHARACTERS = 2000

_DESCRIPTION, _ARTIST = 0x010E, 0x013B
_WINDOWS = (
    0x9C9B,
    0x9C9C,
    0x9C9E,
    0x9C9F,
)  # title, comment, keywords, subject: UTF-16 with a zero at its end
_XMP = ("description", "title", "subject", "Headline")
_XMP_BYTES = 1 << 20
_IPTC = ((2, 5), (2, 105), (2, 120), (2, 25))  # title, headline, caption, keywords

# The names of title, artist, album, comment, genre and description in ID3, MP4, Vorbis comments, and ASF.
_TAGS = (
    *("TIT2", "\xa9nam", "title", "Title"),
    *("TPE1", "\xa9ART", "artist", "Author"),
    *("TALB", "\xa9alb", "album", "WM/AlbumTitle"),
    *("COMM", "\xa9cmt", "comment", "Description"),
    *("TCON", "\xa9gen", "genre", "WM/Genre"),
    *("desc", "description"),
)
_INFO = ("title", "artist", "album", "comment", "genre", "description")


def caption(source: Source, file_type: FileType) -> str:
    """At most 2,000 characters on one line; "" where there is nothing, or nothing that can be read.

    A damaged description is not a reason to refuse a picture, so this raises nothing.
    """
    if not file_type.format.caption:
        return ""
    try:
        parts = list(handler(file_type.format.caption)(source, file_type))
    except (
        MediaError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        ImportError,
        RuntimeError,
        SyntaxError,
        EOFError,
    ):
        return ""
    line = " ".join(" ".join(part.split()) for part in dict.fromkeys(parts) if part)
    return "".join(c if c.isprintable() else " " for c in line)[:MOST_CHARACTERS].strip()


# ---------------------------------------------------------------- pictures


def of_picture(source: Source, file_type: FileType) -> list[str]:
    """What EXIF, XMP, IPTC and the comments of the format say. Raises MediaError."""
    from anyseek.media.readers.images import opened

    if file_type.modality not in (Modality.IMAGE, Modality.THERMAL):
        return []
    with opened(source, file_type, Limits()) as picture:
        exif = picture.getexif()
        return [
            *(_exif_text(exif.get(tag)) for tag in (_DESCRIPTION, _ARTIST)),
            *(_wide(exif.get(tag)) for tag in _WINDOWS),
            *_xmp(picture),
            *_iptc(picture),
            *(_text(picture.info.get(name)) for name in ("Description", "Title", "Comment", "comment")),
        ]


def _xmp(picture: Image) -> Iterator[str]:
    """By Pillow, which has defusedxml parse it; without namespaces, elements and attributes alike."""
    packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    if not packet or len(packet) > _XMP_BYTES:
        return
    picture.info["xmp"] = packet.encode() if isinstance(packet, str) else packet
    try:
        tree = picture.getxmp()
    except (SyntaxError, ValueError):  # damaged, or with entities of its own, which defusedxml refuses
        return
    for block in _each(tree.get("xmpmeta", tree).get("RDF", {}).get("Description")):
        for name in _XMP:
            yield from _leaves(block.get(name))


def _each(value: Any) -> list[Any]:
    """Pillow's form of XML has a list where an element is repeated."""
    return value if isinstance(value, list) else [value] if value else []


def _leaves(value: Any) -> Iterator[str]:
    """The texts below an element: `{"Alt": {"li": {"lang": "x-default", "text": "A dog"}}}`."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif isinstance(value, dict):
        for name, below in value.items():
            if name in ("Alt", "Bag", "Seq", "li", "text"):
                yield from _leaves(below)


def _iptc(picture: Image) -> Iterator[str]:
    from PIL.ImageFile import ImageFile
    from PIL.IptcImagePlugin import getiptcinfo

    if not isinstance(picture, ImageFile):
        return
    try:
        records = getiptcinfo(picture) or {}
    except (SyntaxError, ValueError, KeyError, TypeError, IndexError, OSError):
        return
    for key in _IPTC:
        for value in _each(records.get(key)):
            yield _text(value)


def _exif_text(value: Any) -> str:
    """EXIF is ASCII by its standard and UTF-8 in practice; Pillow decodes it as Latin-1."""
    with contextlib.suppress(AttributeError, UnicodeError):  # not a text, or Latin-1 after all
        value = value.encode("latin-1").decode("utf-8")
    return _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip("\0 ") if isinstance(value, str) else ""


def _wide(value: Any) -> str:
    if isinstance(value, tuple):
        value = bytes(value)
    return value.decode("utf-16-le", "replace").strip("\0 ") if isinstance(value, bytes) else ""


# ---------------------------------------------------------------- recordings


def of_recording(source: Source, file_type: FileType) -> list[str]:
    """The tags, by mutagen; the text chunks of WAV and AIFF, which it does not read, by libsndfile."""
    tags = list(_tags(source))
    if tags or file_type.format.library:
        return tags
    import soundfile

    with soundfile.SoundFile(source.rewound()) as file:
        info: dict[str, Any] = file.copy_metadata()
    return [_text(info.get(name)) for name in _INFO]


def _tags(source: Source) -> Iterator[str]:
    import mutagen
    from mutagen.id3 import ID3

    try:
        file = mutagen.File(source.rewound())
    except mutagen.MutagenError:
        return
    tags = file.tags if file is not None else None
    if tags is None:
        return
    for name in _TAGS:
        values = tags.getall(name) if isinstance(tags, ID3) else tags.get(name, ())  # type: ignore[no-untyped-call]
        for value in values:
            yield from _values(value)


def _values(value: Any) -> Iterable[str]:
    """A tag is a text, a frame of ID3 with several (a genre also as a number), or an attribute of ASF."""
    texts = getattr(value, "genres", None) or getattr(value, "text", None)
    return [_text(str(one)) for one in (texts if isinstance(texts, list) else [value])]
