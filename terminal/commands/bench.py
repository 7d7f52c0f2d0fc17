"""`anyseek bench model`: how fast a model is here."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.terminal.app import App
from anyseek.terminal.options import Json


def register(app: App) -> None:
    """Add the command to the program."""
    group = App(help="Measure speed on this machine.")
    group.command("model", epilog="Example: anyseek bench model mini --batch 32")(model)
    app.add_typer(group, name="bench", epilog="Example: anyseek bench model mini")


def model(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="Which model.")] = "mini",
    batch: Annotated[int, typer.Option("--batch", metavar="N", min=1, help="Items at once.")] = 8,
    seconds: Annotated[float, typer.Option("--seconds", metavar="S", min=0, help="For each modality.")] = 3.0,
    as_json: Json = False,
) -> int:
    """Tell how many items a second a model takes, and what it chose.

    Preparing is of one core; indexing prepares on all of them.
    """
    from anyseek.embedders import registry
    from anyseek.library.benchmark import measure
    from anyseek.terminal.output import json_line

    for speed in measure(registry.load(name), batch=batch, seconds=seconds):
        if as_json:
            typer.echo(json_line({"type": "speed", "model": name, **asdict(speed)}))
            continue
        choices = ", ".join(f"{what} {how}" for what, how in speed.choices.items())
        text = f"{speed.modality:<8} embeds {speed.embed:9,.1f}/s, prepares {speed.prepare:9,.1f}/s"
        typer.echo(f"{text}  {choices}".rstrip())
    return EXIT_OK
