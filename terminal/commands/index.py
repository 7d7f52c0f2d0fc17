"""`anyseek index`: make or update an index."""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.contracts import Report
from anyseek.errors import EXIT_NEW_PROBLEMS, EXIT_OK, ModalityNotSupported, RootUnavailable
from anyseek.terminal.app import App
from anyseek.terminal.options import Json, Many


def register(app: App) -> None:
    """Add the command to the program."""
    app.command("index", epilog="Example: anyseek index ~/Pictures ~/Music --exclude '*.tmp'")(index)


def index(
    folders: Annotated[
        Many, typer.Argument(metavar="[FOLDER]...", help="What to index; default: all that the index covers.")
    ] = None,
    index_dir: Annotated[
        str | None,
        typer.Option("--index", metavar="DIR", help="The index; default: .anyseek in the first FOLDER."),
    ] = None,
    exclude: Annotated[
        Many,
        typer.Option(
            "--exclude",
            metavar="PATTERN",
            help="Leave out in this run (gitignore syntax); repeatable. For every run: .anyseekignore.",
        ),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try files that could not be read before once more.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, do nothing.")] = False,
    prune: Annotated[
        bool,
        typer.Option(
            "--prune", help="Delete missing files of folders that were emptied or have no drive now."
        ),
    ] = False,
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
        typer.Option(
            "--recall",
            metavar="SHARE",
            help="The share of the true ten best hits that a search of a large index must find.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    as_json: Json = False,
) -> int:
    """Make or update an index of the media in folders."""
    from anyseek import workspace
    from anyseek.indexer import IndexOptions
    from anyseek.terminal import output
    from anyseek.terminal.progress import IndexingScreen
    from anyseek.terminal.runner import Stop

    options = IndexOptions(tuple(exclude or ()), retry_failed, depth_unit, dry_run, prune, workers=workers)
    with (
        workspace.open_or_create(folders or [], index=index_dir, model=model, is_dry_run=dry_run) as opened,
        Stop().listening() as stop,
        IndexingScreen(as_json=as_json, is_quiet=quiet) as screen,
    ):
        if recall is not None:
            opened.store.promise(recall)

        def finish(report: Report) -> None:
            is_empty = not dry_run and not opened.n_segments
            screen.finish(report, opened.folder, is_dry_run=dry_run, is_empty=is_empty)

        try:
            report = opened.update(folders or [], options, progress=screen.show, stop=stop.is_requested)
        except RootUnavailable as error:
            finish(error.report)  # what was done with all other folders
            raise
        finish(report)
        if not (dry_run or quiet or as_json or report.interrupted) and (line := opened.library.proposal()):
            output.remark(line)
    if report.interrupted and stop.is_requested():
        return stop.exit_code
    # A file that the model does not support is not broken.
    return EXIT_NEW_PROBLEMS if set(report.skipped) - {ModalityNotSupported.code} else EXIT_OK
