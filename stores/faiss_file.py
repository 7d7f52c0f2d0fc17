"""FAISS index files: derived from the catalog, written whole, checked before they are trusted.

    faiss/S.json            what the file is: which rows it covers, its checksum, and the recall that was measured
    faiss/S.G.N.faiss       the index of space S over the first N rows of generation G

The description is written last and names its file, so a process that is killed leaves the old pair or the new one. Row
numbers are FAISS's own ids; deleted rows stay in and are masked by the search. A damaged FAISS file gives wrong answers
or ends the process, so its checksum is compared unless size, time and inode are those of the file that was written.
"""

from __future__ import annotations

import errno
import json
import os
import zlib
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from anyseek.atomic import replacing
from anyseek.catalog import derived
from anyseek.catalog.failures import translated
from anyseek.errors import MissingExtra
from anyseek.jsonable import from_json, parsed, to_json
from anyseek.opening import open_own, stat_own

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyseek.catalog.records import SpaceRecord
    from anyseek.catalog.vectors import Halves
    from anyseek.contracts import Floats, Rows

FOLDER = "faiss"
Kind = Literal["ivf", "hnsw"]

# Vectors that train the cells, a cell: FAISS's own k-means looks at no more than 256 (Clustering.h).
TRAIN_A_CELL = 64

# Neighbours a node, and breadth of the search that builds the graph (Malkov and Yashunin 2018, section 4.1).
HNSW_M, HNSW_BUILD = 32, 200

# Rows that train the codes: 16 centroids a pair of dimensions need few, the cells need more.
_LEAST_TRAINING = 10_000

_BLOCK_ROWS = 1 << 16
_MOST_SELECTORS = 8
_MOST_DESCRIPTION = 64 << 10  # bytes; one has some hundreds


@dataclass(frozen=True, slots=True)
class Tuned:
    """For searches among one modality's rows: breadth is nprobe of IVF or efSearch of HNSW, with which `recall` of the
    true best ten came back out of so many candidates, by modality of the query. Breadth 0: so few rows are searched
    exactly."""

    breadth: int
    rows: int
    recall: dict[str, float]
    candidates: int = 40


@dataclass(frozen=True, slots=True)
class Description:
    """What a FAISS file is. trained_on: rows when its cells were made. tuned: by the modality searched.
    own_crc: of the other fields, so that a damaged description is not believed; vectors_crc: of some of the rows that
    the file was made of, so that another index's is not; None in those of older versions."""

    kind: Kind
    file: str
    generation: int
    rows: int
    trained_on: int
    cells: int
    crc: int
    stamp: tuple[int, int, int]
    target: float = 0.95
    tuned: dict[str, Tuned] = field(default_factory=dict)
    own_crc: int | None = None
    vectors_crc: int | None = None

    @property
    def recall(self) -> float:
        """The worst that was measured, over all pairs; 1 when there was nothing to measure."""
        return min((one for tuned in self.tuned.values() for one in tuned.recall.values()), default=1.0)


@cache
def faiss_module() -> Any:
    """The library, set up. Raises MissingExtra when it is not there, or when two packages overwrote each other."""
    _choose_blas()
    try:
        import faiss
    except Exception as error:
        raise MissingExtra(
            _why_not(error), 'pip install "anyseek[faiss]", or "anyseek[gpu]" for a GPU'
        ) from error
    if not hasattr(faiss, "IndexFlatIP"):
        raise MissingExtra(
            _why_not(None), "pip uninstall faiss-cpu faiss-gpu, then install one of them again."
        )
    # Below this product of queries and dimensions FAISS scans without BLAS, some five times slower in batches.
    faiss.cvar.distance_compute_blas_threshold = 800
    return faiss


def is_installed() -> bool:
    """Whether FAISS could be imported; looks at names only."""
    from importlib.util import find_spec

    return find_spec("faiss") is not None


