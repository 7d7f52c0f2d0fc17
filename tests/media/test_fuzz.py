"""Mutated media files: flipped, cut short, spliced. Each ends in segments or in a foreseen reason."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from media_preparers import Keep
from waiting import BRAKE_S

from anyseek.contracts import DecodeHint, Limits, Modality
from anyseek.errors import MediaError
from anyseek.media.limits import STAGES
from anyseek.media.worker import DecodePool

SEED = 20_260_923
NOT_FORESEEN = {"unexpected", "killed", "timeout", "prepare-failed", "out-of-memory"}


def mutated(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    """One of: up to 16 bits flipped (half the time in the header), cut short, a run overwritten by noise, a
    piece of another file put in, a piece taken out or doubled."""
    raw = bytearray(data)
    a, b = sorted(int(at) for at in rng.integers(0, len(raw) + 1, 2))
    kind = rng.integers(6)
    if kind == 0:
        reach = min(len(raw), 200) if rng.random() < 0.5 else len(raw)
        for at in rng.integers(0, reach, int(rng.integers(1, 17))):
            raw[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        del raw[b:]
    elif kind == 2:
        raw[a : a + 64] = rng.bytes(64)
    elif kind == 3:
        raw[a:b] = other[a : a + 500]
    elif kind == 4:
        del raw[a : min(b, a + 400)]
    else:
        raw[a:a] = raw[a : min(b, a + 400)]
    return bytes(raw)


def mutants(files: dict[str, Path], folder: Path, n: int, seed: int) -> list[Path]:
    """`n` mutants, turn by turn of each format, under their right names."""
    rng = np.random.default_rng(seed)
    names = sorted(files)
    contents = [files[name].read_bytes() for name in names]
    paths = []
    for number in range(n):
        at = number % len(names)
        other = contents[int(rng.integers(len(names)))]
        path = folder / f"{number:03}-{names[at]}"
        path.write_bytes(mutated(contents[at], other, rng))
        paths.append(path)
    return paths


def check_all_accounted_for(files: dict[str, Path], folder: Path, n: int, seed: int) -> Counter[str]:
    paths = mutants(files, folder, n, seed)
    outcomes: Counter[str] = Counter()
    preparers = {modality: Keep(DecodeHint(min_side=32)) for modality in Modality}
    with DecodePool(preparers, 2, Limits(max_seconds=20, max_pixels=20_000_000), 1 << 30) as pool:
        for path, future in [(path, pool.submit(str(path))) for path in paths]:
            error = future.exception(BRAKE_S)
            if error is None:
                outcomes["segments" if future.result().segments else "not media"] += 1
                continue
            assert isinstance(error, MediaError), (path.name, error)
            assert error.reason in STAGES
            assert error.reason not in NOT_FORESEEN, (path.name, error.reason, error.message)
            assert error.message
            assert error.hint
            assert "\n" not in error.message, (path.name, error.message)
            outcomes[error.reason] += 1
    assert outcomes.total() == n
    return outcomes


@pytest.mark.thorough
def test_hundreds_of_mutants(files: dict[str, Path], tmp_path: Path) -> None:
    outcomes = check_all_accounted_for(files, tmp_path, 340, SEED)
    assert outcomes["segments"] > 50  # small damage is survived
    assert outcomes["broken"] + outcomes["truncated"] > 50


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_mutants(files: dict[str, Path], tmp_path: Path, seed: int) -> None:
    check_all_accounted_for(files, tmp_path, 5_000, seed)
