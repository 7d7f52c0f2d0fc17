"""Same bytes and near vectors; `mini` on a picture that was saved again, made smaller, cut, and on another one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

import anyseek
from anyseek.library.duplicates import Group
from anyseek.search.near_copies import group_near_copies

SAMPLES = Path(__file__).parents[2] / "sample_data"


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[anyseek.Index]:
    """Four pictures of a cat, two of a cup."""
    skimage_data = pytest.importorskip("skimage.data")
    folder = tmp_path_factory.mktemp("twins")
    cat, cup = Image.fromarray(skimage_data.chelsea()), Image.fromarray(skimage_data.coffee())
    cat.save(folder / "cat.png")
    shutil.copy(folder / "cat.png", folder / "copy of cat.png")
    cat.save(folder / "cat.jpg", quality=85)
    cat.resize((cat.width // 2, cat.height // 2)).save(folder / "cat-small.png")
    cup.save(folder / "cup.png")
    cup.filter(ImageFilter.GaussianBlur(1)).save(folder / "cup-blurred.png")
    with anyseek.create(folder, model="mini") as index:
        index.add(workers=1)
        yield index


@pytest.fixture(scope="module")
def groups(twins: anyseek.Index) -> list[Group]:
    return twins.library.duplicates(0.95)


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


def test_folded_results_are_as_many_and_name_the_copies(twins: anyseek.Index) -> None:
    plain = twins.search("a cat", to="image", k=2)
    assert {Path(hit.path).stem[:3] for hit in plain} == {"cat"} or plain[0].path.endswith("copy of cat.png")
    cat, cup = twins.search("a cat", to="image", k=2, fold=True)
    assert [cat.rank, cup.rank] == [1, 2]
    assert cat.score == plain[0].score
    told = {Path(path).name for path in (cat.path, *cat.alike)}
    assert {"cat.png", "copy of cat.png", "cat.jpg"} <= told  # cosine 0.97 and more
    assert not [path for path in cup.alike if "cat" in path]
    everything = twins.search("a cat", to="image", k=10, fold=True)
    assert sum(1 + len(hit.alike) for hit in everything) == 6


def test_a_row_joins_the_first_group_that_it_is_near_to() -> None:
    angles = np.radians([0, 5, 90, 10, 94, 17])
    rows = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    least = float(np.cos(np.radians(11)))
    assert group_near_copies(rows, least) == [[0, 1, 3], [2, 4], [5]]
    assert group_near_copies(rows[:0]) == []


def test_groups_of_many_rows_are_those_of_one_by_one() -> None:
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(90, 8))[rng.integers(0, 90, 700)] + 0.1 * rng.normal(size=(700, 8))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    groups: list[list[int]] = []
    for i, row in enumerate(rows):
        near = [group for group in groups if float(rows[group[0]] @ row) >= 0.97]
        if near:
            near[0].append(i)
        else:
            groups.append([i])
    assert group_near_copies(rows) == groups
    assert max(len(group) for group in groups) > 2
