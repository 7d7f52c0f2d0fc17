from __future__ import annotations

import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import media_files
import numpy as np
import numpy.typing as npt
import pytest
from numpy.lib import format as npy
from PIL import Image

from anyseek.contracts import DecodeHint, Limits, Modality, Span
from anyseek.errors import MediaError
from anyseek.media import decode


def metres_of(path: Path, **hint: Any) -> npt.NDArray[np.float32]:
    (segment,) = decode(str(path), Modality.DEPTH, DecodeHint(**hint))
    assert segment.modality is Modality.DEPTH
    assert segment.span == Span()
    data: npt.NDArray[np.float32] = segment.data
    assert data.dtype == np.float32
    assert data.ndim == 2
    return data


def error_of(path: Path, **hint: Any) -> MediaError:
    with pytest.raises(MediaError) as caught:
        metres_of(path, **hint)
    assert path.name in caught.value.message
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("name", "tolerance"), [("d.png", 0.00051), ("d.tif", 0), ("d.npy", 0), ("d.npz", 0), ("d.exr", 0)]
)
def test_every_format_gives_metres_and_a_hole(files: dict[str, Path], name: str, tolerance: float) -> None:
    got, expected = metres_of(files[name]), media_files.slope()
    expected[0, 0] = np.nan
    np.testing.assert_allclose(got, expected, rtol=0, atol=tolerance)


def test_units(files: dict[str, Path], tmp_path: Path) -> None:
    raw = np.array([[1000, 2000]], np.uint16)
    Image.fromarray(raw).save(tmp_path / "x.png")
    Image.fromarray(raw).save(tmp_path / "x_depth.tif")
    np.save(tmp_path / "x.npy", raw)
    np.testing.assert_allclose(metres_of(tmp_path / "x.png"), [[1, 2]])
    np.testing.assert_allclose(metres_of(tmp_path / "x_depth.tif"), [[1, 2]])
    np.testing.assert_allclose(metres_of(tmp_path / "x.npy"), [[1000, 2000]])
    for name in ("x.png", "x_depth.tif", "x.npy"):
        np.testing.assert_allclose(metres_of(tmp_path / name, depth_unit=0.0002), [[0.2, 0.4]])
    np.testing.assert_allclose(metres_of(files["d.exr"], depth_unit=2)[1:], media_files.slope()[1:] * 2)


def test_eight_bit_depth_needs_a_unit(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 100]], np.uint8)).save(tmp_path / "x_depth.png")
    error = error_of(tmp_path / "x_depth.png")
    assert error.reason == "no-unit"
    assert "--depth-unit" in error.hint
    np.testing.assert_allclose(metres_of(tmp_path / "x_depth.png", depth_unit=0.1), [[np.nan, 10]])


def test_what_was_not_measured_is_a_hole(tmp_path: Path) -> None:
    raw = np.array([[0, -1, np.nan, np.inf, -np.inf, 1e300, 2.5]], np.float64)
    np.save(tmp_path / "x.npy", raw)
    np.testing.assert_array_equal(metres_of(tmp_path / "x.npy"), [[np.nan] * 6 + [2.5]])
    np.save(tmp_path / "y.npy", raw[:, :5])
    assert error_of(tmp_path / "y.npy").reason == "empty"
    np.save(tmp_path / "z.npy", np.zeros((0, 5)))
    assert error_of(tmp_path / "z.npy").reason == "empty"


def test_stored_orders_and_types(tmp_path: Path) -> None:
    expected = media_files.slope()[:, 1:].astype(np.float32)
    for array in (
        np.asfortranarray(expected),
        expected.astype(">f4"),
        expected.astype(np.float64),
        (expected * 4).astype(np.float16).astype(np.float32) / 4,
    ):
        np.save(tmp_path / "x.npy", array)
        np.testing.assert_allclose(metres_of(tmp_path / "x.npy"), array, rtol=1e-6)
    np.savez_compressed(tmp_path / "x.npz", colour=np.ones((2, 2, 3)), other=expected * 2, depth_m=expected)
    np.testing.assert_array_equal(metres_of(tmp_path / "x.npz"), expected)  # the one called depth


