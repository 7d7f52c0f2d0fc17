"""`anyseek doctor`: check an index, and repair it."""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the command to the program."""
    app.command("doctor", epilog="Example: anyseek doctor --repair")(doctor)


def doctor(
    folder: Annotated[str, typer.Argument(metavar="[FOLDER]", help="Whose index.")] = ".",
    index_dir: IndexDir = None,
    repair: Annotated[bool, typer.Option("--repair", "--mend", help="Put right what safely can be.")] = False,
    as_json: Json = False,
) -> int:
    """Check an index, and repair it.

    Looks at the catalog, the vectors and whether they agree. Ends with 14 when something is wrong.
    """
    from anyseek import workspace
    from anyseek.errors import IndexDamaged
    from anyseek.terminal import output

    findings = workspace.check(folder, index=index_dir)
    left = workspace.check(folder, index=index_dir, repair=True) if repair and findings else findings
    output.findings(
        left, [one for one in findings if one.code not in {still.code for still in left}], as_json
    )
    return IndexDamaged.exit_code if left else EXIT_OK
