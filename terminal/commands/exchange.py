"""`anyseek export` and `anyseek import`: vectors out and in."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.system_errors import of_named
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the commands to the program."""
    app.command("export", epilog="Example: anyseek export vectors.parquet")(export)
    app.command("import", epilog="Example: anyseek import vectors.parquet")(import_)


def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="vectors.parquet, or vectors.npy.")],
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Write all vectors to a file.

    With ids, paths, modalities and times: as columns of Parquet, or as JSON lines beside a NumPy file.
    """
    from anyseek import workspace

    with workspace.open(index=index_dir) as index, of_named(file, "written"):
        moved = index.library.export(file)
    return _report("exported", moved, as_json)


def import_(
    file: Annotated[str, typer.Argument(metavar="FILE", help="As `anyseek export` writes it.")],
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Take in vectors made elsewhere.

    They must be of the index's model, and their paths in its folders. Files that were indexed already are kept as they
    are. An index without files, to import into, is made by: anyseek index FOLDER --exclude '*'
    """
    from anyseek import workspace

    with workspace.open(index=index_dir) as index:
        moved = index.library.import_(file)
    return _report("imported", moved, as_json)


def _report(what: str, moved: object, as_json: bool) -> int:
    from anyseek.terminal.output import json_line, plural

    facts = asdict(moved)  # type: ignore[call-overload]
    if as_json:
        typer.echo(json_line({"type": what, **facts}))
    else:
        kept = (
            f" {plural(facts['kept'], 'file')} indexed already {'is' if facts['kept'] == 1 else 'are'} kept."
            if facts["kept"]
            else ""
        )
        typer.echo(
            f"{plural(facts['segments'], 'segment')} of {plural(facts['files'], 'file')} {what}.{kept}"
        )
    return EXIT_OK
