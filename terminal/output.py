"""What people and scripts see: everything that knows about terminals. Data goes to stdout, remarks to stderr."""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TextIO

from anyseek.contracts import Hit, Modality, Report, Span, Unit
from anyseek.errors import AnyseekError
from anyseek.printable import printable

if TYPE_CHECKING:
    from anyseek.catalog.findings import Finding
    from anyseek.options import SearchOptions
    from anyseek.search.results import Results
    from anyseek.stores.backend import State


# ---------------------------------------------------------------- small parts


def has_colour(stream: TextIO) -> bool:
    """Whether to write colours: a terminal, and no NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def has_cursor(stream: TextIO) -> bool:
    """Whether a line can be redrawn: a terminal that is one."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def _styled(text: str, code: str, stream: TextIO) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if text and has_colour(stream) else text


def shown_path(path: str) -> str:
    """A path as a person would type it here: from the current folder when that is shorter."""
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):  # the current folder is gone
        return path
    if not relative.startswith(os.pardir + os.sep) or len(relative) < len(path):
        return os.path.join(os.curdir, relative) if relative.startswith("-") else relative
    return path


def span_text(span: Span) -> str:
    """`0:20-0:30` for seconds (the end rounded up), `characters 600-1190`; empty for a whole file."""
    if span.unit is Unit.SECONDS:
        return f"{_clock(math.floor(span.start))}-{_clock(math.ceil(span.end))}"
    if span.unit is Unit.CHARACTERS:
        return f"characters {span.start:.0f}-{span.end:.0f}"
    return ""


