"""`anyseek store`: what answers searches; `anyseek compact`."""

from __future__ import annotations

from typing import Annotated

import typer

from anyseek.errors import EXIT_OK, UsageError
from anyseek.terminal.app import App
from anyseek.terminal.options import Debug, IndexDir, Json

_QDRANT_ONLY = (
    "url",
    "api_key_env",
    "grpc",
    "shards",
    "replicas",
    "write_consistency",
    "quantisation",
    "on_disk",
)


def register(app: App) -> None:
    """Add the commands to the program."""
    group = App(
        help="Show or choose what answers searches.",
        no_args_is_help=True,
    )
    group.command("show", epilog="Example: anyseek store show")(show)
    group.command("set", epilog="Example: anyseek store set faiss --recall 0.99")(set_)
    group.command("refresh", epilog="Example: anyseek store refresh --anew")(refresh)
    app.add_typer(group, name="store", epilog="Example: anyseek store show")
    app.command(epilog="Example: anyseek compact")(compact)


def show(index_dir: IndexDir = None, as_json: Json = False, debug: Debug = False) -> int:
    """Tell which store answers, and with which recall."""
    from anyseek import workspace
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        found = index.store.state()
    if found is None:
        raise UsageError("The index is empty.", "Fill it: anyseek index FOLDER")
    output.store(found, as_json)
    return EXIT_OK


def set_(
    name: Annotated[str, typer.Argument(metavar="auto|exact|faiss|qdrant", help="What is to answer.")],
    kind: Annotated[str, typer.Option("--kind", metavar="ivf|hnsw", help="Of a FAISS index.")] = "ivf",
    recall: Annotated[
        float, typer.Option("--recall", metavar="SHARE", help="Of the true best ten, promised for each pair.")
    ] = 0.95,
    device: Annotated[
        str, typer.Option("--device", metavar="cpu|gpu", help="Where exact search and FAISS look.")
    ] = "cpu",
    url: Annotated[
        str, typer.Option("--url", metavar="URL", help="Of a Qdrant server; without it, Qdrant embedded.")
    ] = "",
    api_key_env: Annotated[
        str, typer.Option("--api-key-env", metavar="NAME", help="The environment variable with its key.")
    ] = "",
    grpc: Annotated[bool, typer.Option("--grpc", help="Talk to Qdrant by gRPC.")] = False,
    shards: Annotated[int, typer.Option("--shards", metavar="N", help="Of the Qdrant collection.")] = 0,
    replicas: Annotated[int, typer.Option("--replicas", metavar="N", help="Of each shard.")] = 0,
    write_consistency: Annotated[
        int, typer.Option("--write-consistency", metavar="N", help="Replicas that must acknowledge.")
    ] = 0,
    quantisation: Annotated[
        str, typer.Option("--quantisation", metavar="none|int8|binary", help="Of Qdrant's vectors.")
    ] = "none",
    on_disk: Annotated[bool, typer.Option("--on-disk", help="Qdrant maps its vectors.")] = False,
    index_dir: IndexDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Choose what answers searches.

    The vectors are copied from the index, the new store is tried, and only then it answers. A copy that was
    interrupted is gone on with by the same command.
    """
    from anyseek import workspace
    from anyseek.stores.registry import choice_of
    from anyseek.terminal import output

    options = dict(
        zip(
            _QDRANT_ONLY,
            (url, api_key_env, grpc, shards, replicas, write_consistency, quantisation, on_disk),
            strict=True,
        )
    )
    choice = choice_of(name, kind, recall, options, device)
    with workspace.open(index=index_dir) as index:
        index.store.set(choice, None if as_json else output.remark)
        found = index.store.state()
    if found is not None:
        output.store(found, as_json)
    return EXIT_OK


def refresh(
    anew: Annotated[bool, typer.Option("--anew", help="Build it again, whatever is there.")] = False,
    index_dir: IndexDir = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Bring the store up to date with the index.

    `anyseek index` does so too.
    """
    from anyseek import workspace
    from anyseek.terminal import output

    with workspace.open(index=index_dir) as index:
        index.store.refresh(None if as_json else output.remark, anew=anew)
        found = index.store.state()
    if found is not None:
        output.store(found, as_json)
    return EXIT_OK


def compact(index_dir: IndexDir = None, as_json: Json = False, debug: Debug = False) -> int:
    """Drop the vectors of deleted files.

    Searches leave them out already; this gives their room on the disk back.
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
