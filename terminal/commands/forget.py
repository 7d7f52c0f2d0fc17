"""`anyseek forget`: an indexed folder leaves the index."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: anyseek forget /media/old-drive --dry-run")(forget)


def forget(
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="An indexed folder; it need not be there any more.")
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, do nothing.")] = False,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Take an indexed folder out of the index.

    Files on the disk stay as they are. Tags are kept: they return when a file of the same content or place is indexed.
    """
    from anyseek import workspace
    from anyseek.printable import printable
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        gone = index.forget(folder, dry_run=dry_run)
    for remark in gone.remarks:
        output.remark(remark, as_json)
    if as_json:
        facts = asdict(gone)
        del facts["remarks"]
        typer.echo(output.json_line({"type": "forgotten", "dry_run": dry_run, **facts}))
        return EXIT_OK
    verb = "Would forget" if dry_run else "Forgot"
    place = printable(output.shown_path(gone.folder))
    typer.echo(f"{verb} {place}: {gone.files:,} files, {gone.segments:,} segments.")
    if gone.tagged:
        typer.echo(f"The tags of {gone.tagged:,} of these files are kept, and return with them.")
    return EXIT_OK
