"""`anyseek classify`: which of some labels a file is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from anyseek.errors import EXIT_OK, QueryFileError, UsageError
from anyseek.opening import MOST_TEXT, read_lines
from anyseek.terminal.app import App
from anyseek.terminal.options import Json, Many


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(epilog='Example: anyseek classify *.jpg --labels "a dog,a cat,the sea"')(classify)


def classify(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Pictures, sounds, depth maps, texts.")
    ],
    labels: Annotated[
        str | None, typer.Option("--labels", metavar="LABELS", help="What a file may be, with commas.")
    ] = None,
    labels_file: Annotated[
        str | None,
        typer.Option("--labels-file", metavar="FILE", help="The same from a file, a label a line."),
    ] = None,
    template: Annotated[
        Many, typer.Option("--template", metavar="TEXT", help="A sentence with {} for the label; repeatable.")
    ] = None,
    k: Annotated[int, typer.Option("-k", metavar="N", min=1, help="How many labels to show.")] = 3,
    model: Annotated[str, typer.Option("--model", metavar="NAME", help="Which model to ask.")] = "mini",
    as_json: Json = False,
) -> int:
    """Tell which of several labels fits a file.

    No index is needed. The percentages add up to 100 over all labels.

    A file that cannot be read is named on standard error, and the others are still classified.
    """
    names = _labels(labels, labels_file)
    from anyseek.embedders import registry
    from anyseek.library.classification import Classifier
    from anyseek.printable import printable
    from anyseek.terminal import output

    code = EXIT_OK
    with closing(Classifier(registry.load(model), names, template or [])) as classifier:
        for file in files:
            try:
                result = classifier.classify(file)
            except QueryFileError as error:
                code = error.exit_code
                output.error(error, as_json)
                continue
            if as_json:
                scores = [{"label": label, "probability": round(share, 6)} for label, share in result.scores]
                record = {"type": "classified", "path": file, "modality": result.modality, "labels": scores}
                typer.echo(output.json_line(record))
                continue
            best = ", ".join(f"{printable(label)} {share:.0%}" for label, share in result.scores[:k])
            typer.echo(f"{printable(file)}: {best}")
    return code


def _labels(listed: str | None, path: str | None) -> list[str]:
    if (listed is None) == (path is None):
        message = "There are no labels." if path is None else "--labels and --labels-file exclude each other."
        raise UsageError(message, 'Give --labels "a dog,a cat" or --labels-file FILE.')
    if listed is not None:
        return [label for label in listed.split(",") if label.strip()]
    assert path is not None
    file = Path(path)
    if not file.exists():
        raise UsageError(f"There is no file {file}.", "Check the path.")
    try:
        lines = read_lines(file)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The labels cannot be read from {file}.",
            f"It has to be a UTF-8 text file of at most {MOST_TEXT >> 20} MiB.",
        ) from error
    return [line for line in lines if line.strip()]
