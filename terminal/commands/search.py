"""`anyseek search` and `anyseek similar`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from anyseek.errors import EXIT_OK, UsageError
from anyseek.terminal.options import (
    After,
    Before,
    Count,
    Debug,
    ExitCode,
    Fold,
    In,
    IndexDir,
    Json,
    Many,
    Merge,
    MinMatch,
    Nul,
    Paths,
    Segments,
    Tag,
    To,
    Type,
    Where,
    filter_of,
)

EXIT_NO_HITS = 1

if TYPE_CHECKING:
    from anyseek.search.results import Results


def register(app: typer.Typer) -> None:
    """Add the two commands to the program."""
    app.command(
        epilog="Examples: anyseek search a red car --to image | anyseek search dog.jpg --to audio | "
        'anyseek search --image beach.jpg "at night" --not people@0.5 | '
        "anyseek search a dog --type jpg,png --after 2023-06"
    )(search)
    app.command(epilog="Example: anyseek similar photos/dog.jpg --to image,audio -k 5")(similar)


def search(
    query: Annotated[
        Many, typer.Argument(metavar="[WORDS]...", help="Words, or the path of a file of any modality.")
    ] = None,
    words: Annotated[
        Many, typer.Option("--words", metavar="WORDS", help="Words, never taken for a path; repeatable.")
    ] = None,
    text: Annotated[Many, typer.Option("--text", metavar="FILE", help="A text file; repeatable.")] = None,
    image: Annotated[Many, typer.Option("--image", metavar="FILE", help="A picture; repeatable.")] = None,
    audio: Annotated[Many, typer.Option("--audio", metavar="FILE", help="A sound; repeatable.")] = None,
    depth: Annotated[Many, typer.Option("--depth", metavar="FILE", help="A depth map; repeatable.")] = None,
    video: Annotated[Many, typer.Option("--video", metavar="FILE", help="A film; repeatable.")] = None,
    thermal: Annotated[
        Many, typer.Option("--thermal", metavar="FILE", help="A thermal picture; repeatable.")
    ] = None,
    imu: Annotated[Many, typer.Option("--imu", metavar="FILE", help="A table of motion; repeatable.")] = None,
    minus: Annotated[
        Many, typer.Option("--not", metavar="WORDS", help="Words to subtract; repeatable.")
    ] = None,
    to: To = None,
    k: Count = 10,
    in_: In = None,
    where: Where = None,
    type_: Type = None,
    after: After = None,
    before: Before = None,
    tag: Tag = None,
    index_dir: IndexDir = None,
    segments: Segments = False,
    merge: Merge = False,
    fold: Fold = False,
    min_match: MinMatch = 0.0,
    words_only: Annotated[
        bool, typer.Option("--words-only", help="Only names and texts with the words.")
    ] = False,
    vectors_only: Annotated[
        bool, typer.Option("--vectors-only", help="Only what resembles the query.")
    ] = False,
    rerank: Annotated[
        str | None,
        typer.Option(
            "--rerank", metavar="st:NAME", help="A cross-encoder that reads the first 50 hits again."
        ),
    ] = None,
    like: Annotated[
        Many, typer.Option("--like", metavar="HIT", help="More like this: an indexed file, or a segment_id.")
    ] = None,
    unlike: Annotated[
        Many, typer.Option("--unlike", metavar="HIT", help="Less like this; repeatable.")
    ] = None,
    as_json: Json = False,
    paths: Paths = False,
    nul: Nul = False,
    exit_code: ExitCode = False,
    debug: Debug = False,
) -> int:
    """Find files by words, pictures, sounds, depth maps.

    Several parts make one query: their directions are added up. Any part may end in @WEIGHT, as in
    dog.jpg@0.5 or "snow@2"; without one its weight is 1. A negative weight subtracts.
    """
    from anyseek import workspace
    from anyseek.embedders import registry
    from anyseek.search.ask import scope
    from anyseek.search.query import QueryOptions, count, from_options, modalities
    from anyseek.search.reranking import reranked

    count(k), modalities(to)  # what is wrong with the options is said before the index is looked for
    asked = (query, words, text, image, audio, depth, video, thermal, imu, minus)
    terms = from_options(QueryOptions(*(values or [] for values in asked)), has_examples=bool(like))
    wanted = filter_of(where, type_, after, before, tag)
    if rerank and (like or unlike):
        raise UsageError("Only words can be reranked by.", "Leave out --like and --unlike, or --rerank.")
    if words_only and vectors_only:
        raise UsageError(
            "--words-only and --vectors-only leave nothing to find by.", "Give one of them, or none."
        )
    by = "words" if words_only else "vectors" if vectors_only else "both"
    scoped = scope(to, k, in_, segments, wanted, merge, min_match, by, fold)
    judge = None if rerank is None else registry.reranker(rerank)
    with workspace.open(index=index_dir) as opened:
        if judge is not None:
            found = reranked(opened, terms, scoped, judge)
        else:
            found = opened.ask(terms, scoped, opened.examples(like or [], unlike or []))
    return _show(found, in_, wanted, as_json=as_json, paths=paths, nul=nul, exit_code=exit_code)


def similar(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of the index.")],
    to: To = None,
    k: Count = 10,
    in_: In = None,
    where: Where = None,
    type_: Type = None,
    after: After = None,
    before: Before = None,
    tag: Tag = None,
    index_dir: IndexDir = None,
    segments: Segments = False,
    merge: Merge = False,
    fold: Fold = False,
    min_match: MinMatch = 0.0,
    as_json: Json = False,
    paths: Paths = False,
    nul: Nul = False,
    exit_code: ExitCode = False,
    debug: Debug = False,
) -> int:
    """Find what resembles an indexed file.

    Its stored vector is the query: nothing is decoded and no model runs.
    """
    from anyseek import workspace
    from anyseek.search.query import count, modalities

    count(k), modalities(to)
    wanted = filter_of(where, type_, after, before, tag)
    with workspace.open(index=index_dir) as opened:
        found = opened.similar(
            file,
            to=to,
            k=k,
            in_=in_,
            where=wanted,
            segments=segments,
            merge=merge,
            min_match=min_match,
            fold=fold,
        )
    return _show(found, in_, wanted, as_json=as_json, paths=paths, nul=nul, exit_code=exit_code)


def _show(
    found: Results,
    folder: str | None,
    where: str,
    *,
    as_json: bool,
    paths: bool,
    nul: bool,
    exit_code: bool,
) -> int:
    from anyseek.terminal import output

    if as_json:
        output.results_json(found)
    elif paths or nul:
        output.results_paths(found, b"\0" if nul else b"\n")
    else:
        output.results(found)
    output.nothing_indexed(found, folder, where, as_json)
    if found.is_nothing_like_it:
        output.remark("Nothing here clearly matches: chance alone gives hits as good.", as_json)
    return EXIT_NO_HITS if exit_code and not len(found) else EXIT_OK
