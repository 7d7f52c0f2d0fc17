"""The command line: a short function per command, from options over `anyseek.index` to `anyseek.terminal.output`.

Each command imports what it needs when it runs: `anyseek --help` loads neither numpy nor a model.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Run as a script, sys.path[0] is this folder, whose search/, media/ and api.py are not top-level modules.
    del sys.path[0]
    import anyseek.cli

    sys.exit(anyseek.cli.command())

from collections.abc import Sequence
from typing import Annotated

import typer

from anyseek.errors import EXIT_NEW_PROBLEMS, EXIT_OK, ModalityNotSupported
from anyseek.terminal.commands import (
    bench,
    classify,
    duplicates,
    evaluate,
    exchange,
    map,
    models,
    reindex,
    search,
    serve,
    store,
    tag,
    watch,
)
from anyseek.terminal.options import Debug, IndexDir, Json, Many

app = typer.Typer(
    help="Find pictures, sounds, texts and depth maps by what they show or say.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code. See `anyseek.errors` for what the codes mean."""
    from anyseek.terminal.runner import run

    return run(app, sys.argv[1:] if arguments is None else arguments)


def command() -> int:
    """The command `anyseek`: `main`, after whose end no late Ctrl-C changes the exit code."""
    import signal

    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


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
    recall: Annotated[
        float | None,
        typer.Option("--recall", metavar="SHARE", help="Of the true best ten, promised once it is large."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing unless it goes wrong.")] = False,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Make or update an index of the media in folders."""
    from anyseek import workspace
    from anyseek.terminal.progress import IndexingScreen
    from anyseek.terminal.runner import Stop

    with (
        workspace.open_or_create(folders or [], index=index_dir, model=model, is_trial=dry_run) as opened,
        Stop().listening() as stop,
        IndexingScreen(as_json=as_json, is_quiet=quiet) as screen,
    ):
        if recall is not None:
            opened.store.promise(recall)
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


search.register(app)


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
    from anyseek import workspace
    from anyseek.terminal import output

    with workspace.open(folder, index=index_dir) as opened:
        found = opened.status()
    if as_json:
        output.status_json(found)
    else:
        output.status(found, show_all)
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
    from anyseek import workspace
    from anyseek.errors import IndexDamaged
    from anyseek.terminal import output

    found = workspace.check(folder, index=index_dir)
    left = workspace.check(folder, index=index_dir, mend=True) if mend and found else found
    output.findings(left, [one for one in found if one.code not in {still.code for still in left}], as_json)
    return IndexDamaged.exit_code if left else EXIT_OK


tag.register(app)
duplicates.register(app)
map.register(app)
evaluate.register(app)
watch.register(app)
classify.register(app)
models.register(app)
reindex.register(app)
exchange.register(app)
store.register(app)
bench.register(app)
serve.register(app)
