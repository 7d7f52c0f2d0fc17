"""`anyseek watch`: an index that follows its folders."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from anyseek.contracts import Report
from anyseek.errors import EXIT_OK, EXIT_TERMINATED, RootUnavailable, UsageError
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(epilog="Example: anyseek watch --every 60")(watch)


def watch(
    every: Annotated[
        float,
        typer.Option(
            "--every",
            metavar="SECONDS",
            min=0,
            help="Look for changes this often, where the system does not report them.",
        ),
    ] = 0.0,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Keep an index up to date as files change.

    Ends with Ctrl-C: exit code 0, or 41 while an indexed folder is gone, 2 while an ignore file is wrong. Where the
    system cannot tell of changes (too many folders, a network drive), folders are looked through every minute.
    """
    from anyseek import workspace
    from anyseek.indexer.ignore import IgnoreFileError
    from anyseek.indexer.watching import follow, has_changes, require_watchfiles
    from anyseek.terminal.output import json_line, remark
    from anyseek.terminal.progress import IndexingScreen
    from anyseek.terminal.runner import Stop

    def say(text: str) -> None:
        remark(text, as_json)

    if not every:
        require_watchfiles()
    last_code = EXIT_OK
    with Stop().listening() as stop, workspace.open(index=index_dir) as index:

        def add(**options: Any) -> Report:
            nonlocal last_code
            # Without a bar: these lines come whenever they come.
            screen = IndexingScreen(as_json=as_json, is_quiet=False, has_bar=False)
            with stop.working():
                try:
                    report = index.add(progress=screen.show_problems, **options)
                except (RootUnavailable, IgnoreFileError) as error:
                    last_code = error.exit_code
                    raise
            if not report.interrupted:  # which has not looked at everything
                last_code = EXIT_OK
            return report

        if not index.roots():
            raise UsageError("No folder is indexed.", "Name one: anyseek index FOLDER")
        stop.is_idle = True
        say(f"Watching {', '.join(map(str, index.roots()))}. Ctrl-C ends it.")
        reports = follow(
            add, index.roots, stop=stop.is_requested, every_s=every, notify=say, index=index.folder
        )
        said: tuple[str, ...] = ()
        for report in reports:
            if as_json:
                from dataclasses import asdict

                typer.echo(json_line({"type": "report", **asdict(report)}))
            elif has_changes(report) or set(report.remarks) - set(said):
                with IndexingScreen(as_json=False, is_quiet=False, said=said) as screen:
                    screen.finish(report, index.folder, is_dry_run=False, is_empty=False)
            said = report.remarks  # what stays as it is, is not said with every run
    return EXIT_TERMINATED if stop.exit_code == EXIT_TERMINATED else last_code
