"""`anyseek serve` and `anyseek mcp`: the index for browsers, programs and agents."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from anyseek.errors import EXIT_OK, MissingExtra, UsageError
from anyseek.terminal.app import App
from anyseek.terminal.options import IndexDir

if TYPE_CHECKING:
    import socket


def register(app: App) -> None:
    """Add the commands to the program."""
    app.command(epilog="Example: anyseek serve --port 8750")(serve)
    app.command(epilog="Example: anyseek mcp --index ~/Media/.anyseek")(mcp)


def serve(
    index_dir: IndexDir = None,
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, max=65535)] = 8750,
    allow_write: Annotated[
        bool, typer.Option("--allow-write", help="Let requests update the index.")
    ] = False,
) -> int:
    """Open the index in a browser, and over HTTP.

    Only this machine can connect, unless --host names another address; then the variable ANYSEEK_TOKEN must hold a
    token that requests carry. Ends with Ctrl-C."""
    from anyseek import workspace
    from anyseek.terminal.runner import interrupted_by_asyncio

    place = workspace.index_folder(index=index_dir)
    try:
        import uvicorn

        from anyseek.serve.app import make_app
        from anyseek.serve.connections import Connection, backlog, most_connections
        from anyseek.serve.guard import Guard
    except ModuleNotFoundError as error:
        raise MissingExtra(f"The server needs {error.name}.", 'pip install "anyseek[serve]"') from error
    token = os.environ.get("ANYSEEK_TOKEN", "")
    app = make_app(place, guard=Guard.of(host, token), allow_write=allow_write)
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="none",
        log_level="warning",
        backlog=backlog(most_connections()),
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
        server_header=False,
        proxy_headers=False,
    )
    try:
        with _listening(host, port) as listening:
            # Listening already: who reads this line may ask at once.
            typer.echo(f"Anyseek is at http://{shown}:{listening.getsockname()[1]}/ - Ctrl-C ends it.")
            sys.stdout.flush()
            with interrupted_by_asyncio():
                uvicorn.Server(config).run(sockets=[listening])
    except OSError as error:
        message = (
            f"Port {port} of {shown} is already in use."
            if error.errno == errno.EADDRINUSE
            else f"Connections cannot be accepted at {shown}:{port}: {error.strerror or error}."
        )
        raise UsageError(message, "Choose another: --port N, or 0 for any that is free.") from error
    return EXIT_OK


def _listening(host: str, port: int) -> socket.socket:
    """A socket that waits for requests. Raises OSError.

    The protocol is named: only then does asyncio send small answers at once (TCP_NODELAY); else every one waits
    some 40 ms for the client's acknowledgement of its first half.
    """
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(128)
    except BaseException:
        listening.close()
        raise
    return listening


def mcp(index_dir: IndexDir = None) -> int:
    """Serve the index to agents, over MCP on stdio."""
    from anyseek import workspace
    from anyseek.terminal.runner import interrupted_by_asyncio

    place = workspace.index_folder(index=index_dir)
    try:
        from anyseek.serve.mcp_server import run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"The MCP server needs {error.name}.", 'pip install "anyseek[mcp]"') from error
    with interrupted_by_asyncio():
        run(place)
    return EXIT_OK