def _choose_blas() -> None:
    """The wheel's OpenBLAS (0.3.15) does not recognise processors younger than itself and takes the slowest kernel."""
    try:
        flags = Path("/proc/cpuinfo").read_text("ascii")
    except OSError:
        return
    core = "SkylakeX" if "avx512f" in flags else "Haswell" if "avx2" in flags else None
    if core:
        os.environ.setdefault("OPENBLAS_CORETYPE", core)


def _why_not(error: Exception | None) -> str:
    from importlib.metadata import packages_distributions

    owners = sorted(set(packages_distributions().get("faiss", [])))
    if len(owners) > 1:
        return f"The packages {' and '.join(owners)} both contain the module faiss, and overwrote each other."
    if isinstance(error, ModuleNotFoundError) or error is None:
        return "FAISS is not installed."
    return f"FAISS cannot be loaded: {' '.join(str(error).split())[:200]}."


# ---------------------------------------------------------------- reading


def read_description(folder: Path, space: SpaceRecord) -> Description | None:
    """Of the file for this space and generation; None when there is nothing that can be used, or it is damaged."""
    text = derived.read_file(folder / FOLDER / f"{space.space_id}.json", _MOST_DESCRIPTION)
    try:
        description = from_json(text or b"", Description)
    except ValueError:
        return None
    if description.own_crc not in (None, _own_crc(parsed(text or b""))):
        return None
    if description.generation != space.generation or description.rows > space.rows:
        return None
    return description


def _own_crc(fields: dict[str, Any]) -> int:
    """A checksum of a description's other fields."""
    return zlib.crc32(json.dumps({**fields, "own_crc": None}).encode())


def is_whole(folder: Path, description: Description, *, thorough: bool = False) -> bool:
    """Whether the file is what was written. thorough: by its checksum even when nobody touched it."""
    path = folder / FOLDER / description.file
    try:
        if not thorough and _stamp(path) == description.stamp:
            return os.access(path, os.R_OK)
        return _stamp(path)[0] == description.stamp[0] and _crc(path) == description.crc
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


def is_of(vectors: Halves, description: Description) -> bool:
    """Whether the file was made of these rows."""
    rows = vectors[: description.rows]
    return description.vectors_crc in (None, derived.sample_crc(rows))


