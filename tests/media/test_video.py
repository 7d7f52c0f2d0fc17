"""Videos: windows with their times, the frames that a model's clips ask for, and the sound beside them."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import media_files
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseek.contracts import DecodeHint, Limits, Modality, SegmentData
from anyseek.errors import MediaError
from anyseek.media import decode, sniff
from anyseek.media.decoding import segments
from anyseek.media.readers.video import picks
from anyseek.media.sniffing import identify_as
from anyseek.media.source import Source

HINTS = {Modality.IMAGE: DecodeHint(), Modality.AUDIO: DecodeHint(window_s=4, hop_s=4)}


def parts(
    path: Path, hints: dict[Modality, DecodeHint], first: int = 0, count: int | None = None
) -> list[SegmentData]:
    with Source.open(str(path)) as source:
        return list(segments(source, identify_as(source, Modality.VIDEO), hints, first, count))


def level(picture: np.ndarray) -> float:
    return float(picture[..., picture.shape[-2] * 3 // 4, 1].mean())


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("video") / "video.mp4"
    media_files.write_video(path, np.arange(240), 10, sound=media_files.tone(23.5))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.avi", "a.mpg", "a.ts"])
def test_every_container_gives_its_window(files: dict[str, Path], name: str) -> None:
    assert sniff(str(files[name])) is Modality.VIDEO
    (window,) = decode(str(files[name]), Modality.VIDEO, DecodeHint(clips=1, frames=3))
    assert window.data.shape == (3, 48, 64, 3)
    assert window.span.end == pytest.approx(1, abs=0.1)
    assert [level(frame) for frame in window.data] == pytest.approx([0, 120, 240], abs=25)


def test_a_video_is_pictures_with_their_times_and_then_its_sound(video: Path) -> None:
    found = parts(video, HINTS)
    assert [part.modality for part in found] == [Modality.IMAGE] * 3 + [Modality.AUDIO] * 6
    assert [(part.span.start, part.span.end) for part in found[:3]] == [
        (0, 10),
        (10, 20),
        (20, pytest.approx(24)),
    ]
    for part in found[:3]:
        assert part.span.start * 10 - 3 <= level(part.data) <= part.span.end * 10 + 3
    assert found[4].span.start == 4
    crossings = np.count_nonzero(np.diff(np.sign(found[4].data)) > 0) / 4
    assert crossings == pytest.approx(440, rel=0.01)


@pytest.mark.parametrize(("first", "count"), [(0, 2), (1, 3), (2, 3), (3, 2), (5, 99), (9, 4)])
def test_a_video_goes_on_where_it_was_left(video: Path, first: int, count: int) -> None:
    whole, piece = parts(video, HINTS), parts(video, HINTS, first, count)
    assert [(p.modality, p.span) for p in piece] == [
        (p.modality, p.span) for p in whole[first : first + count]
    ]
    for one, other in zip(piece, whole[first : first + count], strict=True):
        np.testing.assert_allclose(one.data, other.data, atol=2e-3)


def test_clips_are_made_of_the_frames_that_they_name(video: Path) -> None:
    hint = DecodeHint(window_s=10, hop_s=10, clips=5, frames=2, clip_s=2)
    first, second, last = decode(str(video), Modality.VIDEO, hint)
    assert [level(f) for f in first.data] == pytest.approx([0, 19, 20, 39, 40, 59, 60, 79, 80, 99], abs=4)
    assert [level(f) for f in second.data] == pytest.approx(
        [100 + n for n in (0, 19, 20, 39, 40, 59, 60, 79, 80, 99)], abs=4
    )
    assert [level(f) for f in last.data][::9] == pytest.approx([200, 239], abs=4)


@given(
    st.integers(1, 400), st.sampled_from([Fraction(10), Fraction(25), Fraction(30000, 1001), Fraction(24)])
)
def test_two_frames_of_five_clips_follow_the_published_rule(n: int, fps: Fraction) -> None:
    """Written again from the facts about the original: ceil(fps * start) up to min(ceil(fps * (start + 2)), n)."""
    expected = []
    for i in range(5):
        start = i * max(n / fps - 2, Fraction(0)) / 4
        clip = range(math.ceil(fps * start), min(math.ceil(fps * (start + 2)), n))
        expected += [clip[0], clip[-1]]
    assert picks(n, fps, DecodeHint(clips=5, frames=2, clip_s=2)) == expected


def test_a_video_that_was_cut_off_keeps_what_is_there(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mkv"
    media_files.write_video(whole, np.arange(240), 10)
    cut = tmp_path / "cut.mkv"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    found = parts(cut, HINTS)
    assert 1 <= len(found) < 3
    assert found[-1].span.end < 20


@pytest.mark.parametrize("keep", [0.2, 0.6, 0.97])
def test_a_broken_video_has_one_sentence(video: Path, tmp_path: Path, keep: float) -> None:
    data = video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: int(len(data) * keep)])
    with pytest.raises(MediaError, match=r"^cut\.mp4 is a damaged MPEG-4 file: .*\.$"):
        parts(tmp_path / "cut.mp4", HINTS)


def test_noise_in_the_middle_costs_frames_and_not_the_film(video: Path, tmp_path: Path) -> None:
    data = bytearray(video.read_bytes())
    middle = data.index(b"mdat") + 2000
    data[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
    (tmp_path / "noise.mp4").write_bytes(data)
    assert len(parts(tmp_path / "noise.mp4", {Modality.IMAGE: DecodeHint()})) == 3


def test_a_video_held_upright_is_shown_upright(video: Path, tmp_path: Path) -> None:
    """A phone writes the way it was held into the track's matrix (ISO 14496-12, 8.3.2)."""
    straight, one = bytes.fromhex("00010000") + bytes(12), bytes.fromhex("00010000")
    data = bytearray(video.read_bytes())
    at = data.index(straight, data.index(b"tkhd"))
    data[at : at + 20] = bytes(4) + one + bytes(4) + bytes.fromhex("ffff0000") + bytes(4)
    (tmp_path / "upright.mp4").write_bytes(data)
    (picture, *_) = parts(tmp_path / "upright.mp4", {Modality.IMAGE: DecodeHint()})
    assert picture.data.shape == (64, 48, 3)
    black, grey = picture.data[:24].mean(), picture.data[40:].mean()
    assert black < 5 < grey  # the left side has turned up


def test_a_video_answers_as_pictures_or_as_sound_when_asked_so(video: Path, tmp_path: Path) -> None:
    assert len(list(decode(str(video), Modality.IMAGE, DecodeHint()))) == 3
    assert {p.modality for p in decode(str(video), Modality.AUDIO, DecodeHint())} == {Modality.AUDIO}
    media_files.write_video(tmp_path / "mute.mp4", np.arange(20))
    with pytest.raises(MediaError, match="nothing to see or hear"):
        list(decode(str(tmp_path / "mute.mp4"), Modality.AUDIO, DecodeHint()))


def test_a_picture_too_large_is_refused_by_its_header(video: Path) -> None:
    with pytest.raises(MediaError, match="pixels"):
        list(decode(str(video), Modality.IMAGE, DecodeHint(limits=Limits(max_pixels=1000))))


def test_a_large_frame_is_handed_out_smaller_when_that_is_enough(tmp_path: Path) -> None:
    media_files.write_video(tmp_path / "big.mp4", np.arange(10), size=(640, 480))
    (picture,) = decode(str(tmp_path / "big.mp4"), Modality.IMAGE, DecodeHint(min_side=96))
    assert picture.data.shape == (240, 320, 3)
