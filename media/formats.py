"""The one table of formats: how each is told by its first bytes, and which names claim it.

To add a modality: a file with `decode(source, found, hint, first, count)`, its line in READERS, and a row for
each of its formats here.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from anyseek.contracts import Modality
from anyseek.media import peek
from anyseek.media.source import Source

READERS: dict[Modality, str] = {
    Modality.TEXT: "anyseek.media.readers.texts",
    Modality.IMAGE: "anyseek.media.readers.images",
    Modality.AUDIO: "anyseek.media.readers.audio",
    Modality.DEPTH: "anyseek.media.readers.depth",
    Modality.VIDEO: "anyseek.media.readers.video",
    Modality.THERMAL: "anyseek.media.readers.thermal",
    Modality.IMU: "anyseek.media.readers.motion",
}
"""The module that decodes each modality."""

WITHIN: dict[Modality, tuple[Modality, ...]] = {
    Modality.VIDEO: (Modality.VIDEO, Modality.IMAGE, Modality.AUDIO),
}
"""As what the segments of a file of a modality can be searched, where not as that alone."""


def serves(modality: Modality, known: Collection[Modality]) -> bool:
    """Whether a model that knows these modalities can take something of a file of that one."""
    return any(kind in known for kind in WITHIN.get(modality, (modality,)))


@dataclass(frozen=True, slots=True)
class Format:
    """A row. `library`: the format's name in the library that reads it ("" for soundfile's and our own).

    matches: told by the first 64 KiB; never for kinds of text, which are told by their names.
    holds: the modality, where one format can carry several or none that we know: looks closer.
    """

    name: str
    modality: Modality
    suffixes: tuple[str, ...]
    matches: Callable[[bytes], bool]
    library: str = ""
    holds: Callable[[Source], Modality | None] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """What a file turned out to be."""

    format: Format
    modality: Modality


# ---------------------------------------------------------------- told by the first bytes


def _begins(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(magics)


def _riff(kind: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] in (b"RIFF", b"RF64", b"RIFX") and head[8:12] == kind


def _brands(head: bytes) -> set[bytes]:
    """Major and compatible brands of an ISO media file (MP4, HEIC, AVIF), empty for anything else."""
    if head[4:8] != b"ftyp":
        return set()
    size = min(int.from_bytes(head[:4], "big"), 1024)
    return {head[8:12], *(head[at : at + 4] for at in range(16, size - 3, 4))}


def _is_avif(head: bytes) -> bool:
    return bool(_brands(head) & {b"avif", b"avis"})


def _is_heic(head: bytes) -> bool:
    heic = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
    return not _is_avif(head) and bool(_brands(head) & heic)


def _is_mp4(head: bytes) -> bool:
    return bool(_brands(head)) and not _is_avif(head) and not _is_heic(head)


def _is_npz(head: bytes) -> bool:
    name_bytes = int.from_bytes(head[26:28], "little")
    return head.startswith(b"PK\x03\x04") and head[30 : 30 + name_bytes].endswith(b".npy")


def _never(head: bytes) -> bool:
    return False


# ---------------------------------------------------------------- told by a closer look


def is_named(source: Source, kind: str) -> bool:
    """A name that ends in `_depth` or `.depth` (so for any kind), before the suffix of its format."""
    name = os.path.basename(source.path).lower()
    return name.endswith(f".{kind}") or os.path.splitext(name)[0].endswith((f"_{kind}", f".{kind}"))


def _photo(source: Source) -> Modality:
    return Modality.THERMAL if is_named(source, "thermal") else Modality.IMAGE


def _png(source: Source) -> Modality:
    if is_named(source, "thermal"):
        return Modality.THERMAL
    layout = peek.png_layout(source.head())
    is_grey = layout is not None and layout.channels == 1
    is_deep = layout is not None and layout.bits == 16
    return Modality.DEPTH if is_grey and (is_deep or is_named(source, "depth")) else Modality.IMAGE


def _tiff(source: Source) -> Modality:
    if is_named(source, "thermal"):
        return Modality.THERMAL
    layout = peek.tiff_layout(source.stream)
    is_grey = layout is not None and layout.channels == 1
    is_float = layout is not None and layout.is_float
    return Modality.DEPTH if is_grey and (is_float or is_named(source, "depth")) else Modality.IMAGE


def _npy(source: Source) -> Modality | None:
    from anyseek.media import arrays

    if is_named(source, "imu"):
        return Modality.IMU
    if not arrays.is_depth_npy(source):
        return None
    return Modality.THERMAL if is_named(source, "thermal") else Modality.DEPTH


def _npz(source: Source) -> Modality | None:
    from anyseek.media import arrays

    return Modality.DEPTH if arrays.depth_member(source) else None


def _parquet(source: Source) -> Modality | None:
    return Modality.IMU if is_named(source, "imu") else None


def _ogg(source: Source) -> Modality | None:
    return None if b"\x80theora" in source.head() else Modality.AUDIO


def _sound_if_named(source: Source, suffixes: tuple[str, ...], brands: frozenset[bytes]) -> Modality | None:
    """Containers of sound or film: sound where the name or the brand says so; else the row of films follows."""
    is_sound = source.suffix in suffixes or bool(brands & _brands(source.head()))
    return Modality.AUDIO if is_sound else None


def _is_quicktime(head: bytes) -> bool:
    return _is_mp4(head) or head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip")


def _is_transport(head: bytes) -> bool:
    """MPEG transport stream: packets of 188 bytes, each with its mark."""
    return len(head) > 5 * 188 and all(head[at] == 0x47 for at in range(0, 5 * 188, 188))


_MP4_SOUND = frozenset({b"M4A ", b"M4B "})

FORMATS: tuple[Format, ...] = (
    Format(
        "JPEG", Modality.IMAGE, (".jpg", ".jpeg", ".jpe", ".jfif"), _begins(b"\xff\xd8\xff"), "JPEG", _photo
    ),
    Format("PNG", Modality.IMAGE, (".png", ".apng"), _begins(b"\x89PNG\r\n\x1a\n"), "PNG", _png),
    Format("GIF", Modality.IMAGE, (".gif",), _begins(b"GIF87a", b"GIF89a"), "GIF"),
    Format("WebP", Modality.IMAGE, (".webp",), _riff(b"WEBP"), "WEBP"),
    Format("AVIF", Modality.IMAGE, (".avif",), _is_avif, "AVIF"),
    Format("HEIC", Modality.IMAGE, (".heic", ".heif", ".hif"), _is_heic, "HEIF"),
    Format(
        "BMP",
        Modality.IMAGE,
        (".bmp", ".dib"),
        lambda head: head[:2] == b"BM" and head[6:10] == bytes(4),
        "BMP",
        _photo,
    ),
    Format(
        "TIFF",
        Modality.IMAGE,
        (".tif", ".tiff"),
        _begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
        "TIFF",
        _tiff,
    ),
    Format("WAV", Modality.AUDIO, (".wav", ".wave", ".rf64"), _riff(b"WAVE")),
    Format("FLAC", Modality.AUDIO, (".flac",), _begins(b"fLaC")),
    Format("Ogg", Modality.AUDIO, (".ogg", ".oga", ".opus"), _begins(b"OggS"), holds=_ogg),
    Format(
        "AIFF",
        Modality.AUDIO,
        (".aif", ".aiff", ".aifc"),
        lambda head: head[:4] == b"FORM" and head[8:11] == b"AIF",
    ),
    Format("AU", Modality.AUDIO, (".au", ".snd"), _begins(b".snd")),
    Format("CAF", Modality.AUDIO, (".caf",), _begins(b"caff")),
    Format("Wave64", Modality.AUDIO, (".w64",), _begins(b"riff\x2e\x91\xcf\x11")),
    Format(
        "MPEG-4 audio",
        Modality.AUDIO,
        (".m4a", ".m4b", ".m4r"),
        _is_mp4,
        "mov",
        partial(_sound_if_named, suffixes=(".m4a", ".m4b", ".m4r", ".aac"), brands=_MP4_SOUND),
    ),
    Format(
        "Matroska audio",
        Modality.AUDIO,
        (".mka", ".weba"),
        _begins(b"\x1aE\xdf\xa3"),
        "matroska",
        partial(_sound_if_named, suffixes=(".mka", ".weba"), brands=frozenset()),
    ),
    Format(
        "Windows Media audio",
        Modality.AUDIO,
        (".wma",),
        _begins(b"0&\xb2u\x8ef\xcf\x11"),
        "asf",
        partial(_sound_if_named, suffixes=(".wma",), brands=frozenset()),
    ),
    Format("MPEG-4", Modality.VIDEO, (".mp4", ".m4v", ".mov", ".qt", ".3gp"), _is_quicktime, "mov"),
    Format("Matroska", Modality.VIDEO, (".mkv", ".webm"), _begins(b"\x1aE\xdf\xa3"), "matroska"),
    Format("Windows Media", Modality.VIDEO, (".wmv", ".asf"), _begins(b"0&\xb2u\x8ef\xcf\x11"), "asf"),
    Format("Ogg video", Modality.VIDEO, (".ogv",), _begins(b"OggS"), "ogg"),
    Format("AVI", Modality.VIDEO, (".avi",), _riff(b"AVI "), "avi"),
    Format("Flash Video", Modality.VIDEO, (".flv",), _begins(b"FLV\x01"), "flv"),
    Format("MPEG", Modality.VIDEO, (".mpg", ".mpeg", ".vob"), _begins(b"\0\0\x01\xba"), "mpeg"),
    Format("MPEG transport stream", Modality.VIDEO, (".ts", ".mts", ".m2ts"), _is_transport, "mpegts"),
    Format("AC-3", Modality.AUDIO, (".ac3",), _begins(b"\x0bw"), "ac3"),
    Format("AAC", Modality.AUDIO, (".aac",), peek.is_adts, "aac"),
    Format("OpenEXR", Modality.DEPTH, (".exr",), _begins(b"v/1\x01"), "EXR"),
    Format("NumPy array", Modality.DEPTH, (".npy",), _begins(b"\x93NUMPY"), "npy", _npy),
    Format("NumPy archive", Modality.DEPTH, (".npz",), _is_npz, "npz", _npz),
    Format("motion table", Modality.IMU, (), peek.is_motion_table, "csv"),
    Format("Parquet", Modality.IMU, (".parquet",), _begins(b"PAR1"), "parquet", _parquet),
    Format("plain text", Modality.TEXT, (".txt", ".text"), _never),
    Format("Markdown", Modality.TEXT, (".md", ".markdown"), _never),
    Format("reStructuredText", Modality.TEXT, (".rst",), _never),
    Format("CSV", Modality.TEXT, (".csv", ".tsv"), _never),
    Format("HTML", Modality.TEXT, (".html", ".htm", ".xhtml"), _never, "html"),
    Format("SubRip", Modality.TEXT, (".srt",), _never, "cues"),
    Format("WebVTT", Modality.TEXT, (".vtt",), _never, "cues"),
    # Last: its marks are the weakest, and the mark of UTF-16 resembles them.
    Format("MP3", Modality.AUDIO, (".mp3", ".mp2"), peek.is_mp3),
)

BY_NAME: dict[str, Format] = {row.name: row for row in FORMATS}
BY_SUFFIX: dict[str, Format] = {suffix: row for row in FORMATS for suffix in row.suffixes}
