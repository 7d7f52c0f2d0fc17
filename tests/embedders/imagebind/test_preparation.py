"""What the towers take, against computations of another make."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from anyseek.embedders.imagebind import files, prepare_sound
from anyseek.embedders.imagebind.prepare_image import PrepareDepth, PrepareImage, PrepareThermal
from anyseek.embedders.imagebind.prepare_motion import PrepareMotion
from anyseek.embedders.imagebind.prepare_video import PrepareVideo, shrink

RNG = np.random.default_rng(0)


# ---------------------------------------------------------------- pictures


def by_hand(picture: Image.Image) -> Any:
    """Pillow alone: shorter side 224, middle square, CLIP's statistics."""
    rgb = picture.convert("RGB")
    w, h = rgb.size
    size = (224, int(224 * h / w)) if w <= h else (int(224 * w / h), 224)
    small = rgb if min(w, h) == 224 else rgb.resize(size, Image.BICUBIC)
    top, left = round((small.height - 224) / 2.0), round((small.width - 224) / 2.0)
    values = np.asarray(small)[top : top + 224, left : left + 224].astype(np.float32) / np.float32(255)
    mean = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
    std = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
    return np.moveaxis((values - mean) / std, 2, 0)


def smooth(height: int, width: int, channels: int) -> Any:
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / (7 + 3 * c)) + np.cos(y / (5 + 2 * c)) for c in range(channels)]
    return np.uint8(np.stack(waves, 2) * 60 + 128)


@pytest.mark.parametrize(
    ("name", "mode", "size"),
    [
        ("a.jpg", "RGB", (640, 427)),
        ("b.jpg", "CMYK", (300, 500)),
        ("c.png", "RGBA", (225, 301)),
        ("d.png", "L", (224, 600)),
        ("e.png", "P", (333, 224)),
        ("f.png", "I;16", (500, 400)),
        ("g.png", "RGB", (224, 224)),
        ("h.png", "RGB", (3, 900)),
    ],
)
def test_a_picture_is_bit_for_bit_what_pillow_makes(tmp_path: Path, name: str, mode: str, size: Any) -> None:
    width, height = size
    if mode == "I;16":
        made = Image.fromarray(RNG.integers(0, 65535, (height, width)).astype(np.uint16))
    elif mode == "P":
        made = Image.fromarray(smooth(height, width, 3)).convert("P")
    else:
        channels = {"RGB": 3, "CMYK": 4, "RGBA": 4, "L": 1}[mode]
        pixels = smooth(height, width, channels)
        made = Image.fromarray(pixels[..., 0] if channels == 1 else pixels, mode=None)
        if mode == "CMYK":
            made = made.convert("RGB").convert("CMYK")
    made.save(tmp_path / name)
    with Image.open(tmp_path / name) as opened:
        wanted = by_hand(opened)
    np.testing.assert_array_equal(files.image(tmp_path / name), wanted)


def test_the_index_prepares_decoded_pixels_alike() -> None:
    pixels = smooth(480, 700, 3)
    np.testing.assert_array_equal(PrepareImage()(pixels), by_hand(Image.fromarray(pixels)))


def test_a_large_jpeg_read_at_a_fraction_stays_near(tmp_path: Path) -> None:
    Image.fromarray(smooth(1500, 2000, 3)).save(tmp_path / "large.jpg", quality=92)
    with Image.open(tmp_path / "large.jpg") as full, Image.open(tmp_path / "large.jpg") as draft:
        draft.draft("RGB", (224, 224))
        assert draft.size == (500, 375)
        ours = PrepareImage()(np.asarray(draft.convert("RGB")))
        assert np.abs(ours - by_hand(full)).mean() < 0.03


# ---------------------------------------------------------------- sounds


def mel_by_hand(samples: Any) -> Any:
    """Sums written out: no FFT, no window function, no filter bank of a library."""
    count = 1 + (len(samples) - 400) // 160
    hann = [0.5 - 0.5 * math.cos(2 * math.pi * n / 399) for n in range(400)]
    turn = np.exp(-2j * np.pi * np.outer(np.arange(257), np.arange(400)) / 512)
    low, high = (1127 * math.log(1 + f / 700) for f in (20, 8000))
    step = (high - low) / 129
    out = np.zeros((count, 128))
    for i in range(count):
        frame = np.asarray(samples[160 * i : 160 * i + 400], np.float64)
        frame = frame - frame.mean()
        lifted = frame - 0.97 * np.array([frame[0], *frame[:-1]])
        power = np.abs(turn @ (lifted * hann)) ** 2
        for band in range(128):
            left, middle, right = (low + step * (band + j) for j in range(3))
            energy = 0.0
            for k in range(256):
                mel = 1127 * math.log(1 + k * 16000 / 512 / 700)
                if left < mel < right:
                    share = (
                        (mel - left) / (middle - left) if mel <= middle else (right - mel) / (right - middle)
                    )
                    energy += share * power[k]
            out[i, band] = math.log(max(energy, 1.1920929e-07))
    return out


def test_log_mel() -> None:
    t = np.arange(2400) / 16000
    sound = (0.5 * np.sin(2 * np.pi * 440 * t) + 0.05 * RNG.standard_normal(2400) + 0.1).astype(np.float32)
    np.testing.assert_allclose(prepare_sound.log_mel(sound), mel_by_hand(sound), atol=3e-4)


