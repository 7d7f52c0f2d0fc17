"""FAISS on GPUs: float16 rows in their memory, exact or in the cells of the index file, on one GPU or split over more.

A GPU's index cannot filter, and one over all rows would answer a search for pictures with nothing but texts (the
modality gap). So each modality is an index of its own; a narrower filter asks for more hits than it needs,
and what a GPU cannot answer (k past its limit, a filter that leaves too few) is answered by our own rows. As in every
store, these also give the scores, so that a hit has the same score wherever it was found.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import Filter
from anyseek.stores import faiss_file
from anyseek.stores.exact import ExactStore, checked

if TYPE_CHECKING:
    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.snapshot import Snapshot
    from anyseek.catalog.vectors import Halves
    from anyseek.contracts import Floats, Rows
    from anyseek.stores.faiss_file import Description

LOG = logging.getLogger(__name__)

MOST_HITS = 2048
"""A GPU selects no more hits, and looks into no more cells (faiss/gpu/utils/DeviceDefs.cuh, GPU_MAX_SELECTION_K)."""

# Rows are float16 here and there, but sums are made in another order: so many more than k are scored again.
_MORE = 32
_BLOCK_ROWS = 1 << 16

# FAISS's resources of a GPU are for one thread at a time (gpu/GpuResources.h).
_ONE_SEARCH = threading.Lock()

Mask = npt.NDArray[np.bool_]
MakeIndex = Callable[[int, int], Any]
"""(number of the device, dimensions) -> an empty index there that takes rows by `add`."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of one modality (ascending) that lie on one device."""

    device: int
    rows: Rows
    index: Any


def count_devices() -> int:
    """How many GPUs FAISS sees: 0 without a GPU, and with the package for processors. Raises MissingExtra."""
    faiss = faiss_file.faiss_module()
    return int(faiss.get_num_gpus()) if hasattr(faiss, "StandardGpuResources") else 0


def flat_on_gpus() -> MakeIndex:
    """Exact search, float16."""
    faiss = faiss_file.faiss_module()
    resources = [faiss.StandardGpuResources() for _ in range(count_devices())]

    def make(device: int, dim: int) -> Any:
        config = faiss.GpuIndexFlatConfig()
        config.device, config.useFloat16 = device, True
        return faiss.GpuIndexFlatIP(resources[device], dim, config)

    return make


def cells_on_gpus(index: Any) -> MakeIndex:
    """The cells of a file's IVF index, with float16 rows in them."""
    faiss = faiss_file.faiss_module()
    resources = [faiss.StandardGpuResources() for _ in range(count_devices())]

    def make(device: int, dim: int) -> Any:
        config = faiss.GpuIndexIVFScalarQuantizerConfig()
        config.device = device
        return faiss.GpuIndexIVFScalarQuantizer(resources[device], empty_cells(index), config)

    return make


