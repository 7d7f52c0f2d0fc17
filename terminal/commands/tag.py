"""`anyseek tag`: words of one's own for files."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from anyseek.errors import EXIT_OK
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json, Many

if TYPE_CHECKING:
    from anyseek.catalog.tags import Tags

_STANDARD_STREAM = "-"


def register(app: App) -> None:
    """Add the command to the program."""
    app.command(
        epilog="Example: anyseek tag holiday beach.jpg 2023/summer; anyseek search sea --tag holiday"
    )(tag)


def tag(
    name: Annotated[
        str | None, typer.Argument(metavar="[TAG]", help="The tag; without one all are listed.")
    ] = None,
    paths: Annotated[
        Many, typer.Argument(metavar="[PATH]...", help="Indexed files, or folders of them.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the tag away.")] = False,
    export: Annotated[
        str | None,
        typer.Option("--export", metavar="FILE", help="Save all tags as JSON lines; - for standard output."),
    ] = None,
    import_: Annotated[
        str | None,
        typer.Option("--import", metavar="FILE", help="Add saved tags; - for standard input."),
    ] = None,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Tag files, and find them by --tag.

    Tags are kept in the index, not in the files. They stay with a file that is moved or changed, and return with a file
    that was gone.
    """
    from anyseek import workspace
    from anyseek.errors import UsageError
    from anyseek.terminal import output

    if (export is not None or import_ is not None) and (name is not None or remove):
        raise UsageError(
            "--export and --import are about all tags.", "Give them alone: anyseek tag --export FILE"
        )
    if export is not None and import_ is not None:
        raise UsageError("Tags are either exported or imported.", "Give --export or --import.")
    with workspace.open(index=index_dir) as index:
        if export is not None:
            return _export(index.tags, export, as_json)
        if import_ is not None:
            return _import(index.tags, import_, as_json)
        if name is None:
            for known, n in index.tags.counts().items():
                record = {"type": "tag", "tag": known, "files": n}
                typer.echo(output.json_line(record) if as_json else f"{known}  {n:,}")
            return EXIT_OK
        if not paths:
            raise UsageError("No file is named.", f"For example: anyseek tag {name} beach.jpg")
        change = index.tags.remove if remove else index.tags.add
        n = change(name, *paths)
    record = {"type": "tagged", "tag": name, "changed": n, "removed": remove}
    text = f"Removed the tag from {plural(n, 'file')}." if remove else f"Tagged {plural(n, 'file')}."
    typer.echo(output.json_line(record) if as_json else text)
    return EXIT_OK


def _export(tags: Tags, target: str, as_json: bool) -> int:
    from anyseek.terminal import output

    if target == _STANDARD_STREAM:
        sys.stdout.flush()
        for line in tags.lines():
            sys.stdout.buffer.write(line)
        return EXIT_OK
    n = tags.export(target)
    record = {"type": "exported-tags", "lines": n}
    typer.echo(output.json_line(record) if as_json else f"Saved the tags of {plural(n, 'file')}.")
    return EXIT_OK


def _import(tags: Tags, source: str, as_json: bool) -> int:
    from anyseek.catalog.tag_records import read_lines
    from anyseek.terminal import output

    if source == _STANDARD_STREAM:
        done = tags.import_lines(read_lines(sys.stdin.buffer), "standard input")
    else:
        done = tags.import_(source)
    if as_json:
        typer.echo(output.json_line({"type": "imported-tags", **asdict(done)}))
        return EXIT_OK
    kept = f" {done.kept:,} fit no file of the index; they are kept until one comes." if done.kept else ""
    typer.echo(f"Read {plural(done.lines, 'line')}; tagged {plural(done.files, 'file')}.{kept}")
    return EXIT_OK
