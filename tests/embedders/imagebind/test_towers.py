"""Every tower against the NumPy reference, on random weights in the official format."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import reference

from anyseek.embedders.imagebind.config import HUGE, Config, TowerShape

torch = pytest.importorskip("torch")

from anyseek.embedders.imagebind.towers import Tower  # noqa: E402

SMALL = Config(
    MappingProxyType(
        {
            "vision": TowerShape(
                48, 3, 4, 17, (2, 14, 14), (2, 14, 14), 3, has_bias=False, has_stem_norm=False
            ),
            "text": TowerShape(40, 3, 4, 77, has_bias=False, has_stem_norm=False, vocabulary=600),
            "audio": TowerShape(32, 3, 4, 13, (16, 16), (10, 10), 1),
            "depth": TowerShape(48, 2, 8, 17, (16, 16), (16, 16), 1, "depth_stem"),
            "thermal": TowerShape(32, 2, 4, 17, (16, 16), (16, 16), 1),
            "imu": TowerShape(40, 2, 8, 11, inside=48, stem="imu_stem", head="3"),
        }
    ),
    dim=24,
)
# The true widths, heads and token counts, two blocks deep.
TRUE_WIDTHS = replace(
    HUGE,
    towers=MappingProxyType(
        {
            name: replace(tower, blocks=2, vocabulary=min(tower.vocabulary, 600))
            for name, tower in HUGE.towers.items()
        }
    ),
)
CASES = ["vision", "frames", "text", "audio", "depth", "thermal", "imu"]


def an_item(case: str, config: Config, rng: np.random.Generator) -> npt.NDArray[Any]:
    """One random input of the shape that the configuration's positions ask for."""
    if case == "text":
        row = np.zeros(77, np.int64)
        length = int(rng.integers(2, 78))
        row[:length] = [598, *rng.integers(0, 598, length - 2), 599]
        return row
    if case == "imu":
        return rng.standard_normal((6, 8 * (config.towers["imu"].tokens - 1))).astype(np.float32)
    tower = config.towers["vision" if case == "frames" else case]
    if case == "audio":
        tall, wide = (12, 19) if tower.tokens == 229 else (3, 4)
        return rng.standard_normal((1, 10 * tall + 6, 10 * wide + 6)).astype(np.float32)
    side = int(np.sqrt(tower.tokens - 1)) * tower.patch[-1]
    shape = {"vision": (3, side, side), "frames": (3, 2, side, side)}.get(case, (1, side, side))
    return rng.standard_normal(shape).astype(np.float32)


def both(case: str, config: Config, precision: Any, count: int = 3) -> tuple[Any, Any]:
    """Ours and the reference's answers for some items of one modality, (count, dim) each."""
    name = "vision" if case == "frames" else case
    state = reference.random_state(replace(config, towers={name: config.towers[name]}))
    tower = Tower(name, config, {key: torch.from_numpy(value) for key, value in state.items()}, precision)
    rng = np.random.default_rng(7)
    items = [an_item(case, config, rng) for _ in range(count)]
    wanted = np.stack([reference.embed(state, config, name, item) for item in items])  # type: ignore[arg-type]
    return tower(torch.from_numpy(np.stack(items))).numpy(), wanted


def distance(ours: Any, wanted: Any) -> float:
    """The worst error, relative to the embedding's length."""
    return float((np.linalg.norm(ours - wanted, axis=1) / np.linalg.norm(wanted, axis=1)).max())


@pytest.mark.parametrize("case", CASES)
def test_small_towers_are_the_reference(case: str) -> None:
    assert distance(*both(case, SMALL, "float32")) < 2e-6


@pytest.mark.thorough
@pytest.mark.parametrize("case", ["text", "depth", "imu"])
def test_towers_of_true_width_are_the_reference(case: str) -> None:
    assert distance(*both(case, TRUE_WIDTHS, "float32", 1)) < 5e-6


@pytest.mark.slow
@pytest.mark.parametrize("case", ["vision", "frames", "audio", "thermal"])
def test_wide_towers_of_true_width_are_the_reference(case: str) -> None:
    assert distance(*both(case, TRUE_WIDTHS, "float32", 1)) < 5e-6


