"""What the first bytes of a file tell without a decoder: functions of bytes, and small header readers."""

from __future__ import annotations

import codecs
import re
import struct
from typing import BinaryIO, NamedTuple

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16: its mark begins with that one's
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\x1b")) + b"\x7f"
# Possessive and atomic: a page of nothing but comments must not be tried in every way they can be paired.
_HTML = re.compile(r"(?:\s|<\?xml[^>]*>|(?><!--.*?-->))*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)


def marked_encoding(data: bytes) -> str | None:
    """The encoding that a byte order mark names, if there is one."""
    return next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None)


def unmarked_utf16(data: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of mostly Latin text is zero, and no other."""
    even, odd = data[0::2].count(0), data[1::2].count(0)
    half = len(data) // 2
    if half and odd > 0.4 * half and not even:
        return "utf-16-le"
    if half and even > 0.4 * half and not odd:
        return "utf-16-be"
    return None


def looks_like_text(head: bytes) -> bool:
    """Whether the head of a file is text in UTF-8, UTF-16, UTF-32 or a legacy encoding."""
    encoding = marked_encoding(head) or unmarked_utf16(head)
    if encoding:
        try:
            decoded = codecs.getincrementaldecoder(encoding)().decode(head, final=False)
        except UnicodeError:
            return False
        return _few_controls(decoded.encode("utf-8", "replace"))
    return _few_controls(head)


def looks_like_html(head: bytes) -> bool:
    """Whether a text begins as a web page does."""
    encoding = marked_encoding(head) or unmarked_utf16(head) or "latin-1"
    return bool(_HTML.match(head[:4096].decode(encoding, "replace").lstrip("\ufeffï»¿")))


def _few_controls(data: bytes) -> bool:
    # Text has no NUL and next to no control characters; in compressed data one byte in ten is one.
    controls = len(data) - len(data.translate(None, _CONTROLS))
    return b"\0" not in data and controls * 100 <= len(data)


MOTION = re.compile(
    r"(?P<sensor>a(?:cc(?:el(?:eration|erometer)?)?)?|g(?:yr(?:o(?:scope)?)?)?|w|omega)(?P<axis>[xyz])"
)
"""A column of an accelerometer or a gyroscope, as `column_key` writes it."""


def column_key(name: str) -> str:
    """A column's name without what people write in many ways: `Acc. X (m/s2)` -> `accx`."""
    return re.sub(r"[^a-z]", "", re.sub(r"[\[(].*", "", name.lower()))


def is_motion_table(head: bytes) -> bool:
    """A text whose first line names the six columns of an inertial sensor."""
    line = head[:2000].split(b"\n", 1)[0].decode("utf-8", "replace")
    columns = {column_key(name) for name in re.split(r"[,;\t]", line)}
    return sum(bool(MOTION.fullmatch(name)) for name in columns) >= 6


def is_mp3(head: bytes, is_named: bool = False) -> bool:
    """An ID3 tag, or two MPEG audio frames in a row; one frame is enough when the name says so."""
    if head.startswith(b"ID3"):
        return True
    length = _mpeg_frame_bytes(head)
    return length > 0 and (is_named or _mpeg_frame_bytes(head[length : length + 4]) > 0)


def is_adts(head: bytes) -> bool:
    """Raw AAC: two ADTS frames in a row."""
    length = _adts_frame_bytes(head)
    return length > 0 and _adts_frame_bytes(head[length : length + 7]) > 0


_MPEG1_KBPS = {
    1: (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    2: (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    3: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
_MPEG2_KBPS = {
    1: (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    3: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


def _mpeg_frame_bytes(head: bytes) -> int:
    """Length of the MPEG audio frame that begins here, 0 where none does. Source: ISO 11172-3, 2.4.1.3."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return 0
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    rate, kbps = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 4 or rate == 3 or kbps in (0, 15):
        return 0
    rate_hz = (44_100, 48_000, 32_000)[rate] >> {3: 0, 2: 1, 0: 2}[version]
    bits = 1000 * (_MPEG1_KBPS if version == 3 else _MPEG2_KBPS)[layer][kbps - 1]
    padding = head[2] >> 1 & 1
    if layer == 1:
        return (12 * bits // rate_hz + padding) * 4
    samples = 576 if layer == 3 and version != 3 else 1152
    return samples // 8 * bits // rate_hz + padding


def _adts_frame_bytes(head: bytes) -> int:
    if len(head) < 7 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0 or head[2] >> 2 & 15 > 12:
        return 0
    length = (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5
    return length if length >= 7 else 0


class Layout(NamedTuple):
    """How the pixels of a picture file are stored."""

    bits: int
    channels: int
    is_float: bool


def png_layout(head: bytes) -> Layout | None:
    """From the IHDR chunk. A palette counts as three channels of 8 bits."""
    if len(head) < 26 or head[12:16] != b"IHDR":
        return None
    bits, colour = head[24], head[25]
    channels = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}.get(colour, 0)
    return Layout(8 if colour == 3 else bits, channels, False)


def tiff_layout(stream: BinaryIO) -> Layout | None:
    """From the first directory of a TIFF or BigTIFF file; None where it cannot be read."""
    try:
        return _tiff_layout(stream)
    except (struct.error, OSError, ValueError, OverflowError):
        return None


def _tiff_layout(stream: BinaryIO) -> Layout:
    stream.seek(0)
    start = stream.read(16)
    order = "<" if start[:2] == b"II" else ">"
    big = struct.unpack(order + "H", start[2:4])[0] == 43
    offset_code, count_code, entry_bytes, inline = ("Q", "Q", 20, 8) if big else ("I", "H", 12, 4)
    (offset,) = struct.unpack_from(order + offset_code, start, 8 if big else 4)
    stream.seek(offset)
    (count,) = struct.unpack(order + count_code, stream.read(struct.calcsize(count_code)))
    table = stream.read(min(count, 4096) * entry_bytes)
    tags = {}
    for at in range(0, len(table) - entry_bytes + 1, entry_bytes):
        tag, kind = struct.unpack_from(order + "HH", table, at)
        if kind == 3:  # SHORT: bits (258), samples per pixel (277), sample format (339)
            (n,) = struct.unpack_from(order + offset_code, table, at + 4)
            if n * 2 <= inline:
                (tags[tag],) = struct.unpack_from(order + "H", table, at + entry_bytes - inline)
    return Layout(tags.get(258, 1), tags.get(277, 1), tags.get(339, 1) == 3)


def webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height from a WebP header: Pillow's own reader allocates the canvas before it tells them."""
    kind, body = head[12:16], head[20:]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    return None
