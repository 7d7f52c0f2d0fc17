from __future__ import annotations

import struct
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import media_files
import numpy as np
import numpy.typing as npt
import pytest
import soundfile
import soxr

from anyseek.contracts import DecodeHint, Modality, SegmentData, Unit
from anyseek.errors import MediaError
from anyseek.media import decode
from anyseek.media.readers import audio

Samples = npt.NDArray[np.float32]
FORMATS = ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.aiff", "a.au", "a.caf", "a.w64"]
AV_FORMATS = ["a.m4a", "a.aac", "a.ac3", "a.mka"]


def windows_of(path: Path, first: int = 0, count: int | None = None, **hint: Any) -> list[SegmentData]:
    windows = list(decode(str(path), Modality.AUDIO, DecodeHint(**hint), first, count))
    for window in windows:
        assert window.modality is Modality.AUDIO
        assert window.span.unit is Unit.SECONDS
        assert window.data.dtype == np.float32
        assert window.data.ndim == 1
        assert abs(window.data).max(initial=0) <= 1
    return windows


def sound_of(path: Path, **hint: Any) -> Samples:
    return np.concatenate([window.data for window in windows_of(path, **hint)])


def error_of(path: Path, **hint: Any) -> MediaError:
    with pytest.raises(MediaError) as caught:
        windows_of(path, **hint)
    assert path.name in caught.value.message
    assert caught.value.hint
    return caught.value


def loudest_hz(samples: Samples, rate_hz: int) -> float:
    return float(np.fft.rfft(samples).__abs__().argmax() * rate_hz / len(samples))


@pytest.mark.parametrize("name", FORMATS + AV_FORMATS)
def test_every_format_gives_the_tone(files: dict[str, Path], name: str) -> None:
    (window,) = windows_of(files[name])
    assert window.span.start == 0
    assert window.span.end == pytest.approx(2.5, abs=0.08)  # lossy codecs pad
    middle = window.data[8_000:32_000]
    assert loudest_hz(middle, 16_000) == pytest.approx(440, abs=1)
    assert np.sqrt((middle**2).mean()) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 44_101])
def test_any_rate_is_resampled_as_in_one_piece(tmp_path: Path, rate_hz: int) -> None:
    noise = np.random.default_rng(4).uniform(-0.5, 0.5, rate_hz * 7).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", noise, rate_hz, subtype="FLOAT")
    expected = soxr.resample(noise, rate_hz, 16_000, quality="HQ")
    got = sound_of(tmp_path / "x.wav", window_s=1, hop_s=1)
    assert len(got) == pytest.approx(len(expected), abs=1)
    n = min(len(got), len(expected))
    np.testing.assert_allclose(got[:n], expected[:n], atol=2e-5)  # no seams at blocks and windows


@pytest.mark.parametrize("rate_hz", [16_000, 44_100, 48_000])
def test_a_model_gets_the_rate_that_its_hint_names(tmp_path: Path, rate_hz: int) -> None:
    noise = np.random.default_rng(6).uniform(-0.5, 0.5, rate_hz * 3).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", noise, rate_hz, subtype="FLOAT")
    got = sound_of(tmp_path / "x.wav", rate_hz=32_000)
    np.testing.assert_allclose(
        got, soxr.resample(noise, rate_hz, 32_000, quality="HQ")[: len(got)], atol=2e-5
    )
    assert len(got) == pytest.approx(3 * 32_000, abs=1)


def test_the_same_rate_is_handed_out_untouched(tmp_path: Path) -> None:
    noise = np.random.default_rng(5).uniform(-1, 1, 50_000).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", noise, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(sound_of(tmp_path / "x.wav"), noise)


def test_windows_and_their_spans(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.arange(2_500, dtype=np.float32) / 2_500, 1_000, subtype="FLOAT")

    def spans(**hint: Any) -> list[tuple[float, float]]:
        return [(w.span.start, w.span.end) for w in windows_of(tmp_path / "x.wav", rate_hz=1_000, **hint)]

    assert spans(window_s=1, hop_s=1) == [(0, 1), (1, 2), (2, 2.5)]
    assert spans(window_s=2.5, hop_s=2.5) == [(0, 2.5)]
    assert spans(window_s=10, hop_s=10) == [(0, 2.5)]
    assert spans(window_s=1, hop_s=0.5) == [(0, 1), (0.5, 1.5), (1, 2), (1.5, 2.5)]
    assert spans(window_s=0.5, hop_s=1) == [(0, 0.5), (1, 1.5), (2, 2.5)]
    assert spans(window_s=0.1, hop_s=2) == [(0, 0.1), (2, 2.1)]
    third = windows_of(tmp_path / "x.wav", rate_hz=1_000, window_s=1, hop_s=0.5)[2]
    np.testing.assert_allclose(third.data, np.arange(1_000, 2_000) / 2_500, atol=1e-6)