@pytest.mark.parametrize(("precision", "cosine"), [("bfloat16", 0.9998), ("int8", 0.999)])
@pytest.mark.parametrize("case", CASES)
def test_a_faster_precision_stays_near(case: str, precision: str, cosine: float) -> None:
    ours, wanted = both(case, SMALL, precision)
    cosines = (ours * wanted).sum(1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(wanted, axis=1)
    assert cosines.min() > cosine


def test_a_batch_changes_nothing() -> None:
    state = reference.random_state(replace(SMALL, towers={"text": SMALL.towers["text"]}))
    tower = Tower("text", SMALL, {key: torch.from_numpy(value) for key, value in state.items()}, "float32")
    rng = np.random.default_rng(3)
    rows = torch.from_numpy(np.stack([an_item("text", SMALL, rng) for _ in range(9)]))
    together = tower(rows).numpy()
    alone = np.concatenate([tower(row[None]).numpy() for row in rows])
    assert distance(together, alone) < 1e-6


def test_clips_are_averaged_and_not_brought_to_unit_length() -> None:
    state = reference.random_state(replace(SMALL, towers={"audio": SMALL.towers["audio"]}))
    tower = Tower("audio", SMALL, {key: torch.from_numpy(value) for key, value in state.items()}, "float32")
    rng = np.random.default_rng(4)
    clips = np.stack([an_item("audio", SMALL, rng) for _ in range(3)])
    wanted = np.mean([reference.embed(state, SMALL, "audio", clip) for clip in clips], axis=0)  # type: ignore[arg-type]
    assert distance(tower.clips(torch.from_numpy(clips[None])).numpy(), wanted[None]) < 2e-6
    assert np.linalg.norm(wanted) < tower.scale


def test_scales_are_clamped() -> None:
    state = reference.random_state(replace(SMALL, towers={"imu": SMALL.towers["imu"]}))
    tower = Tower("imu", SMALL, {key: torch.from_numpy(value) for key, value in state.items()}, "float32")
    assert tower.scale == 100.0


def test_pictures_of_another_side_move_the_positions() -> None:
    """Torch's bicubic resizing of the 4 x 4 grid to 5 x 5; the reference is given the resized grid."""
    config = replace(SMALL, towers={"vision": SMALL.towers["vision"]})
    state = reference.random_state(config)
    tower = Tower("vision", config, {key: torch.from_numpy(value) for key, value in state.items()}, "float32")
    picture = np.random.default_rng(5).standard_normal((3, 70, 70)).astype(np.float32)
    key = "modality_preprocessors.vision.pos_embedding_helper.pos_embed"
    places = state[key]
    state[key] = np.concatenate(
        [places[:, :1], resized(places[0, 1:].reshape(4, 4, -1), 5).reshape(1, 25, -1)], 1
    )
    wanted = reference.embed(state, config, "vision", picture)  # type: ignore[arg-type]
    assert distance(tower(torch.from_numpy(picture[None])).numpy(), wanted[None]) < 5e-6


def resized(grid: Any, side: int) -> Any:
    """Bicubic, a = -0.75, borders clamped, pixel centres at half numbers, the factor as given."""
    old = len(grid)
    factor = np.sqrt(side**2 / old**2)
    weights = np.zeros((side, old))
    for i in range(side):
        place = (i + 0.5) / factor - 0.5
        low = int(np.floor(place))
        for tap in range(low - 1, low + 3):
            far = abs(place - tap)
            a = -0.75
            if far <= 1:
                value = (a + 2) * far**3 - (a + 3) * far**2 + 1
            else:
                value = a * far**3 - 5 * a * far**2 + 8 * a * far - 4 * a
            weights[i, min(max(tap, 0), old - 1)] += value
    return np.einsum("ir,js,rsd->ijd", weights, weights, grid).astype(np.float32)


def test_what_the_published_model_weighs() -> None:
    from anyseek.embedders.imagebind.config import tensors

    shapes = [tensors(HUGE, name) for name in HUGE.towers]
    assert sum(map(len, shapes)) == 1311
    assert sum(int(np.prod(shape)) for part in shapes for shape in part.values()) == 1_200_786_990
