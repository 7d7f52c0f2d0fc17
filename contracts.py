"""The words of the domain as types: frozen dataclasses, enums, and the Protocols through which rooms meet.
Standard library only (numpy appears in annotations alone), so that importing this costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, runtime_checkable

from anyseek.modalities import Modality as Modality
from anyseek.modalities import Unit as Unit

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from anyseek.filters import Expression

    Floats: TypeAlias = npt.NDArray[np.float32]
    Rows: TypeAlias = npt.NDArray[np.int64]

Role: TypeAlias = Literal["document", "query"]


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a file that a segment covers: [start, end) in `unit`; a whole file has 0, 0, WHOLE."""

    start: float = 0.0
    end: float = 0.0
    unit: Unit = Unit.WHOLE


# ---------------------------------------------------------------- media


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a decoder stops: bytes of the file, pixels of a picture, seconds of work on one part of a file, which is a
    few segments. Part of a model's fingerprint, by its hints."""

    max_bytes: int = 4 << 30
    max_pixels: int = 200_000_000
    max_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class DecodeHint:
    """What the consumer needs, so that a decoder can do less: every field is a request, not a promise.

    min_side: shorter side in pixels that is still enough (JPEG draft mode), 0 for full size.
    rate_hz: sample rate of the audio handed out. window_s, hop_s: how recordings are cut.
    clips, frames, clip_s: of a video segment, `clips` pieces of `clip_s` seconds (0: all of it) with their starts
    evenly spread, and of each `frames` frames, the first, the last, and evenly between. imu_hz: sample rate of motion.
    passage_chars: the most characters of one text segment. depth_unit: metres a raw depth unit stands
    for, None to follow the format's convention (millimetres in 16-bit PNG, metres in floating point).
    """

    min_side: int = 0
    rate_hz: int = 16_000
    window_s: float = 10.0
    hop_s: float = 10.0
    passage_chars: int = 600
    clips: int = 1
    frames: int = 8
    clip_s: float = 0.0
    imu_hz: int = 400
    depth_unit: float | None = None
    limits: Limits = Limits()


@dataclass(frozen=True, slots=True, eq=False)
class SegmentData:
    """One segment on its way from a file to the catalog.

    data: what a reader hands out, image uint8 (H, W, 3) RGB | audio float32 (N,) mono at the hint's rate, -1 to 1 |
    text str | depth float32 (H, W) in metres, NaN where nothing was measured; then what the modality's preparer made of
    it; then its vector, (dim,) float32. excerpt: for people, at most 200 characters: the start of a passage, else
    empty. text: of a passage all of it, set when it is prepared.
    """

    modality: Modality
    span: Span
    data: Any
    excerpt: str = ""
    text: str = ""


# ---------------------------------------------------------------- models


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a model is and what may be done with it. Two vectors compare only under one `fingerprint`.

    base: what the weights stand on, with its licence; "" for nothing.
    """

    name: str
    fingerprint: str
    dim: int
    modalities: tuple[Modality, ...]
    licence: str
    commercial_use: Literal["yes", "no", "check"]
    size_bytes: int
    source: str
    base: str = ""


class Preparer(Protocol):
    """Decoded data -> what the model's tower takes. Picklable, no weights: runs in workers."""

    @property
    def hint(self) -> DecodeHint:
        """What the decoder should hand out for this tower."""

    def __call__(self, data: Any) -> Any:
        """One item of `SegmentData.data` -> one prepared item (an array, or a str for text)."""


class Embedder(Protocol):
    """A model: prepared items -> unit vectors in one space."""

    @property
    def card(self) -> ModelCard:
        """What it is."""

    def preparer(self, modality: Modality) -> Preparer:
        """Raises ModalityNotSupported."""

    def embed(
        self,
        modality: Modality,
        prepared: Sequence[Any],
        *,
        role: Role = "document",
        target: Modality | None = None,
    ) -> Floats:
        """Unit-length rows, (len(prepared), card.dim) float32, in order. `target`: what the query looks for,
        for models with a head per target. Raises ModalityNotSupported."""


@runtime_checkable
class HasLogitScale(Protocol):
    """An embedder that knows how sure it is: what it was trained with, or what was measured."""

    def logit_scale(self, modality: Modality) -> float:
        """What cosines of `modality` with texts are multiplied by before a softmax makes them probabilities."""


