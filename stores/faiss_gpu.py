"""FAISS on GPUs: float16 rows in their memory, exact or in the cells of the index file, on one GPU or split over more.

Filters do not reach into a GPU's index, and one over all rows would answer a search for pictures with nothing but
texts (the modality gap). So each modality is an index of its own; a narrower filter asks for more hits than it needs,
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
_TURN = threading.Lock()

Flags = npt.NDArray[np.bool_]
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
    made = faiss.IndexIVFScalarQuantizer(
        quantizer, index.d, index.nlist, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    made.train(
        quantizer.reconstruct_n(0, min(index.nlist, 256))
    )  # the cells are there: only marks it as trained
    return made


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
        space_id: int,
        pieces: list[Piece],
        found: Description | None,
        few: int = 4096,
    ) -> None:
        """found: the description of the file whose cells the pieces have, None for exact ones. few: up to so many
        allowed rows are searched without a GPU."""
        self._space = next(space for space in snapshot.spaces() if space.space_id == space_id)
        self._exact = ExactStore(snapshot, space_id)
        live = snapshot.allowed_rows(space_id)
        self._live = np.arange(self._space.rows, dtype=np.int64) if live is None else live
        self._pieces, self._found, self._few = pieces, found, few
        # A newer snapshot may have loaded them, with rows that this one does not know.
        self._n_bits = max([self._space.rows, *(int(piece.rows[-1]) + 1 for piece in pieces)])
        held = np.zeros(self._n_bits, np.bool_)
        for piece in pieces:
            held[piece.rows] = True
        self._late = self._live[~held[self._live]]

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """See contracts.VectorStore. Raises UsageError."""
        queries = checked(queries, k, self._space.card.dim)
        wanted = self._live if allow is None else np.intersect1d(np.asarray(allow, np.int64), self._live)
        if len(wanted) <= max(self._few, k) or k + _MORE > MOST_HITS or not len(queries):
            return self._exact.search(queries, k, wanted)
        is_wanted = np.zeros(self._n_bits, np.bool_)
        is_wanted[wanted] = True
        late = self._late[is_wanted[self._late]]
        devices = sorted({piece.device for piece in self._pieces})

        def on(device: int) -> list[list[Rows]]:
            mine = [piece for piece in self._pieces if piece.device == device]
            return [self._among(piece, queries, k, is_wanted) for piece in mine]

        with _TURN, ThreadPoolExecutor(max(1, len(devices))) as threads:
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

    def _among(
        self, piece: Piece, queries: Floats, k: int, is_wanted: np.ndarray[Any, np.dtype[np.bool_]]
    ) -> list[Rows]:
        """For each query, rows of the piece that its best k among the wanted ones are part of."""
        allowed = is_wanted[piece.rows]
        n = int(allowed.sum())
        if n == 0:
            return [piece.rows[:0]] * len(queries)
        # As many as hold k of the wanted ones twice over, if these lie anywhere.
        asked = min(MOST_HITS, len(piece.rows), (k + _MORE) * max(1, 2 * len(piece.rows) // n - 1))
        self._look_into(piece.index, len(piece.rows) / n)
        _, near = piece.index.search(queries, asked)
        found = []
        for places in near:
            places = places[places >= 0]
            kept = piece.rows[places[allowed[places]]]
            found.append(kept if len(kept) >= min(k, n) else piece.rows[allowed])
        return found

    def _look_into(self, index: Any, narrowed: float) -> None:
        """As many cells as were measured for the worst modality, more as the filter is narrower."""
        if self._found is not None:
            breadth = max((one.breadth for one in self._found.tuned.values()), default=0) or self._found.cells
            index.nprobe = min(MOST_HITS, self._found.cells, int(breadth * narrowed))


def opened(snapshot: Snapshot, space_id: int, found: Description | None) -> GpuStore | None:
    """A store on the GPUs that are here, None (and a line that says so) without any, or without room on
    them.

    Rows are sent to the GPUs once for all snapshots of a catalog, and again when a tenth of them is new.
    Raises MissingExtra.
    """
    n_devices = count_devices()
    if not n_devices:
        _tell_once("No GPU is there for FAISS")
        return None
    space = next(space for space in snapshot.spaces() if space.space_id == space_id)
    stage = 0 if space.rows < 2 else int(np.log(space.rows) / np.log(1.1))
    which = (f"gpu {found.file if found else 'flat'}", space.generation * 1000 + stage)

    def read() -> list[Piece]:
        index = faiss_file.open_file(snapshot.folder, found).index if found else None
        return load(snapshot, space_id, n_devices, cells_on_gpus(index) if found else flat_on_gpus())

    try:
        return GpuStore(snapshot, space_id, snapshot.remembered.index(space_id, which, read), found)
    except RuntimeError as error:
        _tell_once(f"The GPUs did not take {space.rows:,} vectors ({' '.join(str(error).split())[-120:]})")
        return None


@cache
def _tell_once(why: str) -> None:
    LOG.warning("%s: searching on the processor.", why)
