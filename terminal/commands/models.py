"""`anyseek models`: which models there are, what may be done with them, and how their weights come here."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anyseek.errors import EXIT_OK, UsageError
from anyseek.printable import printable
from anyseek.terminal.app import App
from anyseek.terminal.options import Json

if TYPE_CHECKING:
    from anyseek.embedders.entry import Entry
    from anyseek.embedders.hub import DownloadProgress

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model; see `anyseek models`.")]

models = App(epilog="Example: anyseek models --json")


def register(app: App) -> None:
    """Add the command to the program."""
    app.add_typer(models, name="models", invoke_without_command=True)


@models.callback()
def listed(context: typer.Context, as_json: Json = False) -> int:
    """List the models there are, and what may be done with them."""
    if context.invoked_subcommand is not None:
        return EXIT_OK
    from anyseek.embedders import registry

    entries = list(registry.entries())
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(_record(entry)))
    else:
        _table(entries)
    return EXIT_OK


@models.command(epilog="Example: anyseek models show imagebind")
def show(name: Name, as_json: Json = False) -> int:
    """Show all that is known of one model."""
    from anyseek.embedders import registry
    from anyseek.terminal.output import size_text

    record = _record(registry.entry(name))
    if as_json:
        typer.echo(json.dumps(record))
        return EXIT_OK
    record |= {"modalities": ", ".join(record["modalities"]), "size_bytes": size_text(record["size_bytes"])}
    titles = {"dim": "dimension", "size_bytes": "size", "base": "built on", "path": "weights"}
    for key, value in record.items():
        if key != "type" and value not in {"", None}:
            shown = {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
            typer.echo(f"{titles.get(key, key.replace('_', ' ')) + ':':<16}{shown}")
    return EXIT_OK


@models.command(epilog="Example: anyseek models pull imagebind --accept-licence imagebind")
def pull(
    name: Name,
    accept_licence: Annotated[
        str | None,
        typer.Option(
            "--accept-licence", metavar="NAME", help="Accept the licence of this model; remembered."
        ),
    ] = None,
    address: Annotated[
        str | None, typer.Option("--from", metavar="URL", help="Another place that has the same file.")
    ] = None,
    sha256: Annotated[
        str, typer.Option("--sha256", metavar="HEX", help="What the SHA-256 of the file must be.")
    ] = "",
) -> int:
    """Fetch the weights of a model; an interrupted download continues where it stopped."""
    from dataclasses import replace

    from anyseek.embedders import hub, registry, repositories

    if accept_licence not in {None, name}:
        raise UsageError(
            f"--accept-licence names {accept_licence!r}, not {name!r}.",
            f"anyseek models pull {name} --accept-licence {name}",
        )
    if accept_licence == name:
        hub.accept(name)  # before anything else: some families need the weights to say what they are
    entry = registry.entry(name)
    if entry.repository:
        typer.echo(repositories.pull(entry.repository))
        return EXIT_OK
    if entry.package:
        entry.load()  # which says how to install it
    if entry.weights is None:
        typer.echo(f"{name} is on this disk: there is nothing more to fetch.")
        return EXIT_OK
    hub.demand_licence(name, entry.card.licence, entry.card.commercial_use)
    weights = replace(entry.weights, sha256=sha256.lower()) if sha256 else entry.weights
    if address is not None:
        if not address.startswith(("http://", "https://")):
            raise UsageError(f"{address} is not an address.", "It begins with http:// or https://.")
        weights = replace(weights, url=address, size_bytes=0)
    typer.echo(hub.pull(name, weights, _progress(name)))
    return EXIT_OK


@models.command(epilog="Example: anyseek models path imagebind ~/imagebind_huge.pth")
def path(name: Name, file: Annotated[Path, typer.Argument(metavar="FILE")]) -> int:
    """Use a file of weights that is here already."""
    from anyseek.embedders import hub, registry

    weights = registry.entry(name).weights
    if weights is None:
        raise UsageError(
            f"{name} takes no file of weights.", "Only models that `anyseek models pull` fetches from one do."
        )
    hub.name_file(name, file, weights)
    typer.echo(f"{name} uses {printable(str(file))}.")
    return EXIT_OK


def _record(entry: Entry) -> dict[str, Any]:
    """What `--json` prints: the card, whether the weights are here, and where."""
    from anyseek.embedders import hub, repositories

    here = hub.on_disk(entry.card.name, entry.weights) if entry.weights else None
    if entry.repository:
        here = repositories.here(entry.repository)
    is_complete = entry.weights is None and not entry.repository
    if entry.package:
        is_complete = find_spec(entry.package) is not None
    return {
        "type": "model",
        **asdict(entry.card),
        "on_disk": here is not None or is_complete,
        "path": str(here) if here else None,
    }


def _table(entries: list[Entry]) -> None:
    from anyseek.terminal.output import size_text

    rows = [("NAME", "MODALITIES", "NUMBERS", "SIZE", "LICENCE", "BUILT ON", "COMMERCIAL USE", "HERE")]
    for entry in entries:
        card, here = entry.card, "yes" if _record(entry)["on_disk"] else "no"
        shown = (
            card.name,
            ",".join(card.modalities),
            str(card.dim),
            size_text(card.size_bytes),
            card.licence,
        )
        rows.append((*shown, card.base or "-", card.commercial_use, here))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        typer.echo(line.rstrip())


def _progress(name: str) -> DownloadProgress:
    """A line on standard error that is written over, where that is a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        return lambda done, total: None
    from anyseek.terminal.output import size_text

    def show_progress(done: int, total: int) -> None:
        of = f" of {size_text(total)}" if total else ""
        sys.stderr.write(f"\r{name}: {size_text(done)}{of}   " + ("\n" if done == total else ""))
        sys.stderr.flush()

    return show_progress
