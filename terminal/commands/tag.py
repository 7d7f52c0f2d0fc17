"""`anyseek tag`: words of one's own for files."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from anyseek.errors import EXIT_OK, UsageError
from anyseek.folding import folded
from anyseek.printable import printable, typed
from anyseek.terminal import output
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json, Many

if TYPE_CHECKING:
    from anyseek.catalog.tags import SavedTags, Tags

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
    remove: Annotated[
        bool, typer.Option("--remove", help="Take the tag away, also from files that are gone.")
    ] = False,
    everywhere: Annotated[bool, typer.Option("--everywhere", help="With --remove: from all files.")] = False,
    kept: Annotated[bool, typer.Option("--kept", help="List the tags kept for files that are gone.")] = False,
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

    if sum((export is not None, import_ is not None, kept, name is not None or remove or everywhere)) > 1:
        raise UsageError(
            "--export, --import and --kept are about all tags.",
            "Give one of them alone: anyseek tag --export FILE",
        )
    if everywhere and not (remove and name and not paths):
        raise UsageError(
            "--everywhere takes one tag from all files.", "Like: anyseek tag holiday --remove --everywhere"
        )
    if remove and name is None:
        raise UsageError("No tag is named.", "For example: anyseek tag holiday beach.jpg --remove")
    if name is not None and not paths and not everywhere:
        or_all = ", or from all files: --everywhere" if remove else ""
        raise UsageError(
            "No file is named.",
            f"For example: anyseek tag {name} beach.jpg{' --remove' if remove else ''}{or_all}",
        )
    name = name and _typed_tag(name)
    if export is not None:  # of any index, however damaged
        return _export(workspace.saved_tags(index=index_dir), export, as_json)
    with workspace.open(index=index_dir) as index:
        if import_ is not None:
            return _import(index.tags, import_, as_json)
        if kept:
            return _list_kept(index.tags, as_json)
        if name is None:
            return _list(index.tags, as_json)
        if everywhere:
            n = index.tags.remove_everywhere(name)
        else:
            n = (index.tags.remove if remove else index.tags.add)(name, *paths or ())
    record = {"type": "tagged", "tag": name, "changed": n, "removed": remove}
    text = (
        f"Removed the tag from {output.plural(n, 'file')}."
        if remove
        else f"Tagged {output.plural(n, 'file')}."
    )
    typer.echo(output.json_line(record) if as_json else text)
    return EXIT_OK


def _typed_tag(word: str) -> str:
    """Raises UsageError for bytes that are no text: the tag would be another one."""
    name = typed(word)
    if name.count("\ufffd") != word.count("\ufffd"):
        raise UsageError(f"The tag {printable(word)} is not UTF-8.", "Type it again, in letters.")
    return name


def _list(tags: Tags, as_json: bool) -> int:
    """Each tag with the number of its files, and of those that are gone."""
    files, gone = tags.counts(), _count_kept(tags)
    if not files and not gone and not as_json:
        output.remark("No file has a tag. To tag files: anyseek tag holiday beach.jpg")
    for known in sorted({*files, *gone}, key=folded):
        record = {"type": "tag", "tag": known, "files": files.get(known, 0), "kept": gone.get(known, 0)}
        kept = f"  ({gone[known]:,} kept for files that are gone)" if known in gone else ""
        typer.echo(
            output.json_line(record) if as_json else f"{printable(known)}  {files.get(known, 0):,}{kept}"
        )
    return EXIT_OK


def _count_kept(tags: Tags) -> dict[str, int]:
    """Files that are gone, by the tag as `counts` names it."""
    names = {folded(known): known for known in tags.counts()}
    counted: Counter[str] = Counter()
    for record in tags.kept():
        counted.update(names.setdefault(folded(known), known) for known in record.tags)
    return dict(counted)


def _list_kept(tags: Tags, as_json: bool) -> int:
    records = tags.kept()
    if not records and not as_json:
        output.remark("No tag is kept for a file that is gone.")
    for record in records:
        facts = {"path": record.path, "hash": record.content_hash.hex(), "tags": list(record.tags)}
        place = printable(output.shown_path(record.path)) if record.path else f"hash {facts['hash']}"
        text = f"{place}  {printable(', '.join(record.tags))}"
        typer.echo(output.json_line({"type": "kept-tags", **facts}) if as_json else text)
    return EXIT_OK


def _export(tags: SavedTags, target: str, as_json: bool) -> int:
    from anyseek.errors import IndexDamaged

    if target == _STANDARD_STREAM:
        sys.stdout.flush()
        sys.stdout.buffer.writelines(tags.lines)
    else:
        n = tags.write(target)
        record = {"type": "exported-tags", "lines": n}
        typer.echo(output.json_line(record) if as_json else f"Saved the tags of {output.plural(n, 'file')}.")
    if tags.shortage:
        output.remark(tags.shortage, as_json)
        return IndexDamaged.exit_code
    return EXIT_OK


def _import(tags: Tags, source: str, as_json: bool) -> int:
    from anyseek.catalog.tag_records import read_lines

    if source == _STANDARD_STREAM:
        done = tags.import_lines(read_lines(sys.stdin.buffer), "standard input")
    else:
        done = tags.import_(source)
    if as_json:
        typer.echo(output.json_line({"type": "imported-tags", **asdict(done)}))
        return EXIT_OK
    kept = f" {done.kept:,} fit no file of the index; they are kept until one comes." if done.kept else ""
    typer.echo(f"Read {output.plural(done.lines, 'line')}; tagged {output.plural(done.files, 'file')}.{kept}")
    return EXIT_OK
