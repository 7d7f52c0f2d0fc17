"""The sound body as shipped says what EfficientAT's network says, and the heads stand on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from anyseek.embedders.mini.prepare_sound import PrepareSound
from anyseek.embedders.mini.towers import WEIGHTS

GOLDEN = Path(__file__).with_name("golden") / "mini_sound.npz"


def session(name: str) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(WEIGHTS / name), providers=["CPUExecutionProvider"])


def tone() -> np.ndarray:
    """The sound of golden/make_mini_sound.py."""
    t = np.arange(192_000) / 32_000
    tone = np.sin(2 * np.pi * (300 + 400 * t) * t) * (np.sin(4 * np.pi * t) > 0)
    return (tone * 0.7 / np.abs(tone).max()).astype(np.float32)


def test_the_body_says_what_its_teacher_says() -> None:
    with np.load(GOLDEN) as saved:
        features, probabilities = saved["features"], saved["probabilities"].astype(np.float32)
    got, logits = session("bodies/audio.onnx").run(
        ["features", "tags"], {"mel": PrepareSound()(tone())[None]}
    )
    cosine = got[0] @ features / np.linalg.norm(got) / np.linalg.norm(features)
    assert cosine > 0.999  # its weights are rounded to int8
    np.testing.assert_allclose(1 / (1 + np.exp(-logits[0])), probabilities, atol=0.02)


@pytest.mark.parametrize("name", ["mini", "mini-open"])
@pytest.mark.parametrize("seconds", [0.0, 0.01, 5.0, 10.0])
def test_silence_and_any_length_give_unit_rows(name: str, seconds: float) -> None:
    sounds = [np.zeros(int(seconds * 32_000), np.float32)]
    sounds.append(np.random.default_rng(0).uniform(-1, 1, len(sounds[0])).astype(np.float32))
    mel = np.stack([PrepareSound()(sound) for sound in sounds])
    features, tags = session("bodies/audio.onnx").run(["features", "tags"], {"mel": mel})
    rows = session(f"{name}/audio.onnx").run(["vectors"], {"features": features, "tags": tags})[0]
    assert rows.shape == (2, 384)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
