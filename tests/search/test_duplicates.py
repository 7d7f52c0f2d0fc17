"""Same bytes and near vectors; `mini` on a picture that was saved again, made smaller, cut, and on another one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageFilter

import anyseek
from anyseek.search.duplicates import Group

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="module")
def groups(tmp_path_factory: pytest.TempPathFactory) -> list[Group]:
    skimage_data = pytest.importorskip("skimage.data")
    folder = tmp_path_factory.mktemp("twins")
    cat, cup = Image.fromarray(skimage_data.chelsea()), Image.fromarray(skimage_data.coffee())
    cat.save(folder / "cat.png")
    shutil.copy(folder / "cat.png", folder / "copy of cat.png")
    cat.save(folder / "cat.jpg", quality=70)
    cat.resize((cat.width // 2, cat.height // 2)).save(folder / "cat-small.png")
    cup.save(folder / "cup.png")
    cup.filter(ImageFilter.GaussianBlur(1)).save(folder / "cup-blurred.png")
    with anyseek.create(folder, model="mini") as index:
        index.add(workers=1)
        return index.duplicates(0.95)


def names(group: Group) -> list[str]:
    return [Path(path).name for path in group.paths]


def test_the_same_bytes_are_one_group(groups: list[Group]) -> None:
    (same,) = [group for group in groups if group.kind == "identical"]
    assert names(same) == ["cat.png", "copy of cat.png"]


def test_what_was_saved_again_or_made_smaller_is_near_and_other_pictures_are_not(groups: list[Group]) -> None:
    near = [set(names(group)) for group in groups if group.kind == "near"]
    assert len(near) == 2
    assert {"cat.jpg", "cat-small.png"} < near[0]
    assert near[1] == {"cup.png", "cup-blurred.png"}
    assert all(0.95 <= group.cosine <= 1 for group in groups)