class OpenIndex:
    """A FAISS index that was read, and its own form of the latest filters. Threads may share it."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self._selectors: tuple[tuple[Rows, Any], ...] = ()

    def selector(self, allowed: Rows) -> Any:
        """A bit for each row, set for the allowed ones (ascending). The same array gets the same bits again."""
        for known, selector in self._selectors:
            if known is allowed:
                return selector
        mask = np.zeros(self.index.ntotal, np.bool_)
        mask[allowed[: np.searchsorted(allowed, len(mask))]] = True
        bits = np.packbits(mask, bitorder="little")
        selector = faiss_module().IDSelectorBitmap(bits)
        selector.bits_alive = bits
        if not allowed.flags.writeable:  # a snapshot's, see snapshot_cache: nobody changes it
            self._selectors = ((allowed, selector), *self._selectors[: _MOST_SELECTORS - 1])
        return selector


def open_file(folder: Path, description: Description) -> OpenIndex:
    """The file, mapped where its kind allows."""
    faiss = faiss_module()
    flags = faiss.IO_FLAG_MMAP if description.kind == "ivf" else 0
    return OpenIndex(faiss.read_index(str(folder / FOLDER / description.file), flags))


# ---------------------------------------------------------------- writing


def build(folder: Path, space: SpaceRecord, vectors: Halves, kind: Kind, cells: int) -> Description:
    """Write a new file over all rows of `vectors`, deleted ones too. Raises DiskFull, ReadOnlyIndex, MissingExtra."""
    faiss = faiss_module()
    if kind == "hnsw":
        built = faiss.index_factory(space.card.dim, f"HNSW{HNSW_M},SQfp16", faiss.METRIC_INNER_PRODUCT)
        built.hnsw.efConstruction = HNSW_BUILD
        cells = 0
    else:
        built = faiss.index_factory(
            space.card.dim, f"IVF{cells},{codes(space.card.dim)}", faiss.METRIC_INNER_PRODUCT
        )
    rng = np.random.default_rng(0)
    n_sample = min(len(vectors), max(TRAIN_A_CELL * cells, _LEAST_TRAINING))
    sample = vectors[np.sort(rng.choice(len(vectors), n_sample, replace=False))].astype(np.float32)
    # k-means refuses fewer rows than centroids, and warns of less than 39 a centroid (Clustering.h): then some twice.
    built.train(np.resize(sample, (max(n_sample, 39 * 16, 39 * cells), space.card.dim)))
    for block in _blocks(vectors, 0):
        built.add(block)
    description = Description(kind, "", space.generation, 0, len(vectors), cells, 0, (0, 0, 0))
    return _write(folder, space, vectors, built, description)


def codes(dim: int) -> str:
    """Product codes of four bits for two dimensions each, laid out for scans in registers (André et al. 2015, "Cache
    locality is not enough"; FAISS's PQx4fs): an eighth of the bytes of float16, and scanned ten times as fast."""
    return f"PQ{dim // 2 if dim % 2 == 0 else dim}x4fs"


def extend(folder: Path, space: SpaceRecord, vectors: Halves, old: Description) -> Description:
    """The same file with the rows that came since, under a new name."""
    faiss = faiss_module()
    extended = faiss.read_index(str(folder / FOLDER / old.file))
    for block in _blocks(vectors, old.rows):
        extended.add(block)
    return _write(folder, space, vectors, extended, old)


def write_description(folder: Path, space_id: int, description: Description) -> None:
    """Whole or not at all, and durable. Raises DiskFull, ReadOnlyIndex."""
    summed = replace(description, own_crc=_own_crc(asdict(description)))
    derived.write_file(folder / FOLDER / f"{space_id}.json", to_json(summed).encode())
    tidy(folder, space_id, description)


def tidy(folder: Path, space_id: int, description: Description) -> None:
    """Remove what killed runs left, and older files, which readers may still have mapped."""
    with translated(folder):
        for path in _files(folder, space_id):
            if path.name not in (f"{space_id}.json", description.file):
                derived.remove(path)


def remove(folder: Path, space_id: int) -> None:
    """Delete all files of a space, if there are any."""
    with translated(folder):
        for path in _files(folder, space_id):
            derived.remove(path)


def _files(folder: Path, space_id: int) -> list[Path]:
    """All files of a space, the unfinished ones of atomic.replacing too."""
    files = folder / FOLDER
    return [*files.glob(f"{space_id}.*"), *files.glob(f".{space_id}.*.part")]


def _write(
    folder: Path, space: SpaceRecord, vectors: Halves, built: Any, description: Description
) -> Description:
    """Write the file under a name that no reader has mapped; the description is the caller's to write."""
    faiss = faiss_module()
    files = folder / FOLDER
    name = f"{space.space_id}.{space.generation}.{built.ntotal}.faiss"
    with translated(folder):
        derived.make_folder(files)
        if (files / name).exists():
            name = f"{space.space_id}.{space.generation}.{built.ntotal}-2.faiss"
        with replacing(files / name) as file:
            try:
                faiss.write_index(built, file.name)
            except RuntimeError as error:
                raise OSError(errno.ENOSPC, "No space left on device") from error
        crc, made_of = _crc(files / name), derived.sample_crc(vectors[: built.ntotal])
        return replace(
            description,
            file=name,
            rows=built.ntotal,
            crc=crc,
            stamp=_stamp(files / name),
            vectors_crc=made_of,
        )


def _blocks(vectors: Halves, first: int) -> Iterator[Floats]:
    for start in range(first, len(vectors), _BLOCK_ROWS):
        yield vectors[start : start + _BLOCK_ROWS].astype(np.float32)


def _stamp(path: Path) -> tuple[int, int, int]:
    status = stat_own(str(path))
    return status.st_size, status.st_mtime_ns, status.st_ino


def _crc(path: Path) -> int:
    crc = 0
    with os.fdopen(open_own(str(path)), "rb") as file:
        while block := file.read(8 << 20):
            crc = zlib.crc32(block, crc)
    return crc
