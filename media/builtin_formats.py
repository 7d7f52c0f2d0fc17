"""The built-in formats, a row each, and the functions by which they are recognised."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from anyseek.contracts import Modality
from anyseek.media import peek, signatures
from anyseek.media.format import Format
from anyseek.media.source import Source

AUDIO = "anyseek.media.readers.audio:read"
DEPTH = "anyseek.media.readers.depth:read"
IMAGES = "anyseek.media.readers.images:read"
MOTION = "anyseek.media.readers.motion:read"
TEXTS = "anyseek.media.readers.texts:read"
THERMAL = "anyseek.media.readers.thermal:read"
VIDEO = "anyseek.media.readers.video:read"

PICTURE_CAPTION = "anyseek.media.captions:of_picture"
TAGS = "anyseek.media.captions:of_recording"

# ---------------------------------------------------------------- by a closer look


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


def _sound_if(*suffixes: str, brands: frozenset[bytes] = frozenset()) -> Callable[[Source], Modality | None]:
    """Containers of sound or video: sound where the name or the brand says so; else the row of videos follows."""

    def classify(source: Source) -> Modality | None:
        is_sound = source.suffix in suffixes or bool(brands & signatures.brands(source.head()))
        return Modality.AUDIO if is_sound else None

    return classify


# ---------------------------------------------------------------- the rows


def _picture(
    name: str,
    suffixes: tuple[str, ...],
    matches: Callable[[bytes], bool],
    library: str,
    classify: Callable[[Source], Modality | None] | None = None,
) -> Format:
    """library: Pillow's name of it. Any picture is taken as depth or thermal when a caller says so."""
    return Format(
        name=name,
        modality=Modality.IMAGE,
        suffixes=suffixes,
        reader=IMAGES,
        matches=matches,
        classify=classify,
        library=library,
        taken_as={Modality.DEPTH: DEPTH, Modality.THERMAL: THERMAL},
        caption=PICTURE_CAPTION,
    )


def _sound(
    name: str,
    suffixes: tuple[str, ...],
    matches: Callable[[bytes], bool],
    classify: Callable[[Source], Modality | None] | None = None,
    *,
    library: str = "",
    caption: str = TAGS,
) -> Format:
    """library: FFmpeg's name of it; empty for what libsndfile reads."""
    return Format(
        name=name,
        modality=Modality.AUDIO,
        suffixes=suffixes,
        reader=AUDIO,
        matches=matches,
        classify=classify,
        library=library,
        caption=caption,
    )


def _video(name: str, suffixes: tuple[str, ...], matches: Callable[[bytes], bool], library: str) -> Format:
    """library: FFmpeg's name of it. All frames of a window are decoded for models that support video."""
    return Format(
        name=name,
        modality=Modality.VIDEO,
        suffixes=suffixes,
        reader=VIDEO,
        matches=matches,
        library=library,
        yields=(Modality.VIDEO, Modality.IMAGE, Modality.AUDIO),
        segments_per_task={Modality.VIDEO: 3},
    )


def _text(name: str, suffixes: tuple[str, ...], library: str = "") -> Format:
    """Plain text is read by Python alone; pages and subtitles by parsers that some texts keep busy for minutes."""
    return Format(
        name=name,
        modality=Modality.TEXT,
        suffixes=suffixes,
        reader=TEXTS,
        library=library,
        needs_worker=bool(library),
    )


_MP4_SOUND = frozenset({b"M4A ", b"M4B "})
_MATROSKA = b"\x1aE\xdf\xa3"
_ASF = b"0&\xb2u\x8ef\xcf\x11"

PLAIN_TEXT = _text("plain text", (".txt", ".text"))
HTML = _text("HTML", (".html", ".htm", ".xhtml"), "html")

