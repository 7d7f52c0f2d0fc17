"""`anyseek eval`: how well a library answers questions whose answers are known."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the command to the program."""
    app.command("eval", epilog="Example: anyseek eval judgements.tsv")(evaluate)


def evaluate(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="TSV or JSONL: queries and the paths that are right.")
    ],
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Measure answers against known ones.

    A line of TSV: a query (words, or the path of a file), a tab, the paths that are right, from the file's folder on.
    Names and texts do not help: the model alone is measured.
    """
    from anyseek import workspace
    from anyseek.library.evaluation import evaluate as measure
    from anyseek.library.evaluation import lines, read
    from anyseek.terminal import output

    judged = read(file)
    with workspace.open(index=index_dir) as index:
        measured = measure(index, judged)
    if as_json:
        for one in measured:
            typer.echo(output.json_line({"type": "measured", **asdict(one)}))
    else:
        typer.echo("\n".join(lines(measured)))
    return EXIT_OK