def test_exr_channels(tmp_path: Path) -> None:
    OpenEXR = pytest.importorskip("OpenEXR")
    metres, other = media_files.slope(), np.ones((24, 32), np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    for channels in ({"R": other, "G": other, "B": other, "Z": metres}, {"thing": metres}, {"depth": metres}):
        OpenEXR.File(header, dict(channels)).write(str(tmp_path / "x.exr"))
        np.testing.assert_array_equal(metres_of(tmp_path / "x.exr")[1:], metres[1:])
    half = metres.astype(np.float16)
    OpenEXR.File(header, {"Z": half}).write(str(tmp_path / "x.exr"))
    np.testing.assert_array_equal(metres_of(tmp_path / "x.exr")[1:], half[1:].astype(np.float32))
    OpenEXR.File(header, {"R": other, "G": other, "B": other}).write(str(tmp_path / "x.exr"))
    error = error_of(tmp_path / "x.exr")
    assert error.reason == "unsupported"
    assert "B, G, R" in error.message


def test_a_missing_exr_reader_is_named(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    error = error_of(files["d.exr"])
    assert error.reason == "missing-reader"
    assert error.hint == 'pip install "anyseek[exr]"'


def test_headers_that_promise_too_much(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((4, 5), np.float32))
    data = (tmp_path / "x.npy").read_bytes()
    (tmp_path / "bomb.npy").write_bytes(data.replace(b"(4, 5), }" + b" " * 12, b"(400000, 500000), }  "))
    assert error_of(tmp_path / "bomb.npy").reason == "too-many-pixels"
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "bomb.npy", "depth.npy")
    assert error_of(tmp_path / "bomb.npz").reason == "too-many-pixels"
    (tmp_path / "short.npy").write_bytes(data[:-3])
    assert error_of(tmp_path / "short.npy").reason == "truncated"
    assert error_of(tmp_path / "x.npy", limits=Limits(max_pixels=19)).reason == "too-many-pixels"


@pytest.mark.parametrize("name", ["x.npy", "x.npz"])
@pytest.mark.parametrize("version", [2, 3])
def test_no_room_is_made_for_a_header_that_says_it_is_of_gigabytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, version: int
) -> None:
    data = b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<I", 0xF000_0000) + b"{'descr': '<f4', "
    if name == "x.npy":
        (tmp_path / name).write_bytes(data)
    else:
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("depth.npy", data)
    monkeypatch.setattr(npy, "read_array_header_2_0", lambda stream: pytest.fail("NumPy makes the room"))
    assert error_of(tmp_path / name).reason == "broken"


def test_an_archive_of_thousands_of_members_is_refused_by_its_end(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.npz", "w") as archive:
        for n in range(10_000):
            archive.writestr(f"{n}.npy", b"")
    error = error_of(tmp_path / "many.npz")
    assert error.reason == "broken"
    assert "too many members" in error.message


@pytest.mark.parametrize("name", ["d.png", "d.tif", "d.npz", "d.exr"])
def test_truncated_files_are_refused(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    data = files[name].read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
    assert error_of(tmp_path / name).reason in ("truncated", "broken")


def test_other_float_tiffs_say_what_to_do(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    tifffile.imwrite(tmp_path / "x.tif", media_files.slope().astype(np.float64))
    error = error_of(tmp_path / "x.tif")
    assert error.reason in ("broken", "unsupported")
    assert "32-bit" in error.hint


def test_colour_is_no_depth(files: dict[str, Path]) -> None:
    assert error_of(files["a.png"]).reason == "wrong-modality"
    assert error_of(files["a.jpg"]).reason == "wrong-modality"