@pytest.mark.parametrize("hop_s", [0.3, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.mp3", "x.ogg", "x.opus", "x.m4a", "x.mka", "x.aac"])
def test_a_window_found_by_seeking_is_the_one_met_in_passing(tmp_path: Path, name: str, hop_s: float) -> None:
    rate_hz = 48_000 if name == "x.opus" else 44_100
    rng = np.random.default_rng(6)
    steps = np.repeat(rng.uniform(200, 2_000, 60), rate_hz // 10)  # 6 s of changing tones
    sound = (0.4 * np.sin(np.cumsum(2 * np.pi * steps / rate_hz))).astype(np.float32)
    path = tmp_path / name
    if name[1:] in (".m4a", ".mka", ".aac"):
        media_files.write_av(path, sound[None], "aac", rate_hz)
    elif name == "x.opus":
        soundfile.write(path, sound, rate_hz, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, sound, rate_hz)
    whole = windows_of(path, window_s=0.5, hop_s=hop_s)
    for first in (1, 3, len(whole) - 1):
        some = windows_of(path, first, 2, window_s=0.5, hop_s=hop_s)
        assert [w.span for w in some] == [w.span for w in whole[first : first + 2]]
        for got, expected in zip(some, whole[first:], strict=False):
            # AAC fills bands with random noise, whose seed depends on what was decoded before.
            np.testing.assert_allclose(got.data, expected.data, atol=2e-2 if name == "x.m4a" else 1e-3)
    assert windows_of(path, len(whole), window_s=0.5, hop_s=hop_s) == []
    assert windows_of(path, len(whole) + 50, window_s=0.5, hop_s=hop_s) == []


def test_channels_are_averaged(tmp_path: Path) -> None:
    left, right = media_files.tone(1, 300), media_files.tone(1, 900)
    soundfile.write(tmp_path / "x.wav", np.stack((left, right), 1), 44_100, subtype="FLOAT")
    np.testing.assert_allclose(sound_of(tmp_path / "x.wav", rate_hz=44_100), (left + right) / 2, atol=1e-7)
    many = np.stack([media_files.tone(0.2, hz) for hz in range(100, 1_700, 200)], 1)
    soundfile.write(tmp_path / "y.wav", many, 44_100, subtype="FLOAT")
    np.testing.assert_allclose(sound_of(tmp_path / "y.wav", rate_hz=44_100), many.mean(1), atol=1e-6)
    media_files.write_av(tmp_path / "z.m4a", np.stack((left, -left)), "aac")
    assert abs(sound_of(tmp_path / "z.m4a")[2_000:-2_000]).max() < 0.02


@pytest.mark.parametrize(
    "subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"]
)
def test_sample_types(tmp_path: Path, subtype: str) -> None:
    sound = media_files.tone(0.5)
    soundfile.write(tmp_path / "x.wav", sound, 44_100, subtype=subtype)
    np.testing.assert_allclose(sound_of(tmp_path / "x.wav", rate_hz=44_100), sound, atol=0.02)


def test_silence_and_a_tenth_of_a_second_and_one_sample_are_sounds(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "silence.wav", np.zeros(44_100), 44_100)
    assert not sound_of(tmp_path / "silence.wav").any()
    soundfile.write(tmp_path / "short.wav", media_files.tone(0.1), 44_100)
    (window,) = windows_of(tmp_path / "short.wav")
    assert window.span.end == pytest.approx(0.1, abs=1e-3)
    soundfile.write(tmp_path / "one.wav", np.full(1, 0.5), 16_000)
    assert len(sound_of(tmp_path / "one.wav")) == 1


def test_what_is_not_a_number_is_silence_and_the_scale_is_kept(tmp_path: Path) -> None:
    sound = np.array([0.5, np.nan, np.inf, -np.inf, 7.0, -7.0, 3e38, -0.25], np.float32)
    stereo = np.stack((sound, sound), 1)
    soundfile.write(tmp_path / "x.wav", stereo, 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(sound_of(tmp_path / "x.wav"), [0.5, 0, 0, 0, 1, -1, 1, -0.25])


def test_a_recording_in_memory_is_cut_as_its_file_is(tmp_path: Path) -> None:
    noise = np.random.default_rng(9).uniform(-0.5, 0.5, (44_100, 2)).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", noise, 44_100, subtype="FLOAT")
    hint = {"window_s": 0.4, "hop_s": 0.3}
    for sound in (noise, noise.mean(1)):
        got = list(audio.windows_of(sound, 44_100, DecodeHint(**hint)))
        expected = windows_of(tmp_path / "x.wav", **hint)
        assert [w.span for w in got] == [w.span for w in expected]
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one.data, other.data, atol=1e-5)


@pytest.mark.thorough
@pytest.mark.own_process
def test_a_long_recording_is_streamed(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 16_000, 2, subtype="PCM_16") as file:
        for _ in range(30):
            file.write(np.zeros((16_000 * 20, 2), np.int16))  # ten minutes, 37 MB as it is handed out
    tracemalloc.start()
    n = 0
    for window in decode(str(path), Modality.AUDIO, DecodeHint()):
        n += 1
        assert len(window.data) == 160_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert n == 60
    assert peak - path.stat().st_size < 15e6  # the file's own bytes: small files are read once, whole


# ---------------------------------------------------------------- bad input


def test_a_header_without_data_is_empty(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", np.zeros(0), 44_100)
    assert error_of(tmp_path / "x.wav").reason == "empty"
    header = b"RIFF\x24\0\0\0WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 44_100, 88_200, 2, 16)
    (tmp_path / "y.wav").write_bytes(header + b"data\0\0\0\0")
    assert error_of(tmp_path / "y.wav").reason == "empty"
    (tmp_path / "z.wav").write_bytes(header)
    assert error_of(tmp_path / "z.wav").reason in ("empty", "broken")


def test_a_recording_cut_short_gives_what_is_there(tmp_path: Path) -> None:
    noise = np.random.default_rng(8).uniform(-0.5, 0.5, 44_100 * 6)
    for name in ("x.wav", "x.mp3", "x.ogg", "x.flac"):
        soundfile.write(tmp_path / name, noise, 44_100)
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
        if name == "x.flac":  # whose frames are summed, so that it knows
            assert error_of(tmp_path / name).reason == "broken"
        else:
            assert 3 < windows_of(tmp_path / name)[-1].span.end < 4.2, name


def test_an_mp3_of_noise_with_a_tag_is_broken(tmp_path: Path) -> None:
    noise = np.random.default_rng(7).bytes(30_000)
    (tmp_path / "x.mp3").write_bytes(b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + noise)
    assert error_of(tmp_path / "x.mp3").reason in ("broken", "empty")


@pytest.mark.parametrize("tail", [bytes(5000), b""], ids=["zeros", "nothing"])
def test_an_mp3_of_a_single_header_is_not_called_a_missing_file(tmp_path: Path, tail: bytes) -> None:
    soundfile.write(tmp_path / "x.mp3", media_files.tone(0.5), 44_100)
    (tmp_path / "x.mp3").write_bytes((tmp_path / "x.mp3").read_bytes()[:60] + tail)
    error = error_of(tmp_path / "x.mp3")
    assert (error.reason, error.message) == (
        "broken",
        "x.mp3 is a damaged MP3 file: no sound in it can be decoded.",
    )


def test_absurd_rates_are_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "x.wav", media_files.tone(0.1), 44_100)
    data = bytearray((tmp_path / "x.wav").read_bytes())
    for rate_hz in (1, 999, 1_000_001, 2**31 - 1):
        data[24:28] = struct.pack("<I", rate_hz)
        (tmp_path / "x.wav").write_bytes(data)
        assert error_of(tmp_path / "x.wav").reason in ("unsupported", "broken")


@pytest.mark.parametrize("name", AV_FORMATS)
def test_a_missing_reader_is_named(
    files: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    error = error_of(files[name])
    assert error.reason == "missing-reader"
    assert error.hint == 'pip install "anyseek[av]"'


@pytest.mark.parametrize("name", ["a.m4a", "a.flac"])
def test_a_header_alone_is_refused(files: dict[str, Path], tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(files[name].read_bytes()[:60])
    assert error_of(tmp_path / name).reason in ("broken", "empty")


def test_a_video_without_sound_named_m4a_is_empty(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "x.m4a"), "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=5)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8))
        for packet in (*stream.encode(picture), *stream.encode(None)):
            container.mux(packet)
    assert error_of(tmp_path / "x.m4a").reason == "empty"
