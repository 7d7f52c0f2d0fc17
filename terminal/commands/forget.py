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
    Where the folder lies in another one that is indexed, its files stay in the index as files of that one.
    """
    from anyseek import workspace
    from anyseek.printable import printable
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        gone = index.forget(folder, dry_run=dry_run)
        is_last = not dry_run and not index.roots()
    for remark in gone.remarks:
        output.remark(remark, as_json)
    if as_json:
        facts = asdict(gone)
        del facts["remarks"]
        typer.echo(output.json_line({"type": "forgotten", "dry_run": dry_run, **facts}))
        return EXIT_OK
    verb = "Would forget" if dry_run else "Forgot"
    place = printable(output.shown_path(gone.folder))
    if gone.covered_by:
        outer = printable(output.shown_path(gone.covered_by))
        typer.echo(
            f"{verb} {place} as a folder of its own. It lies in {outer}, which is indexed and has its files now."
        )
        typer.echo(f"To leave them out: a line in {outer}/.anyseekignore, and anyseek index")
        return EXIT_OK
    files, segments = output.plural(gone.files, "file"), output.plural(gone.segments, "segment")
    typer.echo(f"{verb} {place}: {files}, {segments}.")
    if gone.tagged:
        typer.echo(f"The tags of {gone.tagged:,} of these files are kept, and return with them.")
    if is_last:
        typer.echo("No folder is indexed now. To index one: anyseek index FOLDER")
    return EXIT_OK