def empty_cells(index: Any) -> Any:
    """An index for processors with the cells of `index`, for float16 rows: what is copied to each GPU."""
    faiss = faiss_file.faiss_module()
    quantizer = faiss.IndexFlatIP(index.d)
    quantizer.add(faiss.downcast_index(index.quantizer).reconstruct_n(0, index.nlist))
    empty = faiss.IndexIVFScalarQuantizer(
        quantizer, index.d, index.nlist, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    # The cells are there: this only marks it as trained.
    empty.train(quantizer.reconstruct_n(0, min(index.nlist, 256)))
    return empty


def load(snapshot: Snapshot, space_id: int, n_devices: int, make: MakeIndex) -> list[Piece]:
    """Every modality's rows, split evenly over the devices."""
    vectors = snapshot.vectors(space_id)
    pieces = []
    for modality in snapshot.counts_in(space_id):
        rows = snapshot.allowed_rows(space_id, Filter(frozenset({modality})))
        assert rows is not None, "a filter by modality gives rows"
        for device, part in enumerate(np.array_split(rows, n_devices)):
            if len(part):
                index = make(device, vectors.shape[1])
                _add(index, vectors, part)
                pieces.append(Piece(device, part, index))
    return pieces


def _add(index: Any, vectors: Halves, rows: Rows) -> None:
    for i in range(0, len(rows), _BLOCK_ROWS):
        index.add(vectors[rows[i : i + _BLOCK_ROWS]].astype(np.float32))


class GpuStore:
    """A VectorStore over pieces on GPUs. Lives as long as its snapshot; the pieces outlive it."""

    def __init__(
        self,
        snapshot: Snapshot,
        space: SpaceRecord,
        pieces: list[Piece],
        description: Description | None,
        few: int = 4096,
    ) -> None:
        """description: of the file whose cells the pieces have, None for exact ones.

        few: up to so many allowed rows are searched without a GPU.
        """
        self._dim = space.card.dim
        self._exact = ExactStore(snapshot, space.space_id)
        live = snapshot.allowed_rows(space.space_id)
        self._live = np.arange(space.rows, dtype=np.int64) if live is None else live
        self._pieces, self._description, self._few = pieces, description, few
        # A newer snapshot may have loaded them, with rows that this one does not know.
        self._n_bits = max([space.rows, *(int(piece.rows[-1]) + 1 for piece in pieces)])
        is_loaded = np.zeros(self._n_bits, np.bool_)
        for piece in pieces:
            is_loaded[piece.rows] = True
        self._late = self._live[~is_loaded[self._live]]

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """See contracts.VectorStore. Raises UsageError."""
        queries = checked(queries, k, self._dim)
        allowed = self._live if allow is None else np.intersect1d(np.asarray(allow, np.int64), self._live)
        if len(allowed) <= max(self._few, k) or k + _MORE > MOST_HITS or not len(queries):
            return self._exact.search(queries, k, allowed)
        is_allowed = np.zeros(self._n_bits, np.bool_)
        is_allowed[allowed] = True
        late = self._late[is_allowed[self._late]]
        devices = sorted({piece.device for piece in self._pieces})

        def on(device: int) -> list[list[Rows]]:
            pieces = [piece for piece in self._pieces if piece.device == device]
            return [self._candidates(piece, queries, k, is_allowed) for piece in pieces]

        with _ONE_SEARCH, ThreadPoolExecutor(max(1, len(devices))) as threads:
            answers = [answer for answers in threads.map(on, devices) for answer in answers]
        scores = np.empty((len(queries), k), np.float32)
        rows = np.empty((len(queries), k), np.int64)
        for i in range(len(queries)):
            near = np.sort(np.concatenate([late, *(answer[i] for answer in answers)]))
            scores[i], rows[i] = (part[0] for part in self._exact.search(queries[i : i + 1], k, near))
        return scores, rows

    def close(self) -> None:
        """Safe to call twice."""
        self._exact.close()

    def _candidates(self, piece: Piece, queries: Floats, k: int, is_allowed: Mask) -> list[Rows]:
        """For each query, rows of the piece that hold its best k among the allowed ones."""
        allowed = is_allowed[piece.rows]
        n = int(allowed.sum())
        if n == 0:
            return [piece.rows[:0]] * len(queries)
        # As many as hold k allowed ones twice over, if these lie anywhere.
        n_candidates = min(MOST_HITS, len(piece.rows), (k + _MORE) * max(1, 2 * len(piece.rows) // n - 1))
        self._set_breadth(piece.index, len(piece.rows) / n)
        _, near = piece.index.search(queries, n_candidates)
        candidates = []
        for places in near:
            places = places[places >= 0]
            rows = piece.rows[places[allowed[places]]]
            candidates.append(rows if len(rows) >= min(k, n) else piece.rows[allowed])
        return candidates

    def _set_breadth(self, index: Any, narrowing: float) -> None:
        """As many cells as were measured for the worst modality, more as the filter is narrower."""
        if self._description is not None:
            cells, tuned = self._description.cells, self._description.tuned.values()
            breadth = max((one.breadth for one in tuned), default=0) or cells
            index.nprobe = min(MOST_HITS, cells, int(breadth * narrowing))


def open_on_gpus(snapshot: Snapshot, space: SpaceRecord, description: Description | None) -> GpuStore | None:
    """A store on the GPUs that are here, None (and a warning) without any, or without room on them.

    description: of the file whose cells are searched, None for exact search. Rows are sent to the GPUs once for all
    snapshots of a catalog, and again when a tenth of them is new. Raises MissingExtra.
    """
    n_devices = count_devices()
    if not n_devices:
        _warn_once("FAISS sees no GPU")
        return None
    stage = 0 if space.rows < 2 else int(np.log(space.rows) / np.log(1.1))
    version = (f"gpu {description.file if description else 'flat'}", space.generation * 1000 + stage)

    def read() -> list[Piece]:
        if description is None:
            make = flat_on_gpus()
        else:
            make = cells_on_gpus(faiss_file.open_file(snapshot.folder, description).index)
        return load(snapshot, space.space_id, n_devices, make)

    try:
        pieces = snapshot.cache.index(space.space_id, version, read)
        return GpuStore(snapshot, space, pieces, description)
    except RuntimeError as error:
        _warn_once(f"The GPUs did not take {space.rows:,} vectors ({' '.join(str(error).split())[-120:]})")
        return None


@cache
def _warn_once(reason: str) -> None:
    LOG.warning("%s: searching on the processor.", reason)
