"""One small valid file of each format, written by code: what the tests decode, break and mutate."""

from __future__ import annotations

import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image

RATE_HZ = 44_100
QUADRANTS = np.array(
    [[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 0)]], np.uint8
)  # red, green / blue, yellow
STORY = "The fox ran over the hill. It saw a river! Was it deep? Nobody knew."
SUBTITLES = (
    "1\n00:00:01,500 --> 00:00:04,000\n<i>Hello there.</i>\n\n2\n00:00:05,000 --> 00:00:07,250\nGoodbye.\n"
)


def quadrants(height: int = 48, width: int = 64) -> npt.NDArray[np.uint8]:
    """(height, width, 3): red, green over blue, yellow."""
    return QUADRANTS.repeat(height // 2, axis=0).repeat(width // 2, axis=1)


def tone(seconds: float, hz: float = 440.0, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float32]:
    """A sine of half the full scale."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return (0.5 * np.sin(2 * np.pi * hz * at)).astype(np.float32)


def slope(height: int = 24, width: int = 32) -> npt.NDArray[np.float32]:
    """Depth in metres from 0.5 to 4.5, with a hole in the corner."""
    metres = np.linspace(0.5, 4.5, height * width, dtype=np.float32).reshape(height, width)
    metres[0, 0] = 0
    return metres


def png(pixels: npt.NDArray[Any], colour: int, bits: int, *, size: tuple[int, int] | None = None) -> bytes:
    """A PNG by the specification, without Pillow. pixels: (H, W, C); size: a header's lie."""
    height, width = pixels.shape[:2]
    width, height = size or (width, height)
    rows = pixels.astype(">u2" if bits == 16 else "u1").reshape(pixels.shape[0], -1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(raw))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def write_av(path: Path, samples: npt.NDArray[np.float32], codec: str, rate_hz: int = RATE_HZ) -> None:
    """A recording in a container that only PyAV writes. samples: (channels, N)."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz)
        layout = "mono" if len(samples) == 1 else "stereo"
        stream.layout = layout  # type: ignore[union-attr]
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=layout)
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        for packet in (*stream.encode(frame), *stream.encode(None)):  # type: ignore[union-attr]
            container.mux(packet)


def write_video(
    path: Path,
    levels: npt.NDArray[np.int64],
    fps: int = 10,
    codec: str = "mpeg4",
    sound: npt.NDArray[np.float32] | None = None,
    size: tuple[int, int] = (64, 48),
) -> None:
    """A video whose frame i is plain grey of `levels[i]`, its left half black. sound: (N,) at RATE_HZ."""
    import av

    with av.open(str(path), "w") as container:
        video = container.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt, video.gop_size = *size, "yuv420p", fps  # type: ignore[union-attr]
        video.bit_rate = 4_000_000  # type: ignore[union-attr]
        track = container.add_stream("aac", rate=RATE_HZ) if sound is not None else None
        if track is not None:
            track.layout = "mono"  # type: ignore[union-attr]
        for number, level in enumerate(levels):
            pixels = np.full((size[1], size[0], 3), level, np.uint8)
            pixels[:, : size[0] // 2] = 0
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            container.mux(video.encode(frame))  # type: ignore[union-attr]
        container.mux(video.encode(None))  # type: ignore[union-attr]
        if track is not None and sound is not None:
            heard = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound[None]), format="fltp", layout="mono"
            )
            heard.sample_rate, heard.pts, heard.time_base = RATE_HZ, 0, Fraction(1, RATE_HZ)
            container.mux([*track.encode(heard), *track.encode(None)])  # type: ignore[union-attr]


def write_all(folder: Path) -> dict[str, Path]:
    """A file of each format, by its name."""
    paths: dict[str, Path] = {}

    def at(name: str) -> Path:
        paths[name] = folder / name
        return paths[name]

    _write_pictures(at)
    _write_sounds(at)
    _write_texts(at)
    _write_depths(at)
    _write_others(at)
    return paths


def _write_pictures(at: Any) -> None:
    import pillow_heif

    picture = Image.fromarray(quadrants())
    for name in ("a.jpg", "a.webp", "a.avif", "a.gif", "a.bmp", "a.tif", "a.png"):
        picture.save(at(name), quality=95)
    pillow_heif.from_pillow(picture).save(at("a.heic"), quality=95)


def _write_sounds(at: Any) -> None:
    sound = tone(2.5)
    soundfile.write(at("a.wav"), sound, RATE_HZ)
    soundfile.write(at("a.flac"), sound, RATE_HZ)
    soundfile.write(at("a.ogg"), sound, RATE_HZ)
    soundfile.write(at("a.opus"), tone(2.5, rate_hz=48_000), 48_000, format="OGG", subtype="OPUS")
    soundfile.write(at("a.mp3"), sound, RATE_HZ)
    soundfile.write(at("a.aiff"), sound, RATE_HZ)
    soundfile.write(at("a.au"), sound, RATE_HZ)
    soundfile.write(at("a.caf"), sound, RATE_HZ)
    soundfile.write(at("a.w64"), sound, RATE_HZ)
    write_av(at("a.m4a"), sound[None], "aac")
    write_av(at("a.aac"), sound[None], "aac")
    write_av(at("a.ac3"), sound[None], "ac3")
    write_av(at("a.mka"), sound[None], "aac")


def _write_texts(at: Any) -> None:
    at("a.txt").write_text(STORY, "utf-8")
    at("b.txt").write_text(STORY, "utf-16")
    at("a.md").write_text(f"# A fox\n\n{STORY}\n", "utf-8")
    at("a.rst").write_text(f"A fox\n=====\n\n{STORY}\n", "utf-8")
    at("a.csv").write_text(f'name,what\nfox,"{STORY}"\n', "utf-8")
    at("a.html").write_text(f"<!doctype html><title>A</title><p>{STORY}<script>x()</script>", "utf-8")
    at("a.srt").write_text(SUBTITLES, "utf-8")
    at("a.vtt").write_text("WEBVTT\n\n" + SUBTITLES.replace(",", "."), "utf-8")


def _write_depths(at: Any) -> None:
    import OpenEXR

    metres = slope()
    at("d.png").write_bytes(png(np.rint(metres * 1000)[..., None], 0, 16))
    Image.fromarray(metres).save(at("d.tif"))
    np.save(at("d.npy"), metres)
    np.savez(at("d.npz"), depth=metres)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.File(header, {"Z": metres}).write(str(at("d.exr")))


MODALITY_OF = {
    **dict.fromkeys(("jpg", "webp", "avif", "gif", "bmp", "tif", "png", "heic"), "image"),
    **dict.fromkeys(("wav", "flac", "ogg", "opus", "mp3", "aiff", "au", "caf", "w64"), "audio"),
    **dict.fromkeys(("m4a", "aac", "ac3", "mka"), "audio"),
    **dict.fromkeys(("mp4", "mov", "mkv", "avi", "mpg", "ts"), "video"),
    **dict.fromkeys(("txt", "md", "rst", "csv", "html", "srt", "vtt"), "text"),
}


def modality_of(name: str) -> str:
    """What `write_all`'s file of this name holds."""
    if name in ("a_thermal.png", "m.csv"):
        return "thermal" if name == "a_thermal.png" else "imu"
    return "depth" if name.startswith("d.") else MODALITY_OF[name.partition(".")[2]]


def motion(n: int = 500, rate_hz: float = 100.0) -> npt.NDArray[np.float64]:
    """(n, 7): seconds, then six slow waves, each of its own speed."""
    seconds = np.arange(n) / rate_hz
    return np.column_stack([seconds, *(np.sin(seconds * speed) for speed in range(1, 7))])


def _write_others(at: Any) -> None:
    for name in ("a.mp4", "a.mov", "a.mkv", "a.avi", "a.mpg", "a.ts"):
        write_video(at(name), np.arange(25) * 10, 25, "mpeg2video" if name in ("a.mpg", "a.ts") else "mpeg4")
    Image.fromarray(quadrants()).save(at("a_thermal.png"))
    np.savetxt(at("m.csv"), motion(), delimiter=",", header="t,ax,ay,az,gx,gy,gz", comments="")
