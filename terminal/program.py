"""Builds the program out of `terminal/commands`.

Each command imports what it needs when it runs: `anyseek --help` loads neither numpy nor a model.
"""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.terminal import commands
from anyseek.terminal.app import App


def build() -> App:
    """The program. Its search commands have an option for each modality that is known at this moment."""
    app = App(
        help="Find media files by what they show or say.",
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(program)
    for module in commands.ALL:
        module.register(app)
    return app


def _print_version(is_given: bool) -> None:
    if is_given:
        from anyseek import __version__

        typer.echo(f"anyseek {__version__}")
        raise typer.Exit


def program(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Find media files by what they show or say."""