@runtime_checkable
class HasChoices(Protocol):
    """An embedder that measures what is fastest on this machine."""

    def choices(self, modality: Modality) -> dict[str, str]:
        """What was chosen for a tower, as {"precision": "bfloat16"}."""


@runtime_checkable
class HasTargets(Protocol):
    """An embedder with several heads for some queries: `embed` gives another vector for each `target`."""

    query_heads: frozenset[Modality]
    """The modalities of such queries."""


# ---------------------------------------------------------------- files and segments


@dataclass(frozen=True, slots=True)
class SeenFile:
    """What a scan knows without opening the file. `path` is relative to root number `root`, '/'-separated,
    undecodable bytes as surrogates (os.fsdecode)."""

    root: int
    path: str
    size: int
    mtime_ns: int
    inode: int


class FileState(StrEnum):
    """ok: its segments are searchable. failed: it has a Problem. missing: its root or folder could not be
    read at the last run, so nothing is known; its segments stay."""

    OK = "ok"
    FAILED = "failed"
    MISSING = "missing"


READ_AGAIN = "read-again"
"""The code of a Problem of the index, not of the file: its segments were dropped, and the next run reads it anew. The
record stays, with what people gave it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file was skipped. code: short and stable; stage: sniff, read, decode, prepare or embed; reason: a sentence.
    detail: what a decoder said, known to the run that met the problem only."""

    code: str
    stage: str
    reason: str
    detail: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file as the catalog knows it."""

    file_id: int
    root: int
    path: str
    size: int
    mtime_ns: int
    inode: int
    content_hash: bytes
    modality: Modality | None
    state: FileState
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """The thing that has a vector and that a hit points at."""

    segment_id: int
    file_id: int
    modality: Modality
    span: Span
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What one indexing run did, in files; those that are no media count in `seen` only.

    skipped: new problems by code; known_problems: files and folders that were skipped before and still are; unchanged:
    all others that stay as they are. remarks: sentences for people, as on a drive that is away, a folder that moved, a
    store that could not follow.
    """

    seen: int
    new: int
    changed: int
    moved: int
    gone: int
    unchanged: int
    embedded: int
    segments: int
    skipped: dict[str, int]
    seconds: float
    interrupted: bool
    remarks: tuple[str, ...] = ()
    known_problems: int = 0


# ---------------------------------------------------------------- stores


class VectorStore(Protocol):
    """A vector index derived from the catalog. Higher scores are better; scores are cosines."""

    def search(self, queries: Floats, k: int, allow: Rows | None = None) -> tuple[Floats, Rows]:
        """queries (n, dim) float32 unit rows -> scores (n, k) float32, rows (n, k) int64, best first.

        allow: sorted rows that may be returned, None for all; honoured inside the search, so k hits come
        back as long as k exist. Unused slots hold row -1 and score -inf. Equal scores: lower row first.
        """

    def close(self) -> None:
        """Let go of files; safe to call twice."""


# ---------------------------------------------------------------- search


@dataclass(frozen=True, slots=True)
class Filter:
    """Which segments may answer: of these modalities (None: all), below this absolute folder (None: all).
    where: None for all."""

    modalities: frozenset[Modality] | None = None
    folder: str | None = None
    where: Expression | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. score: cosine of query and segment. path: absolute. `segment_id` is stable in the index. match: how
    far above chance, 0 to 1; lift: how much more it is this query's than others' (natural logarithm), by which hits of
    different modalities are ranked in one list (both search/calibration.py); None where the library is too small to
    tell. relevance: the number that falls along a list (search/fusion.py).
    has_words: its name, folder, caption or text holds words of the query; words_in: which of these, as "name",
    "folder", "caption", "text" (a passage of it, or a text beside it). alike: paths of further hits that are nearly the
    same and were folded into this one, best first."""

    rank: int
    score: float
    modality: Modality
    path: str
    span: Span
    file_id: int
    segment_id: int
    model: str
    excerpt: str = ""
    match: float | None = None
    has_words: bool = False
    lift: float | None = None
    relevance: float = 0.0
    alike: tuple[str, ...] = ()
    words_in: tuple[str, ...] = ()
