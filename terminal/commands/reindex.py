"""`anyseek reindex`: the same index, by another model or another version of its own."""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.errors import EXIT_OK, RootUnavailable
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json

_SHOWN = 10


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: anyseek reindex --model imagebind --keep")(reindex)


def reindex(
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="The model to change to; default: the index's own, as it is here now.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the old index, in a folder beside the new one.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Decoding processes; default: to fit.")
    ] = None,
    index_dir: IndexDir = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
    as_json: Json = False,
) -> int:
    """Change an index to another model or version.

    The old vectors answer searches until all new ones are there; then they change places in one step. A run that
    was interrupted or killed is continued by the same command.
    """
    from anyseek import workspace
    from anyseek.printable import printable
    from anyseek.terminal import output
    from anyseek.terminal.progress import IndexingScreen
    from anyseek.terminal.runner import Stop

    place = workspace.index_folder(index=index_dir)
    if model is None:
        model = workspace.model_name(place)
        if not quiet:
            output.remark(
                f"The index's own model, {model}, as it is here now (another: --model NAME).", as_json
            )
    with (
        Stop().listening() as stop,
        IndexingScreen(as_json=as_json, is_quiet=quiet) as screen,
    ):
        try:
            done = workspace.reindex(
                index=place,
                model=model,
                keep=keep,
                workers=workers,
                progress=screen.show,
                stop=stop.is_requested,
            )
        except RootUnavailable as error:
            screen.finish(error.report, place, is_dry_run=False, is_empty=False)
            raise
        screen.finish(done.report, place, is_dry_run=False, is_empty=False)
    if not done.is_done:
        return stop.exit_code
    facts = {"model": model, "vanished": list(done.vanished), "kept": str(done.kept) if done.kept else None}
    if as_json:
        typer.echo(output.json_line({"type": "reindexed", **facts}))
    elif not quiet:
        typer.echo(f"The index is one of {model} now.")
        if done.kept:
            typer.echo(f"The old one: {printable(output.shown_path(str(done.kept)))}")
    if done.vanished and not as_json:
        output.remark(f"{len(done.vanished):,} files that the old index had are gone or cannot be read:")
        for path in done.vanished[:_SHOWN]:
            output.remark(f"  {printable(output.shown_path(path))}")
    return EXIT_OK
