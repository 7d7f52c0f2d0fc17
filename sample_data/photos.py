"""Photographs: those that installed packages ship for their own examples, copied from there when the samples are made,
and some in photographs/. `CREDITS` says whose they are, as the packages that they come from say it."""

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

HERE = Path(__file__).resolve().parent
PACKAGES = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
"""Those that are installed, and what they are called."""


@dataclass(frozen=True)
class Credit:
    """Where a photograph comes from: a file in a package (or here, from a package of Debian), what it shows, by whom,
    under which terms, and where it was published."""

    package: str
    source: str
    path: str
    shows: str
    author: str
    terms: str
    page: str = ""

    @property
    def file(self) -> Path | None:
        """None where its package is not installed."""
        here = HERE / "photographs" / self.source
        home = package_folder(self.package) if self.package in PACKAGES else None
        found = here if home is None else home / self.source
        return found if found.is_file() else None


CREDITS = tuple(
    Credit(**entry) for entry in tomllib.loads((HERE / "photos.toml").read_text(encoding="utf-8"))["photo"]
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
        if (file := credit.file) is None:
            continue
        target = folder / credit.path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
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
    for credit in CREDITS:
        author = f"[{credit.author}]({credit.page})" if credit.page else credit.author
        place = PACKAGES.get(credit.package, f"{credit.package} (Debian), made smaller")
        lines.append(f"| `{credit.path}` | {credit.shows} | {author} | {credit.terms} | {place} |")
    return "\n".join(lines) + "\n"
