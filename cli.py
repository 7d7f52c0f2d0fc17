"""The command line: a short function per command, from options over `anyseek.api` to `anyseek.render`.

Each command imports what it needs when it runs: `anyseek --help` loads neither numpy nor a model.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Run as a script, sys.path[0] is this folder, whose search/, media/ and api.py are not top-level modules.
    del sys.path[0]
    import anyseek.cli

    sys.exit(anyseek.cli.main())

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from anyseek.commands import classify, models, reindex
from anyseek.commands.options import (
    Count,
    Debug,
    ExitCode,
    In,
    IndexDir,
    Json,
    Many,
    Nul,
    Paths,
    Segments,
    To,
)
from anyseek.errors import EXIT_NEW_PROBLEMS, EXIT_OK, ModalityNotSupported

if TYPE_CHECKING:
    from anyseek.search.results import Results

app = typer.Typer(
    help="Find pictures, sounds, texts and depth maps by what they show or say.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

EXIT_NO_HITS = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code. See `anyseek.errors` for what the codes mean."""
    from anyseek.program import run

    return run(app, sys.argv[1:] if arguments is None else arguments)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from anyseek import __version__

        typer.echo(f"anyseek {__version__}")
        raise typer.Exit


@app.callback()
def program(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Find pictures, sounds, texts and depth maps by what they show or say."""


@app.command(epilog="Example: anyseek index ~/Pictures ~/Music --exclude '*.tmp'")
def index(
    folders: Annotated[
        Many, typer.Argument(metavar="[FOLDER]...", help="What to index; default: all that the index covers.")
    ] = None,
    index_dir: Annotated[
        str | None,
        typer.Option("--index", metavar="DIR", help="The index; default: .anyseek in the first FOLDER."),
    ] = None,
    exclude: Annotated[
        Many, typer.Option("--exclude", metavar="PATTERN", help="Leave out (gitignore syntax); repeatable.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try files that could not be read before once more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, do nothing.")] = False,
    depth_unit: Annotated[
        float | None,
        typer.Option("--depth-unit", metavar="METRES", help="What one unit of a depth file stands for."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Decoding processes; default: to fit.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="The model of a new index; default: mini.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless it goes wrong.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Make or update an index of the media in folders."""
    from anyseek import opening
    from anyseek.indexing_screen import IndexingScreen
    from anyseek.program import Stop

    with (
        opening.open_or_create(folders or [], index=index_dir, model=model, is_trial=dry_run) as opened,
        Stop().listening() as stop,
        IndexingScreen(as_json=as_json, is_quiet=quiet) as screen,
    ):
        report = opened.add(
            *(folders or []),
            exclude=exclude or [],
            retry_failed=retry_failed,
            depth_unit=depth_unit,
            workers=workers,
            dry_run=dry_run,
            progress=screen.show,
            stop=stop.is_asked,
        )
        is_empty = not dry_run and not opened.n_segments
        screen.finish(report, opened.folder, is_trial=dry_run, is_empty=is_empty)
    if report.interrupted and stop.is_asked():
        return stop.exit_code
    # A file that the model has no tower for is not broken.
    return EXIT_NEW_PROBLEMS if set(report.skipped) - {ModalityNotSupported.code} else EXIT_OK


@app.command(
    epilog="Examples: anyseek search a red car --to image | anyseek search dog.jpg --to audio | "
    'anyseek search --image beach.jpg "at night" --not people@0.5'
)
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
    index_dir: IndexDir = None,
    segments: Segments = False,
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
    from anyseek import opening
    from anyseek.search.query import QueryOptions, count, from_options, modalities

    count(k), modalities(to)  # what is wrong with the options is said before the index is looked for
    asked = (query, words, text, image, audio, depth, video, thermal, imu, minus)
    options = QueryOptions(*(values or [] for values in asked))
    terms = from_options(options)
    with opening.open(index=index_dir) as opened:
        found = opened.ask(terms, to=to, k=k, in_=in_, segments=segments)
    return _show(found, in_, as_json=as_json, paths=paths, nul=nul, exit_code=exit_code)


@app.command(epilog="Example: anyseek similar photos/dog.jpg --to image,audio -k 5")
def similar(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A file of the index.")],
    to: To = None,
    k: Count = 10,
    in_: In = None,
    index_dir: IndexDir = None,
    segments: Segments = False,
    as_json: Json = False,
    paths: Paths = False,
    nul: Nul = False,
    exit_code: ExitCode = False,
    debug: Debug = False,
) -> int:
    """Find what resembles an indexed file.

    Its stored vector is the query: nothing is decoded and no model runs.
    """
    from anyseek import opening
    from anyseek.search.query import count, modalities

    count(k), modalities(to)
    with opening.open(index=index_dir) as opened:
        found = opened.similar(file, to=to, k=k, in_=in_, segments=segments)
    return _show(found, in_, as_json=as_json, paths=paths, nul=nul, exit_code=exit_code)


@app.command(epilog="Example: anyseek status ~/Pictures --json")
def status(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Whose index.")] = ".",
    index_dir: IndexDir = None,
    show_all: Annotated[bool, typer.Option("--all", help="List every skipped file.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Show what an index holds.

    Also what was skipped and why, and how far the index agrees with the disk.
    """
    from anyseek import opening, render

    with opening.open(folder, index=index_dir) as opened:
        found = opened.status()
    if as_json:
        render.status_json(found)
    else:
        render.status(found, show_all)
    return EXIT_OK


@app.command(epilog="Example: anyseek doctor --mend")
def doctor(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Whose index.")] = ".",
    index_dir: IndexDir = None,
    mend: Annotated[bool, typer.Option("--mend", help="Put right what safely can be.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Check an index, and mend it.

    Looks at the catalog, the vectors and whether they agree. Ends with 14 when something is wrong.
    """
    from anyseek import opening, render
    from anyseek.errors import IndexDamaged

    found = opening.check(folder, index=index_dir)
    left = opening.check(folder, index=index_dir, mend=True) if mend and found else found
    render.findings(left, [one for one in found if one.code not in {still.code for still in left}], as_json)
    return IndexDamaged.exit_code if left else EXIT_OK


classify.register(app)
models.register(app)
reindex.register(app)


def _show(
    found: Results, folder: str | None, *, as_json: bool, paths: bool, nul: bool, exit_code: bool
) -> int:
    from anyseek import render

    if as_json:
        render.results_json(found)
    elif paths or nul:
        render.results_paths(found, b"\0" if nul else b"\n")
    else:
        render.results(found)
    render.nothing_indexed(found, folder, as_json)
    return EXIT_NO_HITS if exit_code and not len(found) else EXIT_OK
