"""`anyseek store`: what answers searches; `anyseek compact`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from anyseek.errors import EXIT_OK, UsageError
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir, Json, Many, with_store_options


def register(app: App) -> None:
    """Add the commands to the program."""
    group = App(help="Show or choose what answers searches.")
    group.command("show", epilog="Example: anyseek store show")(show)
    group.command("set", epilog="Example: anyseek store set faiss --recall 0.99")(with_store_options(set_))
    group.command("refresh", epilog="Example: anyseek store refresh --anew")(refresh)
    app.add_typer(group, name="store", epilog="Example: anyseek store show")
    app.command(epilog="Example: anyseek compact")(compact)


def show(index_dir: IndexDir = None, as_json: Json = False) -> int:
    """Show which store answers, and with which recall."""
    from anyseek import workspace
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        state = index.store.state()
    if state is None:
        raise UsageError("The index is empty.", "Fill it: anyseek index FOLDER")
    output.store(state, as_json)
    return EXIT_OK


def set_(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="auto|exact|faiss|qdrant|NAME", help="What is to answer searches.")
    ],
    flags: dict[str, Any],
    option: Annotated[
        Many,
        typer.Option("--option", metavar="NAME=VALUE", help="Any option of any store; repeatable."),
    ] = None,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Choose what answers searches.

    The vectors are copied from the index, the new store is tried, and only then does it answer. If that is
    interrupted, the same command continues it. NAME: a store of an installed package.
    """
    from anyseek import workspace
    from anyseek.stores.registry import Choice
    from anyseek.terminal import output

    choice = Choice(name, _options(name, flags, option or []))
    with workspace.open(index=index_dir) as index:
        index.store.set(choice, None if as_json else output.remark)
        state = index.store.state()
    if state is not None:
        output.store(state, as_json)
    return EXIT_OK


def _options(store: str, flags: dict[str, Any], pairs: list[str]) -> dict[str, Any]:
    """The options of a store by name, from flags and from NAME=VALUE.

    Raises UsageError for what the store does not have and for values that it does not take.
    """
    from anyseek.option_info import options_of
    from anyseek.stores.backend_options import make_options
    from anyseek.stores.registry import options_type

    record = options_type(store)
    known = options_of(record)
    for name in flags:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            usable = ", ".join(one.flag for one in known.values() if one.is_flag)
            raise UsageError(f"The store {store} has no {flag}.", f"It has: {usable}." if usable else "")
    values = dict(flags)
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise UsageError(f"--option {pair!r} has no value.", "As in: --option NAME=VALUE")
        values[name] = known[name].parsed(text) if name in known else text
    make_options(store, record, values)
    return values


def refresh(
    anew: Annotated[bool, typer.Option("--anew", help="Build it again, whatever is there.")] = False,
    index_dir: IndexDir = None,
    as_json: Json = False,
) -> int:
    """Bring the store up to date with the index.

    `anyseek index` does so too.
    """
    from anyseek import workspace
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        index.store.refresh(None if as_json else output.remark, anew=anew)
        state = index.store.state()
    if state is not None:
        output.store(state, as_json)
    return EXIT_OK


def compact(index_dir: IndexDir = None, as_json: Json = False) -> int:
    """Drop the vectors of deleted files.

    Searches leave them out already; this frees their space on the disk.
    """
    from anyseek import workspace
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        freed = index.store.compact()
    typer.echo(
        output.json_line({"type": "compacted", "bytes": freed})
        if as_json
        else f"{output.size_text(freed)} freed."
    )
    return EXIT_OK
