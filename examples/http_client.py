"""Start a server and ask it over HTTP: python examples/http_client.py FOLDER WORDS [FILE]

Needs `pip install "anyseek[serve]" httpx`. A server that runs already is asked in the same way.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


@contextmanager
def server(folder: str) -> Iterator[str]:
    """The address of a server on a free port, which ends with the block."""
    command = [
        sys.executable,
        "-m",
        "anyseek",
        "serve",
        "--index",
        str(Path(folder, ".anyseek")),
        "--port",
        "0",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout else ""
            address = re.search(r"http://\S+", line)
            if address is None:
                sys.exit("The server did not start.")
            yield address[0]
        finally:
            process.terminate()


def show(answer: httpx.Response) -> None:
    """Print the hits, or the problem (RFC 9457)."""
    body: dict[str, Any] = answer.json()
    if answer.is_error:
        sys.exit(f"{answer.status_code}: {body['detail']}")
    for hit in body["hits"]:
        print(f"{hit['rank']}  {hit['score']:.3f}  {hit['modality']:5}  {hit['path']}")


if __name__ == "__main__":
    with server(sys.argv[1]) as address, httpx.Client(base_url=address, timeout=60) as client:
        show(client.get("/search", params={"words": sys.argv[2], "to": "image", "k": 3}))
        for file in sys.argv[3:]:
            show(client.post("/search/file", params={"to": "audio", "k": 3}, content=Path(file).read_bytes()))
