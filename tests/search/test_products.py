"""Inner products: right, and without threads where these cost more than they save."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from anyseek.search.products import products


def threads_cpu() -> int:
    """Clock ticks that all threads of this process but its first have used."""
    others = [name for name in os.listdir("/proc/self/task") if int(name) != os.getpid()]
    fields = [Path(f"/proc/self/task/{name}/stat").read_text().rpartition(")")[2].split() for name in others]
    return sum(int(one[11]) + int(one[12]) for one in fields)


@pytest.mark.thorough
@pytest.mark.own_process
def test_the_products_of_a_search_wake_no_threads() -> None:
    rows = np.random.default_rng(0).standard_normal((10, 384))
    others = np.random.default_rng(1).standard_normal((299, 384))
    before = threads_cpu()
    for _ in range(20_000):
        products(rows, others)
    assert (
        threads_cpu() < before + 40
    )  # ticks; some 200 with threads, and a few are from the start of the process
    np.testing.assert_allclose(products(rows, others), rows @ others.T)


def test_large_products_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).standard_normal((10, 384)).astype(np.float32)
    small = products(rows, rows)
    monkeypatch.setattr("anyseek.search.products.LARGE", 0)
    np.testing.assert_allclose(products(rows, rows), small, rtol=1e-5, atol=1e-3)
    assert products(rows, rows).dtype == small.dtype == np.float32
