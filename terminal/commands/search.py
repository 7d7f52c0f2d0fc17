"""`anyseek search` and `anyseek similar`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.options import SearchOptions
from anyseek.terminal.app import App
from anyseek.terminal.options import (
    ExitCode,
    IndexDir,
    Json,
    Many,
    MediaFiles,
    Nul,
    Paths,
    with_search_options,
)

if TYPE_CHECKING:
    from anyseek.search.results import Results

EXIT_NO_HITS = 1


def register(app: App) -> None:
    """Add the two commands to the program."""
    app.command(
        "search",
        epilog="Examples: anyseek search a red car --to image | anyseek search dog.jpg --to audio | "
        'anyseek search --image beach.jpg "at night" --not people@0.5 | '
        "anyseek search a dog --type jpg,png --after 2023-06",
    )(with_search_options(search))
    app.command("similar", epilog="Example: anyseek similar photos/dog.jpg --to image,audio -k 5")(
        with_search_options(similar)
    )


def search(
    query: Annotated[
        Many, typer.Argument(metavar="[WORDS]...", help="Words, or the path of a file of any modality.")
    ] = None,
    *,
    words: Annotated[
        Many, typer.Option("--words", metavar="WORDS", help="Words, never taken for a path; repeatable.")
    ] = None,
    media: MediaFiles,
    minus: Annotated[
        Many, typer.Option("--not", metavar="WORDS", help="Words to subtract; repeatable.")
    ] = None,
    like: Annotated[
        Many, typer.Option("--like", metavar="HIT", help="More like this: an indexed file, or a segment_id.")
    ] = None,
    unlike: Annotated[
        Many, typer.Option("--unlike", metavar="HIT", help="Less like this; repeatable.")
    ] = None,
    options: SearchOptions,
    rerank: Annotated[
        str | None,
        typer.Option(
            "--rerank", metavar="st:NAME", help="A cross-encoder that reads the first 50 hits again."
        ),
    ] = None,
    index_dir: IndexDir = None,
    as_json: Json = False,
    paths: Paths = False,
    nul: Nul = False,
    exit_code: ExitCode = False,
) -> int:
    """Find files by words, pictures, sounds, depth maps.

    Several parts make one query: their directions are added up. Any part may end in @WEIGHT, as in
    dog.jpg@0.5 or "snow@2"; without one its weight is 1. A negative weight subtracts.
    """
    from anyseek import workspace
    from anyseek.embedders import registry
    from anyseek.search.query import from_command_line
    from anyseek.search.reranking import check, reranked
    from anyseek.terminal import output

    parsed = from_command_line(
        query or [], words=words or [], files=media, minus=minus or [], like=like or [], unlike=unlike or []
    )
    reranker = None
    if rerank is not None:
        check(parsed, options)
        reranker = registry.reranker(rerank)
    with workspace.open(index=index_dir) as index:
        if reranker is not None:
            results = reranked(index, parsed, options, reranker)
        else:
            results = index.answer(parsed, options)
        is_for_people = not (as_json or paths or nul)
        proposal = index.library.proposal(parsed.words) if is_for_people and parsed.words else ""
    code = _show(results, options, as_json=as_json, paths=paths, nul=nul, exit_code=exit_code)
    if proposal:
        output.remark(proposal)
    return code


def similar(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of the index.")],
    *,
    options: SearchOptions,
    index_dir: IndexDir = None,
    as_json: Json = False,
    paths: Paths = False,
    nul: Nul = False,
    exit_code: ExitCode = False,
) -> int:
    """Find what resembles an indexed file.

    Its stored vector is the query: nothing is decoded and no model runs.
    """
    from anyseek import workspace

    with workspace.open(index=index_dir) as index:
        results = index.similar(file, options=options)
    return _show(results, options, as_json=as_json, paths=paths, nul=nul, exit_code=exit_code)


def _show(
    results: Results, options: SearchOptions, *, as_json: bool, paths: bool, nul: bool, exit_code: bool
) -> int:
    from anyseek.terminal import output

    if as_json:
        output.results_json(results)
    elif paths or nul:
        output.results_paths(results, b"\0" if nul else b"\n")
    else:
        output.results(results)
    if not (len(results) or as_json or paths or nul):
        output.no_hits(options)
    output.nothing_indexed(results, options, as_json)
    output.not_applied(results, as_json)
    for remark in results.remarks:
        output.remark(remark, as_json)
    if results.is_nothing_like_it:
        output.remark("Nothing here clearly matches: chance alone gives hits as good.", as_json)
    return EXIT_NO_HITS if exit_code and not len(results) else EXIT_OK
