"""What a file says about itself in words: descriptions in pictures (EXIF, XMP, IPTC's twin), tags of recordings."""

from __future__ import annotations

import re
from typing import Any

from anyseek.contracts import Modality
from anyseek.errors import MediaError
from anyseek.media.formats import Found
from anyseek.media.source import Source

MOST_CHARACTERS = 2000

_DESCRIPTION, _ARTIST = 0x010E, 0x013B
_WINDOWS = (
    0x9C9B,
    0x9C9C,
    0x9C9E,
    0x9C9F,
)  # title, comment, keywords, subject: UTF-16 with a zero at its end
_SPOKEN = ("title", "artist", "album", "comment", "genre", "description")
_XMP_TEXT = re.compile(
    rb"<(?:dc:(?:description|title|subject)|photoshop:Headline)\b[^>]*>(.*?)</(?:dc|photoshop):", re.S
)
_TAG = re.compile(rb"<[^>]*>")


def caption(source: Source, found: Found) -> str:
    """At most 2,000 characters on one line; "" where there is nothing, or nothing that can be read.

    A damaged description is no reason to refuse a picture, so this raises nothing.
    """
    try:
        if found.modality in (Modality.IMAGE, Modality.THERMAL):
            said = _of_picture(source, found)
        elif found.modality is Modality.AUDIO and not found.format.library:
            said = _of_recording(source)
        else:
            return ""
    except (
        MediaError,
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RuntimeError,
        SyntaxError,
        EOFError,
    ):
        return ""
    line = " ".join(" ".join(part.split()) for part in dict.fromkeys(said) if part)
    return "".join(c if c.isprintable() else " " for c in line)[:MOST_CHARACTERS].strip()


def _of_picture(source: Source, found: Found) -> list[str]:
    from anyseek.contracts import Limits
    from anyseek.media.readers.images import opened

    said: list[str] = []
    with opened(source, found, Limits()) as picture:
        exif = picture.getexif()
        said += [_text(exif.get(tag)) for tag in (_DESCRIPTION, _ARTIST)]
        said += [_wide(exif.get(tag)) for tag in _WINDOWS]
        packet = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
        packet = packet.encode() if isinstance(packet, str) else bytes(packet)
        said += [
            _TAG.sub(b" ", one).decode("utf-8", "replace") for one in _XMP_TEXT.findall(packet[: 1 << 20])
        ]
        said += [_text(picture.info.get(name)) for name in ("Description", "Title", "Comment", "comment")]
    return said


def _of_recording(source: Source) -> list[str]:
    import soundfile

    with soundfile.SoundFile(source.rewound()) as file:
        told: dict[str, Any] = file.copy_metadata()
    return [_text(told.get(name)) for name in _SPOKEN]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip("\0 ") if isinstance(value, str) else ""


def _wide(value: Any) -> str:
    if isinstance(value, tuple):
        value = bytes(value)
    return value.decode("utf-16-le", "replace").strip("\0 ") if isinstance(value, bytes) else ""
