"""`Index`: an index on disk, and the only place that puts the rooms together."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Unpack

from anyseek.catalog.catalog import Catalog
from anyseek.catalog.records import other_model
from anyseek.contracts import Embedder, Modality, ModelCard, Report, Segment
from anyseek.errors import RootUnavailable, UsageError
from anyseek.modalities import Media
from anyseek.options import (
    AnyPath,
    SearchArguments,
    SearchKeywords,
    SearchOptions,
    check_type,
    options_or_keywords,
    path_text,
    sort_keywords,
)
from anyseek.search.query import HitNames, Query, from_values
from anyseek.search.results import Results

if TYPE_CHECKING:
    from anyseek.catalog.catalog import Snapshot, SpaceRecord
    from anyseek.catalog.tags import Tags
    from anyseek.contracts import Floats
    from anyseek.indexer import Forgotten, IndexOptions, Progress
    from anyseek.library import Library
    from anyseek.library.status import Status
    from anyseek.opening import FileBelow
    from anyseek.search.query_reader import QueryReader
    from anyseek.stores.manager import StoreManager

DEFAULT_MODEL = "mini"


class Index:
    """An index on disk. A context manager; searches may run in several threads."""

    def __init__(self, catalog: Catalog, embedder: Embedder | None = None) -> None:
        """embedder: None to load the one that made the index, when it is first needed."""
        self._catalog = catalog
        self._loaded = embedder
        self._reader: QueryReader | None = None
        self._lock = threading.RLock()

    @property
    def folder(self) -> Path:
        """Where the index itself lies."""
        return self._catalog.folder

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

    @property
    def depth_unit(self) -> float | None:
        """Metres that a raw unit of depth stands for, as it was set; None for each format's own."""
        with self._catalog.read() as snapshot:
            unit: float | None = snapshot.settings().get("depth_unit")
            return unit

    def roots(self) -> list[Path]:
        """The folders that it covers."""
        with self._catalog.read() as snapshot:
            return list(snapshot.roots().values())

    # ------------------------------------------------------------ filling

    def add(
        self,
        *folders: AnyPath,
        exclude: Sequence[str] = (),
        retry_failed: bool = False,
        depth_unit: float | None = None,
        workers: int | None = None,
        dry_run: bool = False,
        prune: bool = False,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Report:
        """Make the index agree with the disk: these folders, or without any all that it covers.

        A folder that the index does not cover yet is added to it. exclude: gitignore patterns, for this run.
        retry_failed: try files with a known problem again. depth_unit: metres a raw depth unit stands for.
        workers: decoding processes, None to fit the machine. dry_run: only count. prune: delete what is not there, also
        from a folder that was emptied as if its drive was not connected. progress: called often, in this thread. stop:
        asked between batches; what was committed stays.
        Raises UsageError, IndexLocked, DiskFull, ReadOnlyIndex, OtherModel, IndexDamaged; RootUnavailable, whose
        `report` is that of all other folders.
        """
        from anyseek.indexer import IndexOptions

        options = IndexOptions(tuple(exclude), retry_failed, depth_unit, dry_run, prune, workers=workers)
        return self.update(folders, options, progress=progress, stop=stop)

    def update(
        self,
        folders: Sequence[AnyPath],
        options: IndexOptions,
        *,
        progress: Callable[[Progress], None] | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Report:
        """`add` for options that were checked already. Raises what `add` raises."""
        from anyseek import indexer
        from anyseek.indexer.scan import existing_folder

        with self._catalog.read() as snapshot:
            known = set(snapshot.roots().values())
        if not folders and not known:
            raise UsageError("No folder is indexed.", "Name one: anyseek index FOLDER")
        # An indexed folder that is gone is for the indexer to tell of: nothing is deleted because of it.
        absolute = [Path(os.path.abspath(path_text(folder))) for folder in folders]
        roots = [path if path in known else existing_folder(path) for path in absolute]
        try:
            report = indexer.update(
                self._catalog, self._embedder(), roots=roots, options=options, progress=progress, stop=stop
            )
        except RootUnavailable as error:  # all other folders were brought up to date
            error.report = self._followed(error.report)
            raise
        return report if options.dry_run or report.interrupted else self._followed(report)

    def _followed(self, report: Report) -> Report:
        """The report of a run that is done, with remarks on what is derived and could not follow it."""
        return replace(report, remarks=(*report.remarks, *self.refresh_derived()))

    def forget(self, folder: AnyPath, *, dry_run: bool = False) -> Forgotten:
        """Take an indexed folder out of the index; what is on the disk stays, and the folder need not be there.

        Tags of its files are kept, and return with them. dry_run: only count. Raises UsageError for a folder that is
        not one of `roots()`; IndexLocked, ReadOnlyIndex, DiskFull.
        """
        from anyseek import indexer

        forgotten = indexer.forget(self._catalog, path_text(folder), dry_run=dry_run)
        if dry_run:
            return forgotten
        remark = self.store.follow()  # the calibration waits for the next run: it may need the model
        return replace(forgotten, remarks=(remark,) if remark else ())

    def refresh_derived(self) -> list[str]:
        """Bring the store and the calibration up to date, as `add` does; remarks on what could not be."""
        from anyseek.search import calibration
        from anyseek.search.background import embedded

        remark = self.store.follow()
        with self._catalog.read() as snapshot:
            if snapshot.spaces():
                calibration.refresh(snapshot, self._space(snapshot), lambda: embedded(self._embedder()))
        return [remark] if remark else []

    # ------------------------------------------------------------ searching

    def search(
        self,
        words: Any = None,
        *,
        not_: Any = None,
        like: HitNames = (),
        unlike: HitNames = (),
        options: SearchOptions | None = None,
        **arguments: Unpack[SearchArguments],
    ) -> Results:
        """The best k of each modality for a query of one or several parts.

        words, not_: words to look for, and to subtract. like, unlike: hits that are wanted and that are not, by
        segment_id or by the path of an indexed file. Any modality is a keyword too (`image=`, `audio=`, ...): the path
        of a file, or, but for text, data (a Pillow picture, an array: see media/in_memory.py). Words and media take
        one value, a pair (value, weight), or a list of these. All other keywords are those of `SearchOptions`,
        unless `options` has them all.

        Raises UsageError, QueryFileError, ModalityNotSupported, OtherModel; TypeError for an unknown keyword.
        """
        media, keywords = sort_keywords(arguments)
        query = Query.of(from_values(words, media, not_), like=like, unlike=unlike)
        return self.answer(query, options_or_keywords(options, keywords))

    def answer(self, query: Query, options: SearchOptions) -> Results:
        """`search` for a query that was understood already. Raises what `search` raises, but for TypeError."""
        from anyseek.search.answer import answer, check_words, example_parts, supported_targets
        from anyseek.search.embedding import EmbeddedQuery, main_modality, query_vectors
        from anyseek.search.lexical import keywords_of
        from anyseek.search.query import describe

        check_type(query, Query)
        check_type(options, SearchOptions)
        check_words(options, query.words)
        with self._catalog.read() as snapshot:
            space = self._space(snapshot)
            # Before a file is read or the model loaded:
            targets = supported_targets(options.to, space.card)
            snapshot.check_filter(options.where)
            reader = self._query_reader(snapshot)
            parts = (*reader.read(query.parts), *example_parts(snapshot, space, query.examples))
        # No snapshot is held while the model is at work, which may take seconds.
        vectors = query_vectors(parts, self._embedder(), targets)
        embedded = EmbeddedQuery(vectors, describe(parts), main_modality(parts), *keywords_of(query.words))
        with self._catalog.read() as snapshot:
            return answer(snapshot, self._space(snapshot), embedded, options)

    def similar(
        self, path: AnyPath, *, options: SearchOptions | None = None, **keywords: Unpack[SearchKeywords]
    ) -> Results:
        """What resembles a file of the index, by its stored vectors: no model runs, the file is not read.

        A file of several segments counts as their mean. The keywords are those of `SearchOptions`, unless `options` has
        them all.
        Raises QueryFileError for a file not in the index, UsageError, ModalityNotSupported.
        """
        from anyseek.search.answer import answer, check_words, indexed_file

        checked = options_or_keywords(options, keywords)
        check_words(checked, ())
        with self._catalog.read() as snapshot:
            space = self._space(snapshot)
            return answer(snapshot, space, indexed_file(snapshot, space, path), checked)

    def embed(self, words: Any = None, *, not_: Any = None, **media: Unpack[Media]) -> Floats:
        """The vector of a query, of length 1: (dim,) float32. Parts and errors as in `search`."""
        from anyseek.search.embedding import query_vector

        values, options = sort_keywords(media)
        if options:
            raise TypeError(f"embed() got an unexpected keyword argument {next(iter(options))!r}")
        query = Query.of(from_values(words, values, not_))
        with self._catalog.read() as snapshot:
            parts = self._query_reader(snapshot).read(query.parts)
        return query_vector(parts, self._embedder())

    # ------------------------------------------------------------ what is indexed

    def status(self, *, look: bool = True) -> Status:
        """What the index holds. look: compare it with the files on disk too (one stat each)."""
        from anyseek.library.status import status

        return status(self._catalog, look=look)

    def modality_of(self, path: AnyPath) -> Modality | None:
        """As what an indexed file is searched; None for one that is not. Raises UsageError for what is not a path."""
        with self._catalog.read() as snapshot:
            record = snapshot.locate(os.path.abspath(path_text(path)))
            segments = snapshot.segments_of_file(record.file_id) if record and record.problem is None else []
            return segments[0].modality if segments else None

    def segment(self, segment_id: int) -> tuple[Segment, str] | None:
        """A searchable segment by its number, with its file's absolute path; None when there is none."""
        with self._catalog.read() as snapshot:
            record = snapshot.segment_by_id(segment_id)
        return None if record is None else (record[0], os.fspath(record[1]))

    def file_of(self, segment_id: int) -> FileBelow | None:
        """The file of a searchable segment, as `opening.open_file` opens it: whatever took its place since, no link
        leads out of the indexed folder. None when there is no such segment."""
        with self._catalog.read() as snapshot:
            record = snapshot.segment_by_id(segment_id)
        return None if record is None else record[1]

    def versions(self, file_ids: Collection[int]) -> dict[int, str]:
        """For each of these files that is indexed: 16 hex digits that change with its content, and that no other
        file or index has."""
        with self._catalog.read() as snapshot:
            return snapshot.versions(snapshot.index_id, file_ids)

    def is_as_indexed(self, file_id: int) -> bool:
        """Whether a file on the disk still has the size and the time that it had when it was indexed."""
        with self._catalog.read() as snapshot:
            record = snapshot.file(file_id)
            if record is None:
                return False
            try:
                facts = os.lstat(snapshot.absolute_path(record))
            except OSError:
                return False
        return (facts.st_size, facts.st_mtime_ns) == (record.size, record.mtime_ns)

    def text_of(self, segment_id: int) -> str:
        """The words of a segment: the whole passage of a text, a caption of anything else; "" where there are none."""
        with self._catalog.read() as snapshot:
            return snapshot.text_of(segment_id)

    # ------------------------------------------------------------ namespaces

    @property
    def store(self) -> StoreManager:
        """Which store answers searches, and how to change it."""
        from anyseek.search.background import embedded
        from anyseek.stores.manager import StoreManager

        return StoreManager(self._catalog, lambda: embedded(self._embedder())[0])

    @property
    def tags(self) -> Tags:
        """Words that people give to files."""
        from anyseek.catalog.tags import Tags

        return Tags(self._catalog)

    @property
    def library(self) -> Library:
        """Duplicates, map, export and import, check and repair."""
        from anyseek.library import Library

        return Library(self._catalog, self._space, lambda: self.store.follow())

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
