"""`anyseek status`: what an index holds."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the command to the program."""
    app.command("status", epilog="Example: anyseek status ~/Pictures --json")(status)


def status(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Whose index.")] = ".",
    index_dir: IndexDir = None,
    show_all: Annotated[bool, typer.Option("--all", help="List every skipped file.")] = False,
    as_json: Json = False,
) -> int:
    """Show what an index holds.

    Also what was skipped and why, and how far the index agrees with the disk.
    """
    from anyseek import workspace
    from anyseek.terminal.output import json_line
    from anyseek.terminal.status_table import show

    with workspace.open(folder, index=index_dir) as index:
        overview = index.status()
    if as_json:
        typer.echo(json_line({"type": "status", **asdict(overview)}))
    else:
        show(overview, show_all)
    return EXIT_OK
