"""The store that `anyseek` would use beside usearch and LanceDB, where these are installed, on the same vectors.

    python benchmarks/store_peers.py --rows 100000 --dim 512

The vectors are those of benchmarks/stores.py, pictures alone; asked with words and with pictures, one query at a time.
Recall is that of the best ten against the exact store. Each peer runs at settings of its own users' guides: usearch as
HNSW over float16 with three breadths, LanceDB without an index and as IVF_PQ with its refinement.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from gap import Floats, Gap, times

from anyseek.catalog.catalog import Catalog
from anyseek.contracts import Modality, ModelCard, SeenFile, Span
from anyseek.stores import registry
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice

Ask = Callable[[Floats], Floats]
"""One query (1, dim) to the scores of its best ten (10,)."""


def ours(rows: Floats, texts: Floats, folder: Path) -> Iterator[tuple[str, float, Ask]]:
    """The exact store, and FAISS as `anyseek store set faiss` tunes it for 0.95 and 0.99."""
    card = ModelCard("gap", "gap", rows.shape[1], (Modality.IMAGE, Modality.TEXT), "none", "yes", 0, "made")
    with closing(Catalog.create(folder / "index", [folder])) as catalog:
        with catalog.begin() as writer:
            space = writer.ensure_space(card)
            file_id = writer.put_file(SeenFile(0, "all", 1, 1, 1), bytes(16), Modality.IMAGE)
            for i in range(0, len(rows), 20_000):
                part = rows[i : i + 20_000]
                writer.add_segments(file_id, space, Modality.IMAGE, [(Span(), "")] * len(part), part)
        for label, choice in (
            ("anyseek exact", Choice("exact")),
            ("anyseek faiss, 0.95 promised", Choice("faiss")),
            ("anyseek faiss, 0.99 promised", Choice("faiss", {"recall": 0.99})),
        ):
            start = time.perf_counter()
            StoreManager(catalog, lambda: texts).set(choice)
            built = time.perf_counter() - start
            with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
                yield label, built, lambda query, store=store: store.search(query, 10)[0][0]  # type: ignore[misc]


def usearch(rows: Floats) -> Iterator[tuple[str, float, Ask]]:
    """HNSW, 32 neighbours, built with a breadth of 200."""
    from usearch.index import Index

    start = time.perf_counter()
    made = Index(ndim=rows.shape[1], metric="ip", dtype="f16", connectivity=32, expansion_add=200)
    made.add(np.arange(len(rows)), rows)
    built = time.perf_counter() - start
    for breadth in (64, 128, 256):
        made.expansion_search = breadth
        yield (
            f"usearch HNSW float16, breadth {breadth}",
            built,
            lambda query: 1 - made.search(query[0], 10).distances,
        )


def lancedb(rows: Floats, folder: Path) -> Iterator[tuple[str, float, Ask]]:
    """A table as it is, then IVF_PQ with 8 bits for 8 dimensions, 20 cells looked at, ten times the hits refined."""
    import lancedb as lance
    import pyarrow as pa
    from lancedb.index import IvfPq

    dim = rows.shape[1]
    start = time.perf_counter()
    column = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), dim)
    table = lance.connect(folder / "lance").create_table("rows", pa.table({"vector": column}))

    def plain(query: Floats) -> Floats:
        found = table.search(query[0]).distance_type("dot").limit(10).select(["_distance"]).to_arrow()
        return 1 - found["_distance"].to_numpy()

    yield "lancedb, no index", time.perf_counter() - start, plain
    start = time.perf_counter()
    cells = IvfPq(distance_type="dot", num_partitions=256, num_sub_vectors=dim // 8)
    table.create_index("vector", config=cells)

    def indexed(query: Floats) -> Floats:
        asked = table.search(query[0]).distance_type("dot").nprobes(20).refine_factor(10)
        return 1 - asked.limit(10).select(["_distance"]).to_arrow()["_distance"].to_numpy()

    yield "lancedb IVF_PQ, 20 of 256 cells, refined", time.perf_counter() - start, indexed


def main() -> None:
    """Prints one JSON object a contestant."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--queries", type=int, default=100)
    options = parser.parse_args()
    gap = Gap(options.dim)
    rows = gap.rows(Modality.IMAGE, options.rows, 1).astype(np.float16).astype(np.float32)
    queries = {
        asked: gap.rows(asked, options.queries, 50 + len(asked)) for asked in Modality if asked in gap.centre
    }
    tenth = {asked: np.sort(vectors @ rows.T, axis=1)[:, -10] for asked, vectors in queries.items()}
    with tempfile.TemporaryDirectory() as folder:
        contestants = [ours(rows, gap.rows(Modality.TEXT, 299, 33), Path(folder))]
        if find_spec("usearch"):
            contestants.append(usearch(rows))
        if find_spec("lancedb"):
            contestants.append(lancedb(rows, Path(folder)))
        for contestant in contestants:
            for label, built, ask in contestant:
                told: dict[str, object] = {"what": label, "build_s": round(built, 1)}
                for asked, vectors in queries.items():
                    good = [
                        (ask(query[None]) >= tenth[asked][i] - 1e-3).sum() for i, query in enumerate(vectors)
                    ]
                    p50, p99 = times(ask, vectors)
                    told[f"{asked}: recall, p50, p99 ms"] = [
                        round(float(np.mean(good)) / 10, 3),
                        round(p50, 2),
                        round(p99, 2),
                    ]
                print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
