"""Thermal pictures: 8-bit grey as it is, anything wider stretched to what is between cold and hot."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anyseek.contracts import DecodeHint, Modality
from anyseek.errors import MediaError
from anyseek.media import decode, sniff


def grey_of(path: Path) -> np.ndarray:
    (segment,) = decode(str(path), Modality.THERMAL, DecodeHint())
    assert segment.data.dtype == np.float32
    return np.asarray(segment.data)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dog_thermal.png", Modality.THERMAL),
        ("dog.thermal.jpg", Modality.THERMAL),
        ("dog_thermal.tiff", Modality.THERMAL),
        ("thermal_dog.png", Modality.IMAGE),
    ],
)
def test_the_name_says_that_it_is_thermal(tmp_path: Path, name: str, expected: Modality) -> None:
    Image.new("L", (4, 3)).save(tmp_path / name)
    assert sniff(str(tmp_path / name)) is expected


def test_eight_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 51, 255]], np.uint8)).save(tmp_path / "a_thermal.png")
    np.testing.assert_allclose(grey_of(tmp_path / "a_thermal.png"), [[0, 0.2, 1]])


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_temperatures_are_stretched_between_cold_and_hot(tmp_path: Path, kind: type) -> None:
    """Counts of a radiometric camera: hundredths of a kelvin, one dead pixel."""
    counts = np.linspace(29_315, 31_015, 101 * 40).reshape(101, 40).astype(kind)
    counts[0, 0] = 0
    Image.fromarray(counts).save(tmp_path / "a_thermal.tif")
    grey = grey_of(tmp_path / "a_thermal.tif")
    low, high = np.percentile(counts, (1, 99))
    np.testing.assert_allclose(grey, ((counts - low) / (high - low)).clip(0, 1), atol=1e-5)
    assert grey[0, 0] == 0
    assert grey[50, 20] == pytest.approx(0.5, abs=0.01)


def test_holes_are_cold_and_nothing_but_holes_is_refused(tmp_path: Path) -> None:
    celsius = np.array([[20.0, np.nan], [30.0, 40.0]])
    np.save(tmp_path / "a_thermal.npy", celsius)
    assert grey_of(tmp_path / "a_thermal.npy")[0, 1] == 0
    np.save(tmp_path / "b_thermal.npy", celsius * np.nan)
    with pytest.raises(MediaError, match="no measured pixel"):
        grey_of(tmp_path / "b_thermal.npy")
