"""The command line: builds the program out of `terminal/commands`.

Each command imports what it needs when it runs: `anyseek --help` loads neither numpy nor a model.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Run as a script, sys.path[0] is this folder, whose search/, media/ and index.py are not top-level modules.
    del sys.path[0]
    import anyseek.cli

    sys.exit(anyseek.cli.command())

from collections.abc import Sequence
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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code. See `anyseek.errors` for what the codes mean."""
    from anyseek.terminal.runner import run

    return run(build, sys.argv[1:] if arguments is None else arguments)


def command() -> int:
    """The command `anyseek`: `main`, after whose end no late Ctrl-C changes the exit code."""
    import signal

    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


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
