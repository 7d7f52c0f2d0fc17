"""Checkpoints: opened tower by tower, refused with the first thing that is wrong, cheap in memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from anyseek.contracts import Modality  # noqa: E402
from anyseek.embedders.imagebind.card import card  # noqa: E402
from anyseek.embedders.imagebind.checkpoint import Checkpoint  # noqa: E402
from anyseek.embedders.imagebind.config import HUGE, Config, TowerShape, tensors  # noqa: E402
from anyseek.embedders.imagebind.model import ImageBindEmbedder  # noqa: E402
from anyseek.errors import ModelNotFound  # noqa: E402

SMALL = Config(
    {
        "text": TowerShape(32, 2, 4, 77, has_bias=False, has_stem_norm=False, vocabulary=49408),
        "depth": TowerShape(32, 2, 4, 197, (16, 16), (16, 16), 1, "depth_stem"),
    },
    dim=16,
)


def weights(config: Config = SMALL) -> dict[str, torch.Tensor]:
    """Random ones of the right names and shapes."""
    made = torch.Generator().manual_seed(3)
    return {
        key: torch.randn(shape, generator=made) * 0.05
        for name in config.towers
        for key, shape in tensors(config, name).items()
    }


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.save(weights(), tmp_path / "w.pth")
    return tmp_path / "w.pth"


def test_the_same_weights_in_either_format_give_the_same_unit_vectors(file: Path, tmp_path: Path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(weights(), tmp_path / "w.safetensors")
    rows = []
    for path in (file, tmp_path / "w.safetensors"):
        model = ImageBindEmbedder(Checkpoint(path, SMALL), card(dim=16), "float32")
        prepare = model.preparer(Modality.TEXT)
        rows.append(model.embed(Modality.TEXT, [prepare("a dog"), prepare("the sea at night"), prepare("")]))
    assert rows[0].shape == (3, 16)
    assert (rows[0] == rows[1]).all()
    assert abs((rows[0] ** 2).sum(1) - 1).max() < 1e-5


def test_a_batch_is_answered_in_its_own_order(file: Path) -> None:
    model = ImageBindEmbedder(Checkpoint(file, SMALL), card(dim=16), "float32")
    prepare = model.preparer(Modality.TEXT)
    texts = ["one two three four five six", "a", "one two three", ""]
    together = model.embed(Modality.TEXT, [prepare(text) for text in texts])
    for text, row in zip(texts, together, strict=True):
        assert abs(model.embed(Modality.TEXT, [prepare(text)])[0] - row).max() < 1e-5


def test_a_checkpoint_may_hold_some_of_the_towers(tmp_path: Path) -> None:
    kept = {key: value for key, value in weights().items() if ".depth." not in key and "depth" not in key}
    torch.save(kept, tmp_path / "text.pth")
    opened = Checkpoint(tmp_path / "text.pth", SMALL)
    opened.tower("text")
    with pytest.raises(ModelNotFound, match="has no tensor"):
        opened.tower("depth")


@pytest.mark.parametrize("size", [0, 1, 100, 5000, -1000, -1])
def test_a_truncated_file_is_refused(size: int, file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:size])
    with pytest.raises(ModelNotFound, match="damaged or no checkpoint"):
        Checkpoint(file, SMALL)


def test_the_first_thing_that_is_wrong_is_named(tmp_path: Path) -> None:
    first = next(iter(tensors(SMALL, "text")))
    right = weights()
    for wrong, said in (
        ({key: value for key, value in right.items() if key != first}, f"no tensor {first}"),
        (right | {first: torch.zeros(3, 5)}, f"{first} has the shape"),
        (right | {first: right[first].to(torch.int64)}, f"{first} is torch.int64"),
        (right | {"model.diffusion": torch.zeros(1)}, "its tensor model.diffusion is unknown"),
        ({"state_dict": right}, "no named tensors"),
        ([1, 2], "no named tensors"),
    ):
        torch.save(wrong, tmp_path / "w.pth")
        with pytest.raises(ModelNotFound) as caught:
            Checkpoint(tmp_path / "w.pth", SMALL)
        assert said in caught.value.message
        assert "anyseek models" in caught.value.hint


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))  # type: ignore[return-value]

    torch.save({"x": Evil()}, tmp_path / "w.pth")
    with pytest.raises(ModelNotFound):
        Checkpoint(tmp_path / "w.pth", SMALL)
    assert not (tmp_path / "ran").exists()


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_full_sized_checkpoint_is_opened_tower_by_tower_within_what_the_tower_weighs(
    tmp_path: Path,
) -> None:
    """4.8 GB of random numbers; each tower in a process of its own, whose private memory is measured."""
    path = tmp_path / "huge.pth"
    torch.save(weights(HUGE), path)
    code = (
        "import re, sys; from anyseek.embedders.imagebind.checkpoint import load\n"
        "def private():\n"
        "    return int(re.search(r'RssAnon:\\s+(\\d+)', open('/proc/self/status').read())[1]) * 1024\n"
        "before = private(); tower = load(sys.argv[1], sys.argv[2], sys.argv[3]); print(private() - before)"
    )
    for name in HUGE.towers:
        count = sum(torch.Size(shape).numel() for shape in tensors(HUGE, name).values())
        for precision, size in (("float32", 4), ("bfloat16", 2), ("int8", 1)):
            run = subprocess.run(
                [sys.executable, "-c", code, str(path), name, precision],
                capture_output=True,
                text=True,
                check=True,
            )
            taken = int(run.stdout)
            print(f"{name} {precision}: {taken / 1e6:.0f} MB taken, {count * size / 1e6:.0f} MB of numbers")
            # int8 leaves tables of positions and tokens in floating point
            assert taken < count * size * 1.15 + (count * 0.5 if size == 1 else 0) + 150e6
