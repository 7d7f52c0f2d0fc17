"""The sound stage: what is mixed and held out, the head's file, the phrasings, and the figure that judges it."""

# ruff: noqa: TID253 - the training extra is what this is about

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

pytest.importorskip("onnx")
import torch

from training import sound, sound_head, sounds
from training.data import Record
from training.export import write
from training.measure import mean_average_precision, unit
from training.sound import Words, examples
from training.sound_head import HeadConfig, SoundHead
from training.sound_words import phrasings, tag_phrasings

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]
RNG = np.random.default_rng(0)
EYE = np.eye(384, dtype=np.float32)


def encode(texts: list[str]) -> np.ndarray:
    """A direction of its own for every text."""
    return unit(
        np.stack([np.random.default_rng(list(text.encode())).standard_normal(384) for text in texts])
    ).astype(np.float32)


def record(key: str, source: str, label: str, split: str = "train") -> Record:
    return Record(key, "sound", Path("s.tar"), source, split, "mit", (label,), (), "")


def features(parts: list[tuple[int, int]]) -> sounds.SoundFeatures:
    shares = np.tile(np.array([[0.6, 0.4]], np.float32), (len(parts), 1))
    features, logits = (RNG.standard_normal((len(parts), n)).astype(np.float32) for n in (384, 527))
    return sounds.SoundFeatures(features, logits, np.array(parts), shares)


def test_nothing_is_learned_from_a_mixture_with_a_sound_that_is_held_out(tmp_path: Path) -> None:
    records = [record("a", "x", "dog"), record("b", "x", "cat"), record("c", "y", "rain")]
    views = features([(0, 0), (0, 1), (1, 2), (2, 2)])
    got = examples(views, records, np.array([True, True, False]), Words(encode, EYE), ["Bark"])
    np.testing.assert_array_equal(got.views.parts, [(0, 0), (0, 1)])
    np.testing.assert_allclose(
        got.said, [[0, 1], [0.4, 0.6]], atol=1e-6
    )  # cat, dog; rain is no label of theirs
    assert got.labels.shape[0] == 2
    assert got.chances.sum() == pytest.approx(1)


def test_words_go_through_the_projection_of_texts() -> None:
    turn = np.linalg.qr(RNG.standard_normal((384, 384)))[0].astype(np.float32)
    plain = Words(encode, EYE)(["a dog"])
    np.testing.assert_allclose(Words(encode, turn)(["a dog"]), plain @ turn.T, atol=1e-5)


def test_a_head_learns_kinds_and_its_file_says_the_same(tmp_path: Path) -> None:
    kinds = RNG.standard_normal((4, 384)).astype(np.float32)
    own = np.tile(np.arange(4), 30)
    views = features([(i, i) for i in range(120)])
    views = sounds.SoundFeatures(
        kinds[own] + 0.3 * views.features, 0.1 * views.logits - 3, views.parts, views.shares
    )
    records = [record(str(i), "x", f"kind {k}") for i, k in enumerate(own)]
    words = Words(encode, EYE)
    config = HeadConfig(steps=60, batch=64, hidden=32, rate=3e-3, share=0.3)
    taught = examples(views, records, np.ones(120, bool), words, [f"tag {i}" for i in range(527)])
    head = sound_head.train(config, taught)
    rows = sound_head.embed(head, views.features, views.logits)
    names = words([f"kind {k}" for k in range(4)])
    assert ((rows @ names.T).argmax(1) == own).mean() > 0.95
    path = tmp_path / "audio.onnx"
    sound.write_head(head, path)
    session = onnxruntime.InferenceSession(str(path))
    again = session.run(["vectors"], {"features": views.features, "tags": views.logits})[0]
    assert (again * rows).sum(1).min() > 0.999


def test_an_opinion_is_the_likeliest_tags_names_weighed_by_how_likely_they_are() -> None:
    names = torch.eye(527)[:, :384].contiguous()
    logits = torch.full((1, 527), -30.0)
    logits[0, 3], logits[0, 7] = 0.0, -1.0
    got = SoundHead(HeadConfig(hidden=8), names).opinion(logits)[0]
    wanted = torch.zeros(384)
    wanted[3], wanted[7] = 0.5, torch.tensor(-1.0).sigmoid()
    torch.testing.assert_close(got, wanted / wanted.norm(), atol=1e-5, rtol=0)


def test_views_are_never_silent_not_numbers_or_longer_than_ten_seconds() -> None:
    clips = [RNG.uniform(-0.5, 0.5, n).astype(np.float32) for n in (4_800, 33_333, 160_000)]
    clips.append(np.zeros(32_000, np.float32))
    for seed in range(40):
        rng = np.random.default_rng(seed)
        first, second = (sounds.altered(clips[i], rng) for i in rng.integers(0, 3, 2))
        view = sounds.surrounded(sounds.mixed(first, second, 0.6, rng), rng)
        assert view.dtype == np.float32
        assert np.isfinite(view).all()
        assert len(view) <= 10 * 32_000
        assert np.abs(view).max() > 0.1
    assert not sounds.altered(clips[3], np.random.default_rng(0)).any()


def test_display_names_are_put_as_people_say_them() -> None:
    assert "a dog barking" in tag_phrasings("Bow-wow")
    assert "the sound of a small room" in tag_phrasings("Inside, small room")
    assert "drill" in tag_phrasings("Drill")
    assert len({len(tag_phrasings(name)) for name in ("Bow-wow", "Speech", "Tabla", "Chirp, tweet")}) == 1
    assert "the sound of rain" in phrasings("rain")


def test_average_precision_of_known_rankings() -> None:
    scores = np.array([[3, 2, 1], [3, 2, 1], [1, 2, 3]], np.float32)
    right = np.array([[True, False, True], [False, True, False], [False, False, False]])
    assert mean_average_precision(scores, right) == pytest.approx(100 * ((1 + 2 / 3) / 2 + 1 / 2) / 2)


def test_a_network_of_two_inputs_and_outputs_keeps_its_names(tmp_path: Path) -> None:
    class Two(torch.nn.Module):
        def forward(self, x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x + y, x - y

    path = tmp_path / "two.onnx"
    takes = [(name, torch.zeros(2, 3), (0,)) for name in ("x", "y")]
    write(Two(), takes, ["more", "less"], path)
    session = onnxruntime.InferenceSession(str(path))
    given = {name: RNG.standard_normal((5, 3)).astype(np.float32) for name in ("x", "y")}
    more, less = session.run(["more", "less"], given)
    np.testing.assert_allclose(more, given["x"] + given["y"], atol=1e-6)
    np.testing.assert_allclose(less, given["x"] - given["y"], atol=1e-6)
