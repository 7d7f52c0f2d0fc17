"""`anyseek tag`: words of one's own for files."""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json, Many


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(
        epilog="Example: anyseek tag holiday beach.jpg 2023/summer; anyseek search sea --tag holiday"
    )(tag)


def tag(
    name: Annotated[
        str | None, typer.Argument(metavar="[TAG]", help="The tag; without one all are listed.")
    ] = None,
    paths: Annotated[
        Many, typer.Argument(metavar="[PATH]...", help="Indexed files, or folders of them.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away.")] = False,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Tag files, and find them by --tag.

    Tags are kept in the index, not in the files. They stay with a file that is moved or changed.
    """
    from anyseek import workspace
    from anyseek.errors import UsageError
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        if name is None:
            for known, n in index.tags.counts().items():
                record = {"type": "tag", "tag": known, "files": n}
                typer.echo(output.json_line(record) if as_json else f"{known}  {n:,}")
            return EXIT_OK
        if not paths:
            raise UsageError("No file is named.", f"For example: anyseek tag {name} beach.jpg")
        change = index.tags.remove if remove else index.tags.add
        n = change(name, *paths)
    record = {"type": "tagged", "tag": name, "changed": n, "removed": remove}
    files = f"{n:,} file{'s' * (n != 1)}"
    text = f"Removed the tag from {files}." if remove else f"Tagged {files}."
    typer.echo(output.json_line(record) if as_json else text)
    return EXIT_OK
