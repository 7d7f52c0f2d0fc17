"""Golden pixels come from numpy and the formats' specifications, not from the code under test."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import media_files
import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image

from anyseek.contracts import DecodeHint, Limits, Modality, Span
from anyseek.errors import MediaError
from anyseek.media import arrays, decode
from anyseek.media.readers import images

Pixels = npt.NDArray[np.uint8]


def pixels_of(path: Path, **hint: Any) -> Pixels:
    (segment,) = decode(str(path), Modality.IMAGE, DecodeHint(**hint))
    assert segment.modality is Modality.IMAGE
    assert segment.span == Span()
    data: Pixels = segment.data
    assert data.dtype == np.uint8
    assert data.ndim == 3
    assert data.shape[2] == 3
    return data


def error_of(path: Path, **hint: Any) -> MediaError:
    with pytest.raises(MediaError) as caught:
        pixels_of(path, **hint)
    assert path.name in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.avif", "a.gif", "a.bmp", "a.tif", "a.heic"])
def test_every_format_gives_the_same_picture(files: dict[str, Path], name: str) -> None:
    got = pixels_of(files[name])
    assert got.shape == (48, 64, 3)
    centres = got[12::24, 16::32].astype(int)
    assert abs(centres - media_files.QUADRANTS).max() <= 12  # lossy formats shift colours a little


UPRIGHT = {
    1: lambda p: p,
    2: np.fliplr,
    3: lambda p: np.rot90(p, 2),
    4: np.flipud,
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).transpose(1, 0, 2),
    8: lambda p: np.rot90(p, 1),
}


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_exif_orientation_is_honoured(tmp_path: Path, orientation: int, suffix: str) -> None:
    stored = media_files.quadrants()
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(stored).save(tmp_path / f"x.{suffix}", exif=exif, **options)
    np.testing.assert_array_equal(pixels_of(tmp_path / f"x.{suffix}"), UPRIGHT[orientation](stored))


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("suffix", ["avif", "heic", "jpg"])
def test_exif_orientation_of_lossy_formats(tmp_path: Path, orientation: int, suffix: str) -> None:
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(media_files.quadrants())
    picture.save(tmp_path / f"x.{suffix}", exif=exif.tobytes(), quality=95)
    got, expected = pixels_of(tmp_path / f"x.{suffix}"), UPRIGHT[orientation](media_files.quadrants())
    assert got.shape == expected.shape
    assert abs(got.astype(int) - expected).mean() < 8


def test_exif_orientation_of_a_draft_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(media_files.quadrants(480, 640)).save(tmp_path / "x.jpg", exif=exif)
    got = pixels_of(tmp_path / "x.jpg", min_side=100)
    assert got.shape == (160, 120, 3)  # a quarter, turned
    assert (got[:70, :50] > 200).all(axis=(0, 1)).tolist() == [False, False, True]  # blue came up


def test_damaged_exif_costs_neither_the_picture_nor_a_warning(tmp_path: Path) -> None:
    exif = b"Exif\0\0" + b"II*\0\x08\0\0\0\xff\xff" + b"\x12\x01\x03\0\xff\xff\xff\xff" * 3
    Image.fromarray(media_files.quadrants()).save(tmp_path / "x.jpg", exif=exif, quality=95)
    assert pixels_of(tmp_path / "x.jpg").shape == (48, 64, 3)


def test_a_jpeg_is_drafted_no_smaller_than_asked(tmp_path: Path) -> None:
    Image.fromarray(media_files.quadrants(1200, 1600)).save(tmp_path / "x.jpg")
    assert pixels_of(tmp_path / "x.jpg").shape == (1200, 1600, 3)
    for min_side in (1, 64, 150, 151, 300, 600, 1199):
        shape = pixels_of(tmp_path / "x.jpg", min_side=min_side).shape
        assert min(shape[:2]) >= min_side
        assert min_side > 600 or shape[0] < 1200


def test_alpha_lies_over_white(tmp_path: Path) -> None:
    rgba = np.zeros((2, 3, 4), np.uint8)
    rgba[..., 0], rgba[..., 3] = 255, [[0, 128, 255]] * 2
    expected = np.array([(255, 255, 255), (255, 127, 127), (255, 0, 0)])
    for name, options in (("x.png", {}), ("x.tif", {}), ("x.webp", {"lossless": True, "exact": True})):
        Image.fromarray(rgba).save(tmp_path / name, **options)
        assert abs(pixels_of(tmp_path / name).astype(int) - expected).max() <= 1, name


def test_grey_with_alpha_and_palette_with_transparency(tmp_path: Path) -> None:
    grey = np.array([[(0, 255), (0, 0)]], np.uint8)
    Image.fromarray(grey, "LA").save(tmp_path / "la.png")
    np.testing.assert_array_equal(pixels_of(tmp_path / "la.png")[0], [(0, 0, 0), (255, 255, 255)])
    palette = Image.new("P", (2, 1))
    palette.putpalette([10, 20, 30, 200, 100, 50])
    palette.putdata([0, 1])
    palette.save(tmp_path / "p.png")
    np.testing.assert_array_equal(pixels_of(tmp_path / "p.png")[0], [(10, 20, 30), (200, 100, 50)])
    palette.save(tmp_path / "t.png", transparency=0)
    np.testing.assert_array_equal(pixels_of(tmp_path / "t.png")[0], [(255, 255, 255), (200, 100, 50)])
    palette.save(tmp_path / "b.png", transparency=bytes([255, 0]))
    np.testing.assert_array_equal(pixels_of(tmp_path / "b.png")[0], [(10, 20, 30), (255, 255, 255)])


def test_black_and_white_and_grey(tmp_path: Path) -> None:
    bits = np.array([[True, False]])
    for suffix in ("png", "tif", "bmp", "gif"):
        Image.fromarray(bits).save(tmp_path / f"x.{suffix}")
        np.testing.assert_array_equal(pixels_of(tmp_path / f"x.{suffix}")[0], [(255,) * 3, (0,) * 3])
    Image.fromarray(np.array([[7, 77]], np.uint8)).save(tmp_path / "l.png")
    np.testing.assert_array_equal(pixels_of(tmp_path / "l.png")[0], [(7,) * 3, (77,) * 3])


def test_cmyk(tmp_path: Path) -> None:
    ink = np.zeros((16, 16, 4), np.uint8)
    ink[..., 1] = ink[..., 2] = 255  # magenta and yellow make red
    for name in ("x.jpg", "x.tif"):
        Image.fromarray(ink, "CMYK").save(tmp_path / name)
        assert abs(pixels_of(tmp_path / name).astype(int) - (255, 0, 0)).max() <= 6, name


def test_sixteen_bit_grey_is_scaled_not_clipped(tmp_path: Path) -> None:
    values = np.arange(0, 65_536, 257 // 2, dtype=np.uint16).reshape(1, -1)
    expected = np.rint(values / 257).astype(np.uint8)
    (tmp_path / "x.png").write_bytes(media_files.png(values[..., None], 0, 16))
    Image.fromarray(values).save(tmp_path / "x.tif")
    for name in ("x.png", "x.tif"):
        np.testing.assert_array_equal(pixels_of(tmp_path / name)[..., 0], expected)


def test_sixteen_bit_colour_is_scaled(tmp_path: Path) -> None:
    values = np.linspace(0, 65_535, 3 * 64).reshape(8, 8, 3).astype(np.uint16)
    (tmp_path / "x.png").write_bytes(media_files.png(values, 2, 16))
    assert abs(pixels_of(tmp_path / "x.png") - values / 257).max() <= 1


def test_depth_seen_as_a_picture_has_contrast(tmp_path: Path) -> None:
    Image.fromarray(media_files.slope()).save(tmp_path / "x.tif")
    got = pixels_of(tmp_path / "x.tif")
    assert got.min() == 0
    assert got.max() == 255


def test_first_frame_and_first_page(tmp_path: Path) -> None:
    red, blue = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    for name in ("x.gif", "x.tif", "x.webp", "x.png", "x.avif"):
        options = {"lossless": True} if name == "x.webp" else {}
        red.save(tmp_path / name, save_all=True, append_images=[blue], **options)
        assert abs(pixels_of(tmp_path / name)[4, 4].astype(int) - (255, 0, 0)).max() <= 6, name


def test_a_picture_in_memory() -> None:
    picture = Image.fromarray(media_files.quadrants()).convert("P")
    np.testing.assert_array_equal(images.upright_rgb(picture), media_files.quadrants())
    picture = Image.fromarray(np.full((2, 2, 4), 0, np.uint8))
    np.testing.assert_array_equal(images.upright_rgb(picture), np.full((2, 2, 3), 255))


def test_a_lazily_opened_picture_that_is_cut_short(files: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(files["a.png"].read_bytes()[:90])
    with Image.open(tmp_path / "x.png") as picture, pytest.raises(MediaError) as caught:
        images.upright_rgb(picture)
    assert caught.value.reason == "truncated"


def test_one_segment_however_it_is_asked_for(files: dict[str, Path]) -> None:
    path = str(files["a.png"])
    assert not list(decode(path, Modality.IMAGE, DecodeHint(), first=1))
    assert not list(decode(path, Modality.IMAGE, DecodeHint(), count=0))
    assert len(list(decode(path, Modality.IMAGE, DecodeHint(), first=0, count=5))) == 1


# ---------------------------------------------------------------- bad input


def test_bombs_are_refused_by_their_headers(tmp_path: Path) -> None:
    tiny = np.zeros((1, 1, 3))
    (tmp_path / "x.png").write_bytes(media_files.png(tiny, 2, 8, size=(30_000, 30_000)))
    webp = b"WEBPVP8X" + struct.pack("<IB3x", 10, 0) + b"\xff\x3f\0\xff\x3f\0"
    (tmp_path / "x.webp").write_bytes(b"RIFF" + struct.pack("<I", len(webp)) + webp)
    (tmp_path / "x.gif").write_bytes(b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\2\1\0\0;")
    bmp = struct.pack("<IiiHHIIiiII", 40, 40_000, 40_000, 1, 24, 0, 0, 0, 0, 0, 0)
    (tmp_path / "x.bmp").write_bytes(b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + bmp)
    for name in ("x.png", "x.webp", "x.gif", "x.bmp"):
        error = error_of(tmp_path / name)
        assert error.reason == "too-many-pixels", name
        assert "200 million" in error.message


def test_the_pixel_limit_is_the_callers(tmp_path: Path) -> None:
    Image.fromarray(media_files.quadrants()).save(tmp_path / "x.png")
    assert error_of(tmp_path / "x.png", limits=Limits(max_pixels=48 * 64 - 1)).reason == "too-many-pixels"
    assert pixels_of(tmp_path / "x.png", limits=Limits(max_pixels=48 * 64)).shape == (48, 64, 3)
    # Pillow's own guard would warn at 90 and refuse at 179 million pixels: it gives way to the limit.
    wide = np.zeros((1, 1, 3))
    (tmp_path / "y.png").write_bytes(media_files.png(wide, 2, 8, size=(10_000, 19_000)))
    assert error_of(tmp_path / "y.png").reason == "truncated"
    assert Image.MAX_IMAGE_PIXELS == 89_478_485


def test_the_byte_limit(files: dict[str, Path]) -> None:
    assert error_of(files["a.png"], limits=Limits(max_bytes=20)).reason == "too-large"


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.gif", "a.tif", "a.bmp", "a.avif", "a.heic"])
def test_truncated_files_are_refused(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    data = files[name].read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    assert error_of(tmp_path / name).reason in ("truncated", "broken")


def test_a_truncated_jpeg_is_said_to_be_cut_short(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (200, 300, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "x.jpg")
    data = (tmp_path / "x.jpg").read_bytes()
    for share in (0.3, 0.7, 0.99):
        (tmp_path / "x.jpg").write_bytes(data[: int(len(data) * share)])
        error = error_of(tmp_path / "x.jpg")
        assert error.reason == "truncated"
        assert "cut short" in error.message


def test_a_png_with_a_wrong_checksum_is_refused(files: dict[str, Path], tmp_path: Path) -> None:
    data = bytearray(files["a.png"].read_bytes())
    at = data.index(b"IDAT")
    length = int.from_bytes(data[at - 4 : at], "big")
    data[at + 4 + length] ^= 1  # its checksum, nothing else: the pixels are whole, and yet
    (tmp_path / "x.png").write_bytes(data)
    error = error_of(tmp_path / "x.png")
    assert error.reason == "broken"
    assert "checksum" in error.message
    assert zlib.crc32(bytes(data[at : at + 4 + length])) != int.from_bytes(
        data[at + 4 + length : at + 8 + length], "big"
    )


def test_a_missing_reader_is_named_with_the_command(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    error = error_of(files["a.heic"])
    assert error.reason == "missing-reader"
    assert error.hint == 'pip install "anyseek[heic]"'


def test_sound_is_no_picture(files: dict[str, Path]) -> None:
    assert error_of(files["a.wav"]).reason == "wrong-modality"
    assert error_of(files["d.npy"]).reason == "wrong-modality"


# ---------------------------------------------------------------- large ones


def test_what_is_within_the_limit_is_read_whatever_pillows_own_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow's refused a TIFF of 196 million pixels in the middle of decoding it."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name, more in (
        ("a.tif", {}),
        ("b.tif", {"compression": "tiff_deflate"}),
        ("c.gif", {}),
        ("d.png", {}),
    ):
        Image.new("RGB", (40, 30), "red").save(tmp_path / name, **more)  # type: ignore[arg-type]
        assert (pixels_of(tmp_path / name, limits=Limits(max_pixels=1200)) == (255, 0, 0)).all()
        assert error_of(tmp_path / name, limits=Limits(max_pixels=1199)).reason == "too-many-pixels"
    assert Image.MAX_IMAGE_PIXELS == 100


@pytest.mark.parametrize("mode", ["RGBA", "LA", "I;16", "F", "I"])
def test_bands_make_the_picture_that_is_made_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    rng = np.random.default_rng(0)
    values = {
        "RGBA": lambda: rng.integers(0, 256, (37, 21, 4)).astype(np.uint8),
        "LA": lambda: rng.integers(0, 256, (37, 21, 2)).astype(np.uint8),
        "I;16": lambda: rng.integers(0, 65_536, (37, 21)).astype(np.uint16),
        "F": lambda: rng.normal(size=(37, 21)).astype(np.float32),
        "I": lambda: rng.integers(-9, 99_999, (37, 21)).astype(np.int32),
    }[mode]()
    picture = Image.fromarray(values)
    at_once = images.upright_rgb(picture)
    monkeypatch.setattr(arrays, "_BAND_PIXELS", 100)
    assert np.array_equal(images.upright_rgb(picture), at_once)
    assert len(np.unique(at_once)) > 50
