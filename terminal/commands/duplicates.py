"""`anyseek duplicates`: files that are the same, or nearly."""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.errors import EXIT_OK, UsageError
from anyseek.options import NEAR
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: anyseek duplicates --near 0.95")(duplicates)


def duplicates(
    near: Annotated[
        float,
        typer.Option(
            "--near", metavar="COSINE", help="How near counts as nearly the same; 1: only identical."
        ),
    ] = NEAR,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """List files that are the same, or nearly.

    Identical: the same bytes. Near: one picture saved again or made smaller, one sound at another quality.
    """
    from anyseek import workspace
    from anyseek.printable import printable
    from anyseek.terminal import output

    if not 0 < near <= 1:
        raise UsageError(f"A cosine of {near:g} means nothing here.", "It lies between 0 and 1: --near 0.95")
    with workspace.open(index=index_dir) as index:
        groups = index.library.duplicates(near)
    for group in groups:
        if as_json:
            record = {
                "kind": group.kind,
                "modality": group.modality,
                "cosine": group.cosine,
                "paths": list(group.paths),
            }
            typer.echo(output.json_line({"type": "duplicates", **record}))
            continue
        how = "identical" if group.kind == "identical" else f"near, cosine {group.cosine:.3f} and more"
        typer.echo(f"{len(group.paths)} files, {how}")
        for path in group.paths:
            typer.echo(f"  {printable(output.shown_path(path))}")
    if not groups and not as_json:
        typer.echo("No two files are the same.")
    return EXIT_OK
