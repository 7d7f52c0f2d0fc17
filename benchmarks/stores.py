"""Stores on vectors with a modality gap: recall for each pair, with and without filters, and time beside raw FAISS.

    python benchmarks/stores.py --rows 200000 --dim 512 --kinds exact,ivf,hnsw

The vectors are made, not a model's: a picture and a text share what they mean and differ in what is their own, each
modality around a direction of its own (Liang et al. 2022, "Mind the gap"). 90 % of the rows are pictures. Recall is
that of the best ten against the exact store. "ratio" is a search through the store, masks and exact scores included,
beside the same FAISS index asked directly with the same breadth, and its own refinement of as many candidates.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np
from gap import ENERGY, Floats, Gap, times

from anyseek.catalog.catalog import Catalog, Snapshot
from anyseek.contracts import Filter, Modality, ModelCard, SeenFile, Span
from anyseek.stores import faiss_file, registry
from anyseek.stores.exact import ExactStore
from anyseek.stores.faiss_store import FaissStore
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice


def fill(folder: Path, gap: Gap, n: int) -> Catalog:
    """An index of n rows, a tenth of them texts."""
    card = ModelCard("gap", "gap", gap.dim, tuple(ENERGY), "none", "yes", 0, "made")
    catalog = Catalog.create(folder / "index", [folder])
    for modality, count, seed in ((Modality.IMAGE, n - n // 10, 1), (Modality.TEXT, n // 10, 2)):
        rows = gap.rows(modality, count, seed)
        with catalog.begin() as writer:
            space = writer.ensure_space(card)
            file_id = writer.put_file(SeenFile(0, str(modality), 1, 1, seed), bytes([seed] * 16), modality)
            for i in range(0, count, 20_000):
                part = rows[i : i + 20_000]
                writer.add_segments(file_id, space, modality, [(Span(), "")] * len(part), part)
    return catalog


def measure(snapshot: Snapshot, gap: Gap, kind: str, n_queries: int) -> dict[str, object]:
    """One store, every pair and filter."""
    store = registry.open_store(snapshot, 1)
    told: dict[str, object] = {"kind": kind}
    exact = ExactStore(snapshot, 1)
    rng = np.random.default_rng(5)
    for asked in ENERGY:
        queries = gap.rows(asked, n_queries, 50 + len(asked))
        for target in ENERGY:
            whole = snapshot.allowed_rows(1, Filter(frozenset({target})))
            assert whole is not None
            for share in (1.0, 0.1, 0.001):
                rows = np.sort(rng.choice(whole, max(10, int(share * len(whole))), replace=False))
                truth = exact.search(queries, 10, rows)[0][:, -1:]
                found = store.search(queries, 10, rows)[0]
                p50, p99 = times(lambda query, rows=rows: store.search(query, 10, rows), queries)  # type: ignore[misc]
                told[f"{asked}->{target} {share:g}"] = {
                    "recall": round(float((found >= truth - 1e-6).mean()), 4),
                    "p50_ms": round(p50, 2),
                    "p99_ms": round(p99, 2),
                }
            start = time.perf_counter()
            store.search(queries, 10, whole)
            told[f"{asked}->{target} all at once, a second"] = round(
                n_queries / (time.perf_counter() - start)
            )
    if isinstance(store, FaissStore):
        told |= overhead(snapshot, store, gap.rows(Modality.TEXT, n_queries, 99))
    store.close()
    told["peak_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3)
    return told


def overhead(snapshot: Snapshot, store: FaissStore, queries: Floats) -> dict[str, object]:
    """All rows, no filter: ours beside FAISS itself, which scores as many candidates again from float16 of its own."""
    faiss = faiss_file.faiss_module()
    breadth, candidates = store._width(snapshot.spaces()[0].rows)
    start = time.perf_counter()
    codes = faiss_file.open_file(snapshot.folder, store._description).index
    opened = time.perf_counter() - start
    rows = faiss.IndexScalarQuantizer(codes.d, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    vectors = snapshot.vectors(1)
    rows.train(vectors[:1].astype(np.float32))
    for i in range(0, len(vectors), 50_000):
        rows.add(vectors[i : i + 50_000].astype(np.float32))
    raw = faiss.IndexRefine(codes, rows)
    parameters = faiss.IndexRefineSearchParameters(
        k_factor=candidates / 10, base_index_params=store._parameters(breadth, None)
    )
    ours, _ = times(lambda query: store.search(query, 10), queries)
    theirs, _ = times(lambda query: raw.search(query, 10, params=parameters), queries)
    return {
        "open_ms": round(1000 * opened, 1),
        "breadth": breadth,
        "candidates": candidates,
        "ours_ms": round(ours, 2),
        "faiss_ms": round(theirs, 2),
        "ratio": round(ours / theirs, 3),
    }


def main() -> None:
    """Prints one JSON object a kind."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--kinds", default="exact,ivf")
    parser.add_argument("--recall", type=float, default=0.95)
    parser.add_argument("--queries", type=int, default=100)
    options = parser.parse_args()
    gap = Gap(options.dim)
    with tempfile.TemporaryDirectory() as folder, closing(fill(Path(folder), gap, options.rows)) as catalog:
        control = StoreManager(catalog, lambda: gap.rows(Modality.TEXT, 299, 33))
        for kind in options.kinds.split(","):
            start = time.perf_counter()
            faiss_options = {"kind": kind, "recall": options.recall}
            control.set(Choice("exact") if kind == "exact" else Choice("faiss", faiss_options))
            built = {
                "build_s": round(time.perf_counter() - start, 1),
                "disk_mb": round(_size(catalog) / 1e6, 1),
            }
            with catalog.read() as snapshot:
                told = measure(snapshot, gap, kind, options.queries)
            print(json.dumps({"rows": options.rows, "dim": options.dim, **built, **told}), flush=True)


def _size(catalog: Catalog) -> int:
    return sum(path.stat().st_size for path in (catalog.folder / faiss_file.FOLDER).glob("*"))


if __name__ == "__main__":
    main()
