"""The map: near vectors lie near, modalities do not fall apart, and the picture has a dot for each."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
import sample_files
from fakes import WordEmbedder
from PIL import Image

import anyseek
from anyseek.errors import UsageError
from anyseek.library.map import places


def test_groups_share_the_plane_in_which_they_differ_within() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(2, 16))
    inside = rng.normal(size=(200, 2))
    groups = np.repeat([0, 1], 100)
    vectors = (inside @ plane + groups[:, None] * 50).astype(
        np.float32
    )  # a gap far larger than what is within
    xy = places(vectors, groups)
    assert np.abs(xy).max() < 20
    for group in (0, 1):
        true = np.linalg.norm(
            inside[groups == group][:, None] - inside[groups == group][None], axis=-1
        ).ravel()
        seen = np.linalg.norm(xy[groups == group][:, None] - xy[groups == group][None], axis=-1).ravel()
        assert np.corrcoef(true, seen)[0, 1] > 0.8


@pytest.mark.thorough
def test_a_library_is_drawn_by_modality_and_by_folder(tmp_path: Path) -> None:
    folder = sample_files.fill(tmp_path / "media")
    with anyseek.create(folder, model=WordEmbedder()) as index:
        with pytest.raises(UsageError, match="too few"):
            index.library.map(tmp_path / "map.png")
        index.add(workers=1)
        for by in ("modality", "folder"):
            assert index.library.map(tmp_path / f"{by}.png", by) == 15  # type: ignore[arg-type]
            picture = np.asarray(Image.open(tmp_path / f"{by}.png"))
            assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 4
        with pytest.raises(UsageError, match="is not the name of a picture"):
            index.library.map(tmp_path / "map.txt")


def test_a_map_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    folder = sample_files.fill(tmp_path / "media")
    (tmp_path / "out").mkdir()
    old = tmp_path / "out/old.png"
    old.write_bytes(b"an old picture")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with anyseek.create(folder, model=WordEmbedder()) as index:
        index.add(workers=1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        try:
            for name in ("old.png", "new.png", "new.webp"):
                with pytest.raises(OSError, match="too large"):
                    index.library.map(tmp_path / "out" / name)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list((tmp_path / "out").iterdir()) == [old]
    assert old.read_bytes() == b"an old picture"
