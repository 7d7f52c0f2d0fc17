"""`Index`: an index on disk, and the only place that puts the rooms together."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.records import other_model
from anyseek.contracts import Embedder, Modality, ModelCard, Report
from anyseek.errors import UsageError
from anyseek.keeping import Keeping
from anyseek.search.results import Results

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord
    from anyseek.contracts import Floats
    from anyseek.indexer import Progress
    from anyseek.search.ask import AnyPath, Example, Scope, Wanted
    from anyseek.search.query import Term
    from anyseek.search.query_reader import QueryReader
    from anyseek.stores.manager import StoreControl

DEFAULT_MODEL = "mini"


class Index(Keeping):
    """An index on disk. A context manager; searches may run in several threads."""

    def __init__(self, catalog: Catalog, embedder: Embedder | None = None) -> None:
        """embedder: None to load the one that made the index, when it is first needed."""
        self._catalog = catalog
        self._loaded = embedder
        self._reader: QueryReader | None = None
        self._lock = threading.RLock()

    @property
    def model(self) -> ModelCard:
        """The card of the model that the vectors were made with."""
        with self._catalog.read() as snapshot:
            return self._space(snapshot).card

    @property
    def n_segments(self) -> int:
        """How many segments a search can find: 0 for an empty index."""
        with self._catalog.read() as snapshot:
            return sum(space.live for space in snapshot.spaces()[:1])

    # ------------------------------------------------------------ filling

    def add(
        self,
        *folders: AnyPath,
        exclude: Sequence[str] = (),
        retry_failed: bool = False,
        depth_unit: float | None = None,
        workers: int | None = None,
        dry_run: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Report:
        """Make the index agree with the disk: these folders, or without any all that it covers.

        A folder that the index does not cover yet is added to it. exclude: gitignore patterns.
        retry_failed: try files with a known problem again. depth_unit: metres a raw depth unit stands for.
        workers: decoding processes, None to fit the machine. dry_run: only count. progress: called often, in
        this thread. stop: asked between batches; what was committed stays.
        Raises UsageError, IndexLocked, RootUnavailable, DiskFull, ReadOnlyIndex, OtherModel.
        """
        from anyseek import indexer
        from anyseek.indexer.scan import existing_folder
        from anyseek.search import calibration
        from anyseek.search.background import embedded

        if workers is not None and workers < 1:
            raise UsageError(f"{workers} decoding processes can do nothing.", "For example: --workers 2")
        if depth_unit is not None and not 0 < depth_unit < math.inf:
            raise UsageError(
                f"A depth unit of {depth_unit:g} metres is none.", "For millimetres: --depth-unit 0.001"
            )
        with self._catalog.read() as snapshot:
            known = set(snapshot.roots().values())
        # An indexed folder that is gone is for the indexer to tell of: nothing is deleted because of it.
        absolute = [Path(os.path.abspath(folder)) for folder in folders]
        roots = [path if path in known else existing_folder(path) for path in absolute]
        options = indexer.IndexOptions(
            tuple(exclude), retry_failed, depth_unit, dry_run=dry_run, workers=workers
        )
        report = indexer.update(
            self._catalog, self._embedder(), roots=roots, options=options, progress=progress, stop=stop
        )
        if not dry_run and not report.interrupted:
            self.store.refresh()
            with self._catalog.read() as snapshot:
                calibration.refresh(snapshot, self._space(snapshot), lambda: embedded(self._embedder()))
        return report

    # ------------------------------------------------------------ asking

    def search(
        self,
        words: Any = None,
        *,
        text: Any = None,
        image: Any = None,
        audio: Any = None,
        depth: Any = None,
        video: Any = None,
        thermal: Any = None,
        imu: Any = None,
        not_: Any = None,
        to: Wanted = None,
        k: int = 10,
        in_: AnyPath | None = None,
        where: str = "",
        segments: bool = False,
        merge: bool = False,
        min_match: float = 0.0,
        by: str = "both",
        fold: bool = False,
    ) -> Results:
        """The best k of each modality for a query of one or several parts.

        words, not_: words to look for, and to subtract. text ... imu: the path of a file; all but text also take
        data (a Pillow picture, an array: see search/given.py). Each takes one value, a pair (value, weight), or
        a list of these. to: "image,audio", None for all.
        in_: only what lies below that folder. where: a filter (stores/where.py). segments: let several segments of
        one file answer. merge: one list of k over all modalities. min_match: leave out what is below.
        by: vectors, words (of names, captions, texts; phrases in quotes hold), or both. fold: a hit that is nearly the
        same as a better one is told of there (`Hit.alike`).
        Raises UsageError, QueryFileError, ModalityNotSupported, OtherModel.
        """
        from anyseek.search.ask import scope
        from anyseek.search.query import from_values

        terms = from_values(words, _files(text, image, audio, depth, video, thermal, imu), not_)
        return self.ask(terms, scope(to, k, in_, segments, where, merge, min_match, by, fold))

    def ask(self, terms: Sequence[Term], wanted: Scope, examples: Sequence[Example] = ()) -> Results:
        """`search` for terms that were understood already. examples: (segment's number, weight), parts too."""
        from anyseek.search.ask import answer, example_parts, known_targets
        from anyseek.search.embedding import main_modality, query_vectors
        from anyseek.search.lexical import said
        from anyseek.search.query import described

        with self._catalog.read() as snapshot:
            space = self._space(snapshot)
            targets = known_targets(wanted.targets, space.card)  # before a file is read or the model loaded
            parts = (*self._query_reader(snapshot).read(terms), *example_parts(snapshot, space, examples))
        # No snapshot is held while the model is at work, which may take seconds.
        vectors = query_vectors(parts, self._embedder(), targets)
        words = said(term.value for term in terms if term.kind == "words" and term.weight > 0)
        with self._catalog.read() as snapshot:
            space = self._space(snapshot)
            return answer(
                snapshot, space, vectors, described(parts), wanted, None, main_modality(parts), words
            )

    def similar(
        self,
        path: AnyPath,
        *,
        to: Wanted = None,
        k: int = 10,
        in_: AnyPath | None = None,
        where: str = "",
        segments: bool = False,
        merge: bool = False,
        min_match: float = 0.0,
        fold: bool = False,
    ) -> Results:
        """What resembles a file of the index, by its stored vectors: no model runs, the file is not read.

        A file of several segments counts as their mean. Raises QueryFileError for a file not in the index.
        """
        from anyseek.search.ask import answer, scope, stored_vector

        wanted = scope(to, k, in_, segments, where, merge, min_match, fold=fold)
        with self._catalog.read() as snapshot:
            space = self._space(snapshot)
            file_id, vector, asked = stored_vector(snapshot, space, path)
            vectors = dict.fromkeys(space.card.modalities, vector)
            return answer(snapshot, space, vectors, f"files like {os.fspath(path)}", wanted, file_id, asked)

    def embed(
        self,
        words: Any = None,
        *,
        text: Any = None,
        image: Any = None,
        audio: Any = None,
        depth: Any = None,
        video: Any = None,
        thermal: Any = None,
        imu: Any = None,
        not_: Any = None,
    ) -> Floats:
        """The vector of a query, of length 1: (dim,) float32. Parts and errors as in `search`."""
        from anyseek.search.embedding import query_vector
        from anyseek.search.query import from_values

        terms = from_values(words, _files(text, image, audio, depth, video, thermal, imu), not_)
        with self._catalog.read() as snapshot:
            parts = self._query_reader(snapshot).read(terms)
        return query_vector(parts, self._embedder())

    # ------------------------------------------------------------ what answers

    @property
    def store(self) -> StoreControl:
        """Which store answers searches, and how to change it."""
        from anyseek.search.background import embedded
        from anyseek.stores.manager import StoreControl

        return StoreControl(self._catalog, lambda: embedded(self._embedder())[0])

    # ------------------------------------------------------------ life

    def close(self) -> None:
        """Let go of files and processes; safe to call twice."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
        self._catalog.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _embedder(self) -> Embedder:
        """The index's model, loaded once. Raises ModelNotFound, OtherModel."""
        with self._lock:
            if self._loaded is None:
                from anyseek.embedders import registry

                with self._catalog.read() as snapshot:
                    cards = [space.card for space in snapshot.spaces()]
                loaded = registry.load(cards[0].name if cards else DEFAULT_MODEL)
                if cards and loaded.card.fingerprint != cards[0].fingerprint:
                    raise other_model(self.folder, cards[0], loaded.card)
                self._loaded = loaded
            return self._loaded

    def _query_reader(self, snapshot: Snapshot) -> QueryReader:
        depth_unit = snapshot.settings().get("depth_unit")
        with self._lock:
            if self._reader is None or self._reader.depth_unit != depth_unit:
                from anyseek.search.query_reader import QueryReader

                if self._reader is not None:
                    self._reader.close()
                self._reader = QueryReader(self._embedder(), depth_unit)
            return self._reader

    def _space(self, snapshot: Snapshot) -> SpaceRecord:
        """The space of this index's model. Raises OtherModel."""
        spaces = snapshot.spaces()
        if not spaces:
            raise UsageError(f"The index in {self.folder} has no model yet.", "Fill it: anyseek index FOLDER")
        if self._loaded is None:
            return spaces[0]
        space = snapshot.space(self._loaded.card.fingerprint)
        if space is None:
            raise other_model(self.folder, spaces[0].card, self._loaded.card)
        return space


def _files(*values: Any) -> dict[Modality, Any]:
    return dict(zip(Modality, values, strict=True))
