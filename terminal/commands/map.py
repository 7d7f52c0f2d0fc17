"""`anyseek map`: a picture of a library."""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.errors import EXIT_OK, UsageError
from anyseek.printable import printable
from anyseek.system_errors import of_named
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the command to the program."""
    app.command("map", epilog="Example: anyseek map map.png --by folder")(draw)


def draw(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Where to: map.png")],
    by: Annotated[
        str, typer.Option("--by", metavar="modality|folder", help="What the colours stand for.")
    ] = "modality",
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Draw a map of the library.

    Every segment is a dot; what is alike lies near.
    """
    from anyseek import workspace
    from anyseek.terminal import output

    if by not in ("modality", "folder"):
        raise UsageError(f"Dots cannot be coloured by {by!r}.", "Choose among: modality, folder.")
    with workspace.open(index=index_dir) as index, of_named(file, "written"):
        n = index.library.map(file, by)  # type: ignore[arg-type]
    record = {"type": "map", "segments": n, "path": file}
    typer.echo(
        output.json_line(record) if as_json else f"{printable(file)} shows {output.plural(n, 'segment')}."
    )
    return EXIT_OK
