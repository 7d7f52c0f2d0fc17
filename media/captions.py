"""What a file says about itself in words: descriptions in pictures (EXIF, XMP, IPTC), tags of recordings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from anyseek.contracts import Limits
from anyseek.media.format import FileType
from anyseek.media.source import Source
from anyseek.plugins import resolve

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

_TAGS = ("title", "artist", "album", "comment", "genre", "description")


def caption(source: Source, file_type: FileType) -> str:
    """At most 2,000 characters on one line; "" where there is nothing, or nothing that can be read.

    A damaged description is not a reason to refuse a picture, so this raises nothing.
    """
    if not file_type.format.caption:
        return ""
    try:
        parts = dict.fromkeys(resolve(file_type.format.caption)(source, file_type))
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - decoders, and packages, raise whatever they like
        return ""
    line = " ".join(" ".join(part.split()) for part in parts if isinstance(part, str))
    return "".join(c if c.isprintable() else " " for c in line)[:MOST_CHARACTERS].strip()


# ---------------------------------------------------------------- pictures


def of_picture(source: Source, file_type: FileType) -> list[str]:
    """What EXIF, XMP, IPTC and the comments of the format say. Raises MediaError."""
    from anyseek.media.readers.images import opened

    with opened(source, file_type, Limits()) as picture:
        exif = picture.getexif()
        return [
            *(_text(exif.get(tag)) for tag in (_DESCRIPTION, _ARTIST)),
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
        for block in _each(tree.get("xmpmeta", tree)["RDF"]["Description"]):
            for name in _XMP:
                yield from _leaves(block.get(name))
    except (SyntaxError, ValueError, KeyError, TypeError, AttributeError):
        return  # damaged, of another form, or with entities of its own, which defusedxml refuses


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


def _text(value: object) -> str:
    """What is UTF-8 in practice and Latin-1 by a standard (EXIF, ID3) is decoded as the latter by libraries."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if not isinstance(text, str):
        return ""
    with contextlib.suppress(UnicodeError):
        text = text.encode("latin-1").decode("utf-8")
    return text.strip("\0 ")


def _wide(value: Any) -> str:
    if isinstance(value, tuple):
        value = bytes(value)
    return value.decode("utf-16-le", "replace").strip("\0 ") if isinstance(value, bytes) else ""


# ---------------------------------------------------------------- recordings


def of_recording(source: Source, file_type: FileType) -> list[str]:
    """The tags, by tinytag, and by libsndfile those of formats that it does not read.

    mutagen reads more, but is under the GPL, which a package under the Apache licence had better not need.
    """
    from tinytag import TinyTag, TinyTagException

    try:
        fields = TinyTag.get(file_obj=source.rewound(), duration=False).as_dict()
    except TinyTagException:
        fields = {}
    # (Freely named tags that are called like standard ones have an underscore: so FFmpeg writes comments into MP3.)
    tags = [_text(value) for name in _TAGS for key in (name, f"_{name}") for value in _each(fields.get(key))]
    if tags or file_type.format.library:
        return tags
    import soundfile

    with soundfile.SoundFile(source.rewound()) as file:
        info: dict[str, Any] = file.copy_metadata()
    return [_text(info.get(name)) for name in _TAGS]
