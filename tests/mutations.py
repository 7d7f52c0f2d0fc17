"""Whether the tests notice when a rule is broken: `.venv/bin/python tests/mutations.py [WORD...]`

Each row of TABLE breaks one rule in a copy of the project and runs the tests that should notice. "caught" when one of
them fails, "SURVIVED" when none does, "STALE" when the code is no longer there: correct the row then, "NO
PREMISE" when its tests fail without it. WORDs choose rows by
their file or their reason. Exit code 1 unless all were caught. Not run by `make test`: it takes half an hour.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]


class Mutation(NamedTuple):
    """`old`, which is there once, becomes `new`. tests: arguments for pytest."""

    file: str
    old: str
    new: str
    why: str
    tests: str


TABLE = [
    # ------------------------------------------------------------ what is damaged, and what is not
    Mutation(
        "catalog/snapshot.py",
        "except ABSENT:\n                    self._unopened",
        "except OSError:\n                    self._unopened",
        "vectors that cannot be read are not gone",
        "tests/catalog/test_failures.py",
    ),
    Mutation(
        "catalog/repair.py",
        "        vector_repair.check_writable(catalog.folder, snapshot.spaces())\n",
        "        pass\n",
        "nothing is dropped where the rest of a repair cannot be done",
        "tests/catalog/test_failures.py tests/catalog/test_check.py",
    ),
    Mutation(
        "indexer/diff.py",
        "    if must_be_read(record):\n        return Kind.RETRY if same_facts(record, seen) else Kind.CHANGED\n",
        "",
        "what a repair marked is read by the next run",
        "tests/indexer/test_read_again.py",
    ),
    Mutation(
        "catalog/database.py",
        "return self._is_torn() or _has_log(self.folder / CATALOG_NAME)",
        "return False",
        "a reader without a lock notices what others write",
        "tests/catalog/test_failures.py",
    ),
    Mutation(
        "catalog/sampling.py",
        "if result.n_damaged > MOST_DAMAGED * result.n_rows:",
        "if False:",
        "vectors of another index do not rank",
        "tests/catalog/test_sampling.py",
    ),
    Mutation(
        "search/engine.py",
        "        if damaged:\n",
        "        if False:\n",
        "a damaged vector is no hit",
        "tests/search/test_engine.py",
    ),
    # ------------------------------------------------------------ what is stored, and in which order
    Mutation(
        "catalog/segment_writer.py",
        """        for appender in self._appenders.values():
            appender.sync()
        self.database.run("COMMIT")
""",
        """        self.database.run("COMMIT")
        for appender in self._appenders.values():
            appender.sync()