FORMATS: tuple[Format, ...] = (
    _picture("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), signatures.begins(b"\xff\xd8\xff"), "JPEG", _photo),
    _picture("PNG", (".png", ".apng"), signatures.begins(b"\x89PNG\r\n\x1a\n"), "PNG", _png),
    _picture("GIF", (".gif",), signatures.begins(b"GIF87a", b"GIF89a"), "GIF"),
    _picture("WebP", (".webp",), signatures.riff(b"WEBP"), "WEBP"),
    _picture("AVIF", (".avif",), signatures.is_avif, "AVIF"),
    _picture("HEIC", (".heic", ".heif", ".hif"), signatures.is_heic, "HEIF"),
    _picture("BMP", (".bmp", ".dib"), signatures.is_bmp, "BMP", _photo),
    _picture(
        "TIFF", (".tif", ".tiff"), signatures.begins(b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF", _tiff
    ),
    _sound("WAV", (".wav", ".wave", ".rf64"), signatures.riff(b"WAVE")),
    _sound("FLAC", (".flac",), signatures.begins(b"fLaC")),
    _sound("Ogg", (".ogg", ".oga", ".opus"), signatures.begins(b"OggS"), _ogg),
    _sound("AIFF", (".aif", ".aiff", ".aifc"), signatures.is_aiff),
    _sound("AU", (".au", ".snd"), signatures.begins(b".snd")),
    _sound("CAF", (".caf",), signatures.begins(b"caff")),
    _sound("Wave64", (".w64",), signatures.begins(b"riff\x2e\x91\xcf\x11")),
    _sound(
        "MPEG-4 audio",
        (".m4a", ".m4b", ".m4r"),
        signatures.is_mp4,
        _sound_if(".m4a", ".m4b", ".m4r", ".aac", brands=_MP4_SOUND),
        library="mov",
    ),
    _sound(
        "Matroska audio",
        (".mka", ".weba"),
        signatures.begins(_MATROSKA),
        _sound_if(".mka", ".weba"),
        library="matroska",
        caption="",
    ),
    _sound("Windows Media audio", (".wma",), signatures.begins(_ASF), _sound_if(".wma"), library="asf"),
    _video("MPEG-4", (".mp4", ".m4v", ".mov", ".qt", ".3gp"), signatures.is_quicktime, "mov"),
    _video("Matroska", (".mkv", ".webm"), signatures.begins(_MATROSKA), "matroska"),
    _video("Windows Media", (".wmv", ".asf"), signatures.begins(_ASF), "asf"),
    _video("Ogg video", (".ogv",), signatures.begins(b"OggS"), "ogg"),
    _video("AVI", (".avi",), signatures.riff(b"AVI "), "avi"),
    _video("Flash Video", (".flv",), signatures.begins(b"FLV\x01"), "flv"),
    _video("MPEG", (".mpg", ".mpeg", ".vob"), signatures.begins(b"\0\0\x01\xba"), "mpeg"),
    _video("MPEG transport stream", (".ts", ".mts", ".m2ts"), signatures.is_transport, "mpegts"),
    _sound("AC-3", (".ac3",), signatures.begins(b"\x0bw"), library="ac3", caption=""),
    _sound("AAC", (".aac",), peek.is_adts, library="aac", caption=""),
    Format(
        name="OpenEXR",
        modality=Modality.DEPTH,
        suffixes=(".exr",),
        reader=DEPTH,
        matches=signatures.begins(b"v/1\x01"),
        library="EXR",
    ),
    Format(
        name="NumPy array",
        modality=Modality.DEPTH,
        suffixes=(".npy",),
        reader=DEPTH,
        matches=signatures.begins(b"\x93NUMPY"),
        classify=_npy,
        library="npy",
        taken_as={Modality.THERMAL: THERMAL, Modality.IMU: MOTION},
    ),
    Format(
        name="NumPy archive",
        modality=Modality.DEPTH,
        suffixes=(".npz",),
        reader=DEPTH,
        matches=signatures.is_npz,
        classify=_npz,
        library="npz",
    ),
    Format(
        name="motion table",
        modality=Modality.IMU,
        suffixes=(),
        reader=MOTION,
        matches=peek.is_motion_table,
        library="csv",
    ),
    Format(
        name="Parquet",
        modality=Modality.IMU,
        suffixes=(".parquet",),
        reader=MOTION,
        matches=signatures.begins(b"PAR1"),
        classify=_parquet,
        library="parquet",
    ),
    PLAIN_TEXT,
    _text("Markdown", (".md", ".markdown")),
    _text("reStructuredText", (".rst",)),
    _text("CSV", (".csv", ".tsv")),
    HTML,
    _text("SubRip", (".srt",), "srt"),
    _text("WebVTT", (".vtt",), "vtt"),
    # Last: its marks are the weakest, and the mark of UTF-16 resembles them.
    replace(
        _sound("MP3", (".mp3", ".mp2"), peek.is_mp3),
        matches_named=partial(peek.is_mp3, is_named=True),
        is_weakly_marked=True,
    ),
)
