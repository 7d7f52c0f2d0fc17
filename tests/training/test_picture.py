"""The picture stage: the shipped head says what was trained, mixed views keep their share, held-out ones stay out."""

# ruff: noqa: TID253 - the training extra is what this is about

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import torch
from PIL import Image

from training import features, kinds
from training.data import Allowed, Record
from training.picture import Space
from training.picture_head import HeadInputs, HeadShape, PictureHead, Served, standardiser
from training.picture_views import mix

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]
RNG = np.random.default_rng(0)
SHAPE = HeadShape(dims=16, queries=3, hidden=8, dim=12)


def normal(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def record(source: str = "x", licence: str = "mit", split: str = "train") -> Record:
    return Record("k", "image", Path("s.tar"), source, split, licence, ("dog",), (), "")


def test_a_shipped_head_says_of_the_bodys_map_what_the_trained_one_says_of_its_components() -> None:
    torch.manual_seed(0)
    basis = np.linalg.qr(normal(20, 20))[0][:, : SHAPE.dims]
    components = features.Components(normal(20), np.ascontiguousarray(basis))
    maps = normal(4, 3, 3, 20)
    cells = components.of(maps).reshape(4, 9, SHAPE.dims)
    head = PictureHead(
        SHAPE, torch.from_numpy(normal(50, 12)), *standardiser(cells.reshape(-1, SHAPE.dims))
    ).eval()
    torch.nn.init.normal_(head.deep[4].weight, std=0.2)
    torch.nn.init.normal_(head.queries)
    logits, project = torch.from_numpy(normal(4, 50)), torch.from_numpy(normal(12, 12))
    with torch.no_grad():
        trained = head(HeadInputs(torch.from_numpy(cells), logits), project)
        shipped = Served(head, project, components)(torch.from_numpy(maps), logits)
    torch.testing.assert_close(shipped, trained, atol=1e-5, rtol=1e-4)


def test_an_opinion_is_the_mean_of_the_likeliest_names() -> None:
    head = PictureHead(SHAPE, torch.eye(12), torch.zeros(16), torch.ones(16))
    logits = torch.full((1, 12), -40.0)
    logits[0, 3], logits[0, 5] = 1.0, 1.0
    expected = torch.zeros(12)
    expected[[3, 5]] = 0.5**0.5
    torch.testing.assert_close(head.opinion(logits, torch.eye(12))[0], expected, atol=1e-5, rtol=0)


def test_mixed_views_are_mixed_as_their_texts_are() -> None:
    cells = torch.from_numpy(normal(64, 9, 4))
    words = cells.mean(1)
    mixed, said = mix(HeadInputs(cells, torch.zeros(64, 5)), words, 0.5, np.random.default_rng(1))
    torch.testing.assert_close(mixed.cells.mean(1), said, atol=1e-5, rtol=1e-4)
    changed = (said - words).abs().sum(1) > 1e-4
    assert 15 < int(changed.sum()) < 49
    torch.testing.assert_close(said[~changed], words[~changed])


def test_what_is_held_out_or_not_open_is_not_learned_from() -> None:
    allowed = Allowed(frozenset({"y"}), open_only=True)
    assert record() in allowed
    assert record(source="y") not in allowed
    assert record(split="val") not in allowed
    assert record(licence="nc-research") not in allowed
    assert record(licence="nc-research") in Allowed()


def test_a_view_is_the_same_each_time_and_another_by_its_number() -> None:
    whole = Image.fromarray(RNG.integers(0, 256, (90, 120, 3), np.uint8))
    first, mirror, crop, other = (features.view(whole, number, 7) for number in range(4))
    np.testing.assert_array_equal(mirror, first[:, ::-1])
    np.testing.assert_array_equal(crop, features.view(whole, 2, 7))
    assert (crop != other).any()
    assert {part.shape for part in (first, mirror, crop, other)} == {(260, 260, 3)}


def test_classes_are_also_called_by_their_kind_and_the_trained_head_stays_as_it_is() -> None:
    numbers = [number for line in kinds._RANGES.split("\n") for number in _numbers(line)]
    assert len(numbers) == len(set(numbers)) == len(kinds.KINDS)
    assert set(numbers) <= set(range(1000))
    assert (kinds.KINDS[207], kinds.KINDS[281]) == ("dog", "cat")  # golden retriever, tabby
    head = PictureHead(SHAPE, torch.zeros(1000, 384), torch.zeros(16), torch.ones(16))
    shipped = kinds.with_kinds(Space(head, torch.eye(384)), 1.25).head
    assert not head.opinion.names.any()
    named = shipped.opinion.names.any(1).nonzero()[:, 0].tolist()
    assert named == sorted(numbers)
    torch.testing.assert_close(shipped.share, head.share * 1.25)


def _numbers(line: str) -> list[int]:
    spans = [word.partition("-") for word in line.split() if word[0].isdigit()]
    return [number for first, _, last in spans for number in range(int(first), int(last or first) + 1)]
