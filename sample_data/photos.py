"""Photographs that installed packages ship for their own examples: copied when the samples are made, never
kept in this repository. `CREDITS` says whose they are, as the packages' own documentation says it."""

# numpy's own types call a sum of arrays Any.
# mypy: disable-error-code="no-any-return"
from __future__ import annotations

import importlib.util
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Credit:
    """Where a photograph comes from: a file in a package, what it shows, by whom, under which terms."""

    package: str
    source: str
    path: str
    shows: str
    author: str
    terms: str


CREDITS = tuple(
    Credit(**entry)
    for entry in tomllib.loads(Path(__file__).with_name("photos.toml").read_text(encoding="utf-8"))["photo"]
)

# The calibration of the Middlebury pair as scikit-image's stereo_motorcycle() documents it.
FOCAL_PX, BASELINE_M, OFFSET_PX = 994.978, 0.193001, 31.086


def package_folder(package: str) -> Path | None:
    """Where a package is installed, found without importing it."""
    spec = importlib.util.find_spec(package)
    places = list(spec.submodule_search_locations or []) if spec else []
    return Path(places[0]) if places else None


def copy_photos(folder: Path) -> list[Path]:
    """Copies of all photographs whose packages are installed, and the depth map of one of them."""
    copied = []
    for credit in CREDITS:
        home = package_folder(credit.package)
        if home is None or not (home / credit.source).is_file():
            continue
        target = folder / credit.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home / credit.source, target)
        copied.append(target)
    home = package_folder("skimage")
    if home is not None and (home / "data/motorcycle_disp.npz").is_file():
        target = folder / "scans/garage_depth.npy"
        target.parent.mkdir(parents=True, exist_ok=True)
        np.save(target, motorcycle_depth(home / "data/motorcycle_disp.npz"))
        copied.append(target)
    return copied


def motorcycle_depth(disparities: Path) -> npt.NDArray[np.float32]:
    """Metres (H, W) float32 from the measured disparities, NaN where there are none."""
    with np.load(disparities) as arrays:
        disparity = arrays["arr_0"].astype(np.float32)
    disparity[~np.isfinite(disparity)] = np.nan
    return (FOCAL_PX * BASELINE_M / (disparity + OFFSET_PX)).astype(np.float32)


def credits_table() -> str:
    """The credits as a Markdown table."""
    lines = ["| file | shows | by | terms | from |", "| --- | --- | --- | --- | --- |"]
    names = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
    lines += [
        f"| `{credit.path}` | {credit.shows} | {credit.author} | {credit.terms} | {names[credit.package]} |"
        for credit in CREDITS
    ]
    return "\n".join(lines) + "\n"