def test_three_clips_at_start_middle_and_end() -> None:
    sound = RNG.standard_normal((1, 16000 * 10)).astype(np.float32) * 0.1
    made = prepare_sound.clips(sound)
    assert made.shape == (3, 1, 128, 204)
    for number, start in enumerate((0, 64000, 128000)):
        part = sound[0, start : start + 32000]
        wanted = (prepare_sound.log_mel(part - part.mean()).T + 4.268) / 9.138
        np.testing.assert_allclose(made[number, 0, :, :198], wanted, atol=1e-5)
        np.testing.assert_allclose(made[number, 0, :, 198:], 4.268 / 9.138, atol=1e-6)


def test_overlapping_clips_see_what_earlier_ones_took_off() -> None:
    sound = np.full((1, 16000 * 3), 0.5, np.float32)  # nothing but an offset
    made = prepare_sound.clips(sound)
    # Taking the offset off clip 1 leaves a step where clip 2, that begins half a second later, passes its end.
    assert made[1, 0, :, :197].max() > made[0, 0, :, :197].max() + 0.1


def test_a_sound_shorter_than_a_window_is_filled_up() -> None:
    assert np.isfinite(prepare_sound.clips(np.zeros((1, 10), np.float32))).all()


def test_channels_are_not_mixed(tmp_path: Path) -> None:
    left, right = RNG.standard_normal((2, 40000)).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "both.wav", np.stack([left, right], 1), 16000, subtype="FLOAT")
    stereo = files.sound(tmp_path / "both.wav")
    other = prepare_sound.clips(np.stack([right, left]))
    mono = prepare_sound.clips(left[None])
    assert np.abs(stereo - mono).mean() < np.abs(stereo - other).mean()
    np.testing.assert_allclose(stereo[0], mono[0], atol=0.05)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_resampling(rate: int) -> None:
    """Against the sum written out for some samples, and a tone that has to stay itself."""
    t = np.arange(rate) / rate
    tone = np.sin(2 * np.pi * 440 * t).astype(np.float32)
    made = prepare_sound.resample(tone[None], rate)
    assert made.shape == (1, 16000)
    wanted = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(made[0, 200:-200], wanted[200:-200], atol=2e-3)
    cutoff = 0.99 * min(rate, 16000) / 2
    for n in (500, 7777):
        total = 0.0
        for k in range(rate):
            x = 2 * cutoff * (k / rate - n / 16000)
            if abs(x) < 6:
                total += tone[k] * np.sinc(x) * math.cos(math.pi * x / 12) ** 2 * 2 * cutoff / rate
        assert made[0, n] == pytest.approx(total, abs=1e-5)


# ---------------------------------------------------------------- video, depth, thermal, motion


def test_frames_shrink_like_torch() -> None:
    torch = pytest.importorskip("torch")
    for shape in ((2, 300, 400, 3), (2, 350, 260, 3), (1, 100, 180, 3)):
        frames = RNG.random(shape).astype(np.float32)
        ours = shrink(frames)
        planes = torch.from_numpy(frames).permute(0, 3, 1, 2)
        size = ours.shape[1:3]
        theirs = torch.nn.functional.interpolate(planes, size=size, mode="bilinear", align_corners=False)
        np.testing.assert_allclose(ours, theirs.permute(0, 2, 3, 1).numpy(), atol=6e-5)


def test_a_video_is_five_clips_of_three_crops() -> None:
    frames = RNG.integers(0, 256, (10, 224, 301, 3), dtype=np.uint8)
    made = PrepareVideo()(frames)
    assert made.shape == (15, 3, 2, 224, 224)
    scaled = (frames[2, :, 39 : 39 + 224] / np.float32(255)).transpose(2, 0, 1)
    mean = np.array([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = np.array([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    np.testing.assert_allclose(made[4, :, 0], (scaled - mean) / std, atol=1e-5)


@pytest.mark.parametrize(
    ("count", "rate", "wanted"),
    [
        (300, 30, [(0, 59), (60, 119), (120, 179), (180, 239), (240, 299)]),
        (25, 25, [(0, 24)] * 5),
        (75, Fraction(30000, 1001), [(0, 59), (4, 63), (8, 67), (12, 71), (16, 74)]),
    ],
)
def test_which_frames(count: int, rate: Any, wanted: Any) -> None:
    found = [(clip[0], clip[-1]) for clip in files.clip_frames(count, Fraction(rate))]
    assert found == wanted


def test_depth_becomes_disparity() -> None:
    metres = np.full((300, 400), 2.0, np.float32)
    wanted = (0.075 * 518.857901 / 2 / 75 - 0.0418) / 0.0295
    np.testing.assert_allclose(PrepareDepth()(metres), wanted, rtol=1e-4)
    metres[:] = np.nan
    np.testing.assert_allclose(PrepareDepth()(metres), (0.01 / 75 - 0.0418) / 0.0295, rtol=1e-4)
    half = PrepareDepth(baseline_m=0.1, focal_px=500, mean=0.0, std=1.0)(np.full((224, 224), 4.0, np.float32))
    np.testing.assert_allclose(half, 12.5 / 75, rtol=1e-5)


def test_thermal_is_left_as_it_is() -> None:
    grey = RNG.random((224, 224)).astype(np.float32)
    np.testing.assert_array_equal(PrepareThermal()(grey)[0], grey)
    assert PrepareThermal()(RNG.random((480, 640)).astype(np.float32)).shape == (1, 224, 224)


def test_motion_is_cut_or_filled_up() -> None:
    rows = RNG.standard_normal((6, 1500)).astype(np.float32)
    made = PrepareMotion()(rows)
    np.testing.assert_array_equal(made[:, :1500], rows)
    np.testing.assert_array_equal(made[:, 1500:], np.repeat(rows[:, -1:], 500, 1))
    np.testing.assert_array_equal(PrepareMotion()(np.tile(rows, 2)), np.tile(rows, 2)[:, :2000])