""",
        "vectors are on the disk before the catalog counts them",
        "tests/faults/test_power_cut.py",
    ),
    Mutation(
        "catalog/segment_writer.py",
        "            appender.sync()\n",
        "            pass\n",
        "vectors are synced at all",
        "tests/faults/test_power_cut.py",
    ),
    Mutation(
        "catalog/database.py",
        "PRAGMA synchronous = FULL",
        "PRAGMA synchronous = NORMAL",
        "a commit that was reported is on the disk",
        "tests/faults/test_power_cut.py",
    ),
    Mutation(
        "catalog/creation.py",
        "    atomic.put_in_place(new, folder / CATALOG_NAME)\n",
        "    new.replace(folder / CATALOG_NAME)\n",
        "a new catalog is on the disk before it takes its name",
        "tests/faults/test_power_cut.py",
    ),
    Mutation(
        "catalog/creation.py",
        '_NEW_NAME = f".{CATALOG_NAME}.new"',
        "_NEW_NAME = CATALOG_NAME",
        "a catalog that is there is complete",
        "tests/faults/test_kills.py",
    ),
    Mutation(
        "catalog/database.py",
        "        if not has_passed(error, path.parent):\n            raise\n",
        "        raise\n",
        "what failed for a moment while a catalog was opened is tried again",
        "tests/faults/test_failing_calls.py -k full_while_a_catalog_is_made",
    ),
    Mutation(
        "catalog/compaction.py",
        "        _remove_replaced(database.folder / ",
        "        0 and _remove_replaced(database.folder / ",
        "compaction clears what a killed one left",
        "tests/catalog/test_rules.py",
    ),
    Mutation(
        "catalog/compaction.py",
        "if n_bytes == 0 or ",
        "if False and ",
        "compaction leaves the generation before one that is cut off",
        "tests/catalog/test_rules.py",
    ),
    Mutation(
        "workspace.py",
        "*made.refresh_derived()",
        "",
        "after a reindex the chosen store answers",
        "tests/index/test_index.py -k reindex",
    ),
    Mutation(
        "catalog/vectors.py",
        'HALF = np.dtype("<f2")',
        'HALF = np.dtype(">f2")',
        "rows are float16, little-endian",
        "tests/catalog/test_catalog.py tests/stores/test_exact.py",
    ),
    Mutation(
        "catalog/vectors.py",
        "np.abs(lengths - 1) <= LENGTH_TOLERANCE",
        "np.abs(lengths - 1) >= -1",
        "only unit rows are stored",
        "tests/catalog/test_rules.py tests/catalog/test_writer.py tests/catalog/test_crash.py",
    ),
    Mutation(
        "catalog/segment_writer.py",
        "            self.database.rollback()\n",
        '            self.database.run("COMMIT")\n',
        "a transaction that fails leaves nothing",
        "tests/catalog/test_catalog.py tests/catalog/test_writer.py",
    ),
    Mutation(
        "catalog/locking.py",
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)",
        "one writer at a time",
        "tests/catalog/test_locking.py",
    ),
    Mutation(
        "catalog/locking.py",
        "os.register_at_fork(after_in_child=_close_in_child)",
        "",
        "a forked child does not hold the lock of a dead writer",
        "tests/catalog/test_locking.py",
    ),
    Mutation(
        "catalog/codec.py",
        'return folder + b"/", folder + b"0"',
        'return folder, folder + b"0"',
        "below `a` is not `a2` nor `a.txt`",
        "tests/catalog/test_rules.py tests/catalog/test_filter_sql.py tests/index/test_search.py",
    ),
    Mutation(
        "catalog/tag_records.py",
        "            tags.carry(record, inode, before)\n",
        "            pass\n",
        "tags go over to a new index",
        "tests/indexer/test_reindex.py tests/catalog/test_rules.py tests/catalog/test_tags.py",
    ),
    Mutation(
        "atomic.py",
        "        unfinished.replace(path)\n",
        "        path.write_bytes(unfinished.read_bytes())\n",
        "a file is replaced whole or not at all",
        "tests/test_atomic.py",
    ),
    # ------------------------------------------------------------ gone, missing, changed
    Mutation(
        "indexer/run_state.py",
        "trusted = dict.fromkeys(roots, started_ns - _TICK_NS) | self._trusted()",
        "trusted = self._trusted()",
        "what a killed run read is looked at again",
        "tests/indexer/test_update.py tests/crash",
    ),
    Mutation(
        "indexer/diff.py",
        "yield Change(Kind.MISSING, None, record)",
        "yield Change(Kind.GONE, None, record)",
        "below a folder that cannot be read files are missing, not gone",
        "tests/indexer/test_diff.py tests/indexer/test_bad_files.py",
    ),
    Mutation(
        "indexer/run.py",
        "if reason := plan.lost.get(root) or unavailable(run.state.roots[root]):",
        'if reason := "":',
        "nothing of an unplugged folder is forgotten",
        "tests/indexer/test_roots.py",
    ),
    Mutation(
        "indexer/diff.py",
        "return Kind.UNSURE if record.size == seen.size and record.content_hash else Kind.CHANGED",
        "return Kind.UNCHANGED",
        "a file with another time is looked at",
        "tests/indexer/test_diff.py tests/indexer/test_update.py",
    ),
    Mutation(
        "indexer/diff.py",
        "if record.mtime_ns >= trust.before_ns.get(record.root, 0) and record.content_hash:",
        "if False:",
        "a file written within a tick of the clock is looked at once more",
        "tests/indexer/test_diff.py tests/indexer/test_update.py",
    ),
    # ------------------------------------------------------------ searching
    Mutation(
        "search/calibration.py",
        "return max(0.0, gumbel(tops)[0] - gumbel(of_part)[0]) / float(np.log(_PART))",
        "return gumbel(tops)[1]",
        "the best of more rows is as much higher as it was measured to be",
        "tests/search/test_measured_libraries.py",
    ),
    Mutation(
        "search/calibration.py",
        "asked = background.asked_of(target) if queries is known else slice(None)",
        "asked = slice(None)",
        "recordings are held against sounds of the bank",
        "tests/search/test_measured_libraries.py",
    ),
    Mutation(
        "search/calibration.py",
        "return vectors[np.isfinite(vectors).all(1)]",
        "return vectors",
        "damaged vectors take no part in what is measured",
        "tests/search/test_measured_libraries.py",
    ),
    Mutation(
        "search/engine.py",
        "if sample is not None and len(sample):",
        "if False:",
        "a filter leaves the order as it is",
        "tests/search/test_measured_libraries.py",
    ),
    Mutation(
        "search/calibration.py",
        "lift: Doubles = scores / pair.deviation - _levels(near, pair.mean, pair.deviation)",
        "lift: Doubles = scores / pair.deviation",
        "lift takes away what an item is near to anyway",
        "tests/search/test_calibration.py",
    ),
    Mutation(
        "search/calibration.py",
        "near[near > _ITSELF] = -np.inf\n        lift",
        "lift",
        "an item is not held against itself",
        "tests/search/test_calibration.py",
    ),
    Mutation(
        "search/calibration.py",
        "np.delete(near[:, best], i, axis=0).T",
        "near[:, best].T",
        "a background query is not held against itself",
        "tests/search/test_calibration.py",
    ),
    Mutation(
        "search/embedding.py",
        "_NOTHING_LEFT = 1e-4",
        "_NOTHING_LEFT = 1e-12",
        "parts that cancel each other out are refused",
        "tests/search/test_embedding.py",
    ),
    Mutation(
        "search/embedding.py",
        "_NOTHING_LEFT = 1e-4",
        "_NOTHING_LEFT = 0.2",
        "parts that nearly cancel each other out are a query",
        "tests/search/test_embedding.py",
    ),
    Mutation(
        "search/fusion.py",
        "hit.match is None or hit.match >= options.min_match or hit.has_words",
        "hit.match is None or hit.match >= options.min_match",
        "--min-match keeps hits that have the words",
        "tests/search tests/index",
    ),
    Mutation(
        "search/fusion.py",
        "hit.match is None or hit.match >= options.min_match or hit.has_words",
        "True",
        "--min-match leaves hits out",
        "tests/search tests/index",
    ),
    Mutation(
        "search/engine.py",
        "others = [hit for hit in hits if hit.file_id != self._query.except_file]",
        "others = list(hits)",
        "a file is not a hit of what resembles it",
        "tests/search/test_engine.py tests/index",
    ),
    Mutation(
        "search/engine.py",
        "if len(best) >= k or n_asked == self._n_rows",
        "if True",
        "k files although one has most rows",
        "tests/search/test_engine.py",
    ),
    Mutation(
        "search/engine.py",
        "scores, rows = self._engine.store.search(self._vector[None], n_asked, self._allow)",
        "scores, rows = self._engine.store.search(self._vector[None], n_asked, None)",
        "filters hold inside the search",
        "tests/search/test_engine.py tests/index",
    ),
    Mutation(
        "search/engine.py",
        "found = [one for one, is_in in zip(found, is_allowed, strict=True) if is_in]",
        "pass",
        "filters hold for what words find",
        "tests/search tests/index",
    ),
    Mutation(
        "search/engine.py",
        "return score / self._deviation + fusion.words_lift(coverage), 0.0",
        "return score / self._deviation, 0.0",
        "words have a part in the order",
        "tests/search",
    ),
    Mutation(
        "catalog/full_text.py",
        "0 < RARE * sum(typed.counts) <= sum(stem.counts)",
        "False",
        "a rare name comes before the common word of its stem",
        "tests/search",
    ),
    Mutation(
        "catalog/full_text.py",
        'return f"{table.typed} : {self.phrase}" if self._is_typed else self.phrase',
        "return self._phrase",
        "a phrase in quotes is exact",
        "tests/search",
    ),
    Mutation(
        "search/fusion.py",
        "if hit.rank > options.offset)",
        "if hit.rank >= options.offset)",
        "the first hit after an offset",
        "tests/search tests/index",
    ),
    Mutation(
        "options.py",
        "NEAR = 0.97",
        "NEAR = 0.5",
        "only near copies are folded",
        "tests/library/test_duplicates.py",
    ),
    Mutation(
        "catalog/filter_sql.py",
        'return Condition(f"NOT coalesce({made.sql}, 0)", made.values) if negated else made',
        "return made",
        "`not` in a filter",
        "tests/catalog/test_filter_sql.py",
    ),
    Mutation(
        "stores/exact.py",
        "order = np.lexsort((rows, -scores))",
        "order = np.lexsort((-rows, -scores))",
        "of equal scores the lower row first",
        "tests/stores/test_exact.py",
    ),
    Mutation(
        "stores/exact.py",
        "self._floor = np.float32(kth - SLACK)",
        "self._floor = np.float32(kth + SLACK)",
        "what may be among the best k is looked at again",
        "tests/stores/test_exact.py",
    ),
    # ------------------------------------------------------------ questions, read as they are meant
    Mutation(
        "tokens.py",
        "return [*pairs, word[-1]] if is_whole else pairs",
        "return pairs or [word]",
        "the last letter of a run is a token",
        "tests/test_tokens.py",
    ),
    Mutation(
        "tokens.py",
        'category[0] in "LMN"',
        'category[0] in "LN"',
        "vowel signs are kept",
        "tests/test_tokens.py",
    ),
    Mutation(
        "search/lexical.py",
        "return [Term(tokens.phrase(part)) for part in parts]",
        "return [Term(whole)]",
        "a Chinese run that is nowhere is looked for by its parts",
        "tests/search/test_lexical.py",
    ),
    Mutation(
        "catalog/filter_sql.py",
        "return folded(clean_text(value))",
        "return clean_text(value.lower())",
        "values of filters are folded as names are",
        "tests/index/test_names_beyond_ascii.py",
    ),
    Mutation(
        "catalog/file_reader.py",
        "if places and (self._has_any(places) or codec.is_on_disk(folder)):",
        "if False:",
        "a folder that is there byte for byte is that one",
        "tests/index/test_names_beyond_ascii.py",
    ),
    Mutation(
        "filters/values.py",
        "return start + timedelta(days=1)",
        "return datetime.fromtimestamp(start.timestamp() + 86_400)",
        "days end on the local clock",
        "tests/test_dates.py",
    ),
    Mutation(
        "search/fusion.py",
        "out.append(replace(hit, relevance=best[hit.modality]))",
        "out.append(replace(hit, relevance=value))",
        "relevance falls along a list",
        "tests/search/test_calibration.py",
    ),
    Mutation(
        "search/fusion.py",
        "out.append(replace(hit, rank=rank, relevance=lowest))",
        "out.append(replace(hit, rank=rank, relevance=hit.score))",
        "relevance falls along a merged list",
        "tests/search/test_calibration.py",
    ),
    Mutation(
        "search/answer.py",
        "unknown = unmeasured(hits) if options.min_match > 0 else ()",
        "unknown = ()",
        "a least match that was not applied is said",
        "tests/adapters/test_filters.py",
    ),
    Mutation(
        "adapters/langchain.py",
        " and (score_threshold is None or relevance >= score_threshold)",
        "",
        "a threshold is applied",
        "tests/adapters/test_filters.py",
    ),
    # ------------------------------------------------------------ strangers' files, strangers' requests
    Mutation(
        "media/arrays.py",
        "    if dtype.hasobject:\n",
        "    if False:\n",
        "pickled arrays are refused as such",
        "tests/media/test_depth.py tests/media/test_sniffing.py",
    ),
    Mutation(
        "embedders/imagebind/checkpoint.py",
        "weights_only=True",
        "weights_only=False",
        "a checkpoint runs no program",
        "tests/embedders/imagebind/test_checkpoint.py",
    ),
    Mutation(
        "media/child.py",
        "resource.setrlimit(resource.RLIMIT_AS, (now + more_bytes, resource.RLIM_INFINITY))",
        "pass",
        "a worker's memory has a limit",
        "tests/media/test_worker.py",
    ),
    Mutation(
        "media/worker_process.py",
        "if not self._pipe.poll(limit_s):",
        "if not self._pipe.poll(limit_s and 3600):",
        "a worker's time has a limit",
        "tests/media/test_worker.py --timeout 60",
    ),
    Mutation(
        "media/limits.py",
        "if width * height > limits.max_pixels:",
        "if False:",
        "pictures have a limit of pixels",
        "tests/media/test_worker.py tests/media/test_images.py",
    ),
    Mutation(
        "serve/guard.py",
        "(self.hosts and name not in self.hosts)",
        "False",
        "only our own host names",
        "tests/serve/test_guard.py",
    ),
    Mutation(
        "serve/guard.py",
        "        return True\n    sites = ",
        "        return False\n    sites = ",
        "no other origin's page may ask",
        "tests/serve/test_guard.py",
    ),
    Mutation(
        "serve/guard.py",
        "return not (is_link and ",
        "return False and not (is_link and ",
        "no other site's page may ask, picture or frame",
        "tests/serve/test_guard.py",
    ),
    Mutation(
        "serve/guard.py",
        'not self.knows(scope) and scope["path"] != OPEN_TO_ALL',
        "False",
        "the token is asked for",
        "tests/serve/test_guard.py",
    ),
    Mutation(
        "opening.py",
        "os.open(name, flags | os.O_NOFOLLOW, dir_fd=above)",
        "os.open(name, flags, dir_fd=above)",
        "no folder on the way that is a link leads out of the indexed folder",
        "tests/test_opening.py",
    ),
    Mutation(
        "opening.py",
        "    if no_follow:\n        _check_step(name)\n    # stat",
        "    no_follow = 0\n    # stat",
        "no file that is a link leads out of the indexed folder",
        "tests/test_opening.py",
    ),
    Mutation(
        "opening.py",
        "os.open(name, _READ | no_follow, dir_fd=above)",
        "os.open(name, _READ, dir_fd=above)",
        "no link that takes a file's place at the last moment leads out",
        "tests/test_opening.py",
    ),
    Mutation(
        "serve/bodies.py",
        "if self._n_bytes > self._limit.most:",
        "if False:",
        "bodies of requests have a limit",
        "tests/serve/test_limits.py",
    ),
    Mutation(
        "errors.py", "    exit_code = 11\n", "    exit_code = 1\n", "exit codes", "tests/test_errors.py"
    ),
]


class Copy:
    """The project in a folder of its own, with a Python that imports it from there."""

    def __init__(self, folder: Path) -> None:
        folder.chmod(0o755)  # some tests act as a user who owns nothing
        self.tree = folder / "tree"
        files = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout
        for name in filter(None, files.split("\0")):
            target = self.tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).is_file():
                shutil.copyfile(ROOT / name, target)
        self._make_python(folder / "venv")

    def _make_python(self, folder: Path) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self._python = folder / "bin" / "python"
        (folder / "link").mkdir()
        (folder / "link" / "anyseek").symlink_to(self.tree)
        packages = next(folder.glob("lib/python*/site-packages"))
        theirs = [path for path in sys.path if path.endswith("site-packages")]
        (packages / "anyseek.pth").write_text("\n".join([str(folder / "link"), *theirs]))
        command = folder / "bin" / "anyseek"
        command.write_text(
            f"#!{self._python}\nimport sys\nfrom anyseek.cli import command\nsys.exit(command())\n"
        )
        command.chmod(0o755)

    def run(self, tests: str) -> tuple[bool, str]:
        """Whether the tests pass, and the line about the first that does not."""
        command = [
            self._python,
            "-m",
            "pytest",
            "-q",
            "-x",
            "-p",
            "no:cacheprovider",
            "-m",
            "not slow and not gpu",
        ]
        ran = subprocess.run(
            [*command, *tests.split()],
            cwd=self.tree,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        )
        if ran.returncode not in (0, 1):
            raise SystemExit(f"pytest did not run {tests}:\n{ran.stdout}")
        failed = [line for line in ran.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
        return ran.returncode == 0, failed[0] if failed else ""


def tried(copy: Copy, mutation: Mutation) -> str:
    """What became of one row."""
    path = copy.tree / mutation.file
    whole = path.read_text() if path.is_file() else ""
    if whole.count(mutation.old) != 1:
        return "STALE"
    path.write_text(whole.replace(mutation.old, mutation.new))
    try:
        passes, line = copy.run(mutation.tests)
    finally:
        path.write_text(whole)
    return "SURVIVED" if passes else f"caught: {line.partition(' - ')[0]}"


def main(words: list[str]) -> int:
    rows = [row for row in TABLE if not words or any(word in f"{row.file} {row.why}" for word in words)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        outcomes = []
        premises: dict[str, bool] = {}
        for row in rows:
            if row.tests not in premises:
                premises[row.tests] = copy.run(row.tests)[0]
            outcomes.append(tried(copy, row) if premises[row.tests] else "NO PREMISE")
            print(f"{row.file:36} {row.why:64} {outcomes[-1]}", flush=True)
    return 0 if all(outcome.startswith("caught") for outcome in outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
