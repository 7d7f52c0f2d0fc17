"""The samples are what the demo takes them for: each modality, readable, the same every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from anyseek import media
from anyseek.contracts import DecodeHint, Modality, Unit
from anyseek.errors import MediaError

FOLDERS = {
    "pictures": Modality.IMAGE,
    "recordings": Modality.AUDIO,
    "scans": Modality.DEPTH,
    "notes": Modality.TEXT,
}


def readable(samples: Path) -> list[Path]:
    return [path for path in sorted(samples.rglob("*.*")) if path.parts[len(samples.parts)] != "damaged"]


def test_every_sample_is_of_the_modality_of_its_folder(samples: Path) -> None:
    for path in readable(samples):
        assert media.sniff(str(path)) is FOLDERS[path.relative_to(samples).parts[0]], path


def test_there_are_enough_of_each_modality(samples: Path) -> None:
    count = Counter(path.relative_to(samples).parts[0] for path in readable(samples))
    assert sum(count.values()) >= 60
    assert min(count.values()) >= 10


def test_every_sample_decodes(samples: Path) -> None:
    for path in readable(samples):
        modality = FOLDERS[path.relative_to(samples).parts[0]]
        segments = list(media.decode(str(path), modality, DecodeHint(rate_hz=16_000)))
        assert segments, path
        if modality is Modality.AUDIO:
            loud = max(float(np.abs(segment.data).max()) for segment in segments)
            assert 0.1 < loud <= 1.2, path  # lossy formats may overshoot a little
        if modality is Modality.IMAGE:
            assert segments[0].data.std() > 10, path


def read_as_found(path: Path) -> None:
    modality = media.sniff(str(path))
    assert modality is not None, path
    list(media.decode(str(path), modality, DecodeHint()))


def test_every_damaged_file_has_a_reason(samples: Path) -> None:
    reasons = {}
    for path in sorted((samples / "damaged").iterdir()):
        with pytest.raises(MediaError) as caught:
            read_as_found(path)
        reasons[path.name] = caught.value.reason
    assert reasons == {
        "archive.jpg": "mislabelled",
        "checksum.png": "broken",
        "claims-to-be-huge.png": "too-many-pixels",
        "empty-recording.wav": "empty",
        "half-a-picture.jpg": "truncated",
        "objects_depth.npy": "pickled",
        "static.mp3": "mislabelled",
    }


def test_a_folder_made_again_is_the_same(tmp_path: Path) -> None:
    import make

    for name in ("once", "again"):
        for path in ("pictures/sea/x", "recordings/animals/x", "pictures/table/x", "scans/x"):
            (tmp_path / name / path).parent.mkdir(parents=True, exist_ok=True)
        make.make_painting("sunset", tmp_path / name, 0)
        make.make_sound("dog-bark", tmp_path / name, 0)
        make.make_render("fruit-bowl", tmp_path / name, 30)
    for path in (tmp_path / "once").rglob("*.*"):
        twin = tmp_path / "again" / path.relative_to(tmp_path / "once")
        assert path.read_bytes() == twin.read_bytes(), path


def test_the_subtitles_keep_their_times(samples: Path) -> None:
    segments = list(media.decode(str(samples / "notes/weather/storm.srt"), Modality.TEXT, DecodeHint()))
    assert "thunder" in segments[0].data
    assert segments[0].span.unit is Unit.SECONDS
    assert (segments[0].span.start, segments[-1].span.end) == (1, 76)


def test_the_walk_is_four_windows(samples: Path) -> None:
    path = str(samples / "recordings/a-walk-on-sunday.flac")
    spans = [(part.span.start, part.span.end) for part in media.decode(path, Modality.AUDIO, DecodeHint())]
    assert spans == [(0, 10), (10, 20), (20, 30), (30, 40)]


def test_photographs_are_credited_and_those_of_installed_packages_not_in_the_repository() -> None:
    import photos
    from demo_files import ROOT

    table = photos.credits_table()
    for credit in photos.CREDITS:
        assert f"`{credit.path}`" in table
        assert credit.terms in table
        is_here = (ROOT / "sample_data/photographs" / credit.source).exists()
        assert is_here == (credit.package not in photos.PACKAGES)
    here = sorted((ROOT / "sample_data/photographs").iterdir())
    assert {path.name for path in here} == {
        one.source for one in photos.CREDITS if one.package not in photos.PACKAGES
    }
    assert sum(path.stat().st_size for path in here) < 3_000_000
    docs = (ROOT / "docs/demo.md").read_text(encoding="utf-8")
    assert table in docs, "docs/demo.md: run python docs/generate.py"