def _clock(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def words_text(hit: Hit) -> str:
    """`words in name, folder`; empty for a hit without words of the query."""
    where = ", ".join(hit.words_in)
    return (f"words in {where}" if where else "words") if hit.has_words else ""


def size_text(n_bytes: float) -> str:
    """`3.4 MB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000 or unit == "GB":
            break
        n_bytes /= 1000
    return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"


def problem_text(path: str, reason: str) -> str:
    """`photos/a.jpg is cut short`: the name or path that a reason begins with gives way to what is shown."""
    shown = printable(shown_path(path))
    for name in (path, path.rstrip("/"), os.path.basename(path)):
        rest = reason.removeprefix(printable(name))
        if name and rest[:1] in (" ", ":") and rest != reason:
            return shown + rest
    return f"{shown}: {reason}"


def in_order(counts: dict[Modality, int]) -> dict[Modality, int]:
    """Text first, as everywhere."""
    return {modality: counts[modality] for modality in Modality if modality in counts}


def duration(seconds: float) -> str:
    """`0:42`, `1:02:03`."""
    return _clock(math.ceil(seconds))


def counted(counts: dict[Any, int]) -> str:
    """`image 20, audio 3`."""
    return ", ".join(f"{name} {n:,}" for name, n in counts.items()) or "none"


def plural(n: int, noun: str) -> str:
    """1 file, 2 files, 1,000 files."""
    return f"{n:,} {noun}{'s' * (n != 1)}"


def json_line(record: dict[str, Any]) -> str:
    """ASCII, so that any terminal and any undecodable name gets through; one line."""
    return json.dumps(record, separators=(", ", ": "))


# ---------------------------------------------------------------- errors and remarks


def error(problem: AnyseekError, as_json: bool) -> None:
    """The sentence and the hint, or their JSON line, on stderr."""
    if as_json:
        record = {
            "type": "error",
            "code": problem.code,
            "exit": problem.exit_code,
            "message": problem.message,
            "hint": problem.hint,
        }
        sys.stderr.write(json_line(record) + "\n")
        return
    sys.stderr.write(_styled("anyseek: ", "31", sys.stderr) + printable(problem.message) + "\n")
    if problem.hint:
        sys.stderr.write(f"  {printable(problem.hint)}\n")


def remark(text: str, as_json: bool = False) -> None:
    """A line for people on stderr; with --json an object."""
    sys.stderr.write((json_line({"type": "remark", "message": text}) if as_json else printable(text)) + "\n")


# ---------------------------------------------------------------- results


def results(answer: Results) -> None:
    """The table for people: the query as it was understood, then a block for each modality."""
    out = sys.stdout
    out.write(_styled(f"Searching for {printable(answer.query)}", "2", out) + "\n")
    for hits in [answer.hits] if answer.is_merged else answer.by_modality().values():
        out.write("\n")
        for hit in hits:
            out.write("\n".join(_hit_lines(hit, is_merged=answer.is_merged)) + "\n")


def _hit_lines(hit: Hit, *, is_merged: bool) -> Iterator[str]:
    """Of a merged list the number that it is in the order of: cosines and matches of two modalities are not."""
    out = sys.stdout
    path = _styled(printable(shown_path(hit.path)), "2" if (hit.match or 1) < 0.5 else "1", out)
    span = span_text(hit.span)
    match = "    " if hit.match is None or is_merged else f"{hit.match:4.0%}"
    line = (
        f"{hit.rank:3}  {hit.relevance if is_merged else hit.score:6.3f}  {match}  {hit.modality:<5}  {path}"
    )
    notes = [_styled(span, "36", out), _styled(words_text(hit), "33", out)]
    if hit.alike:
        notes.append(_styled(f"+{len(hit.alike)} alike", "33", out))
    yield "  ".join([line, *filter(None, notes)])
    if hit.excerpt:
        width = max(40, shutil.get_terminal_size((100, 24)).columns) - 27
        excerpt = printable(" ".join(hit.excerpt.split()))
        yield " " * 26 + _styled(textwrap.shorten(excerpt, width, placeholder="…"), "2", out)


def results_json(answer: Results) -> None:
    """An object a line for each hit; what was understood goes to stderr, an object too."""
    sys.stderr.write(json_line({"type": "query", "understood": answer.query}) + "\n")
    for hit in answer:
        sys.stdout.write(json_line({"type": "hit", **asdict(hit)}) + "\n")


def results_paths(answer: Results, end: bytes) -> None:
    """Nothing but paths, each file once, as the bytes that the system knows them by."""
    sys.stdout.flush()
    for path in dict.fromkeys(hit.path for hit in answer):
        sys.stdout.buffer.write(os.fsencode(shown_path(path)) + end)


def no_hits(options: SearchOptions) -> None:
    """Below the heading of a search whose every list is empty."""
    text = "No hits."
    if options.offset:
        text = f"No hits after the first {options.offset:,}."
    elif options.min_match > 0:
        text = f"No hits with a match of at least {options.min_match:g}, or with the query's words."
    sys.stdout.write(f"\n{text}\n")


def not_applied(answer: Results, as_json: bool) -> None:
    """A remark on the modalities of which no least match could be asked."""
    if answer.unmeasured:
        names = " and ".join(answer.unmeasured)
        remark(f"--min-match was not applied to {names}: {answer.why_unmeasured}.", as_json)


def nothing_indexed(answer: Results, options: SearchOptions, as_json: bool) -> None:
    """A remark on the modalities in which nothing is indexed, and on those that are there."""
    if options.where is not None:
        if set(answer.missing) == set(answer.targets):
            remark("Nothing passes the filter.", as_json)
        return
    if not answer.missing:
        return
    if not answer.available:
        remark("Nothing is indexed yet. To index a folder: anyseek index FOLDER", as_json)
        return
    where, there = (
        (f" below {shown_path(options.in_)}", "In all there is") if options.in_ else ("", "There is")
    )
    names = " or ".join(answer.missing)
    remark(f"No {names} is indexed{where}. {there}: {', '.join(answer.available)}.", as_json)


# ---------------------------------------------------------------- indexing


def report_text(report: Report) -> str:
    """A Report in one line: what changed, what was embedded, how long it took."""
    changes = {
        name: getattr(report, name) for name in ("new", "changed", "moved", "gone") if getattr(report, name)
    }
    text = ", ".join(f"{n:,} {name}" for name, n in changes.items()) or "nothing new"
    n_skipped = sum(report.skipped.values())
    skipped = (
        f", {n_skipped:,} skipped ({counted(dict(sorted(report.skipped.items())))})" if n_skipped else ""
    )
    known = f", {report.known_problems:,} skipped before" if report.known_problems else ""
    stopped = ", stopped early" if report.interrupted else ""
    return f"{text}, {report.unchanged:,} unchanged{skipped}{known}; {report.seconds:.1f} s{stopped}"


# ---------------------------------------------------------------- stores, doctor


def store(state: State, as_json: bool) -> None:
    """What answers, and its recall for each pair that was measured."""
    lines = [store_text(state)]
    for target, by_source in state.recall.items():
        recalls = ", ".join(f"{source} {share:.3f}" for source, share in by_source.items())
        lines.append(f"  {target} found by {recalls}")
    lines += [state.remark] if state.remark else []
    sys.stdout.write(json_line({"type": "store", **asdict(state)}) if as_json else "\n".join(lines))
    sys.stdout.write("\n")


def store_text(state: State) -> str:
    """`faiss ivf, 200,000 of 200,000 vectors, recall 0.95 promised`."""
    text = f"{state.name}, {state.rows:,} of {state.of:,} vectors"
    return f"{text}, recall {state.promised:g} promised" if state.recall else text


def findings(remaining: Sequence[Finding], repaired: Sequence[Finding], as_json: bool) -> None:
    """What was repaired, what is wrong still, or that all is well."""
    for finding, is_repaired in [*((f, True) for f in repaired), *((f, False) for f in remaining)]:
        if as_json:
            record = {
                **{name: getattr(finding, name) for name in ("code", "message", "count")},
                "mendable": finding.is_repairable,
                "mend": finding.remedy,
                "instead": finding.instead,
            }
            sys.stdout.write(json_line({"type": "finding", "mended": is_repaired, **record}) + "\n")
        else:
            verb = (
                "repaired"
                if is_repaired
                else "can be repaired (--repair)"
                if finding.is_repairable
                else "what to do"
            )
            lines = [
                f"{finding.code}: {printable(finding.message)}",
                f"  {verb}: {printable(finding.remedy)}",
            ]
            if finding.instead and not is_repaired:
                lines.append(f"  better: {printable(finding.instead)}")
            sys.stdout.write("\n".join(lines) + "\n")
    if not remaining and not as_json:
        sys.stdout.write("The index is healthy.\n" if not repaired else "All else is healthy.\n")
