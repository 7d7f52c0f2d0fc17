"""How many text queries a second the server answers to 1, 8 and 32 clients, beside one search in this process.

    python benchmarks/serve.py [--segments 10000] [--seconds 5] [--merged 0.5] [--requests 100000]

The server is `anyseek serve` in a process of its own; the clients are threads of another one. Past 10,000 segments the
further ones are not notes that were embedded but vectors between those of two notes, which cost a search as much.
--merged is the share of the queries that want one list over all modalities. "memory" is the server's resident memory
after the first second and at the end; with --requests, 8 clients ask so many queries more, and it is told after the
first thousand and after the last.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from startup import write_notes

import anyseek
from anyseek.catalog.catalog import Catalog
from anyseek.contracts import Modality, SeenFile, Span
from anyseek.search.background import texts

PORT = 8799
MOST_NOTES = 10_000


merged = 0.0
"""The share of the queries that want one list."""


def ask(connection: http.client.HTTPConnection, number: int) -> None:
    """One query; raises unless it was answered."""
    words = texts()[number % len(texts())].replace(" ", "+")
    is_merged = int((number + 1) * merged) > int(number * merged)
    connection.request("GET", f"/search?words={words}&k=10{'&merge=true' if is_merged else ''}")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {body[:200]!r}")


def clients(n: int, seconds: float) -> dict[str, float]:
    """Queries a second and latencies of n clients that ask one after the other."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    lock = threading.Lock()

    def client(first: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        mine, number = [], first
        while time.perf_counter() < until:
            start = time.perf_counter()
            ask(connection, number)
            mine.append(time.perf_counter() - start)
            number += n
        with lock:
            taken.extend(mine)

    threads = [threading.Thread(target=client, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    p50, p99 = (float(np.percentile(taken, q)) * 1000 for q in (50, 99))
    return {
        "clients": n,
        "queries a second": round(len(taken) / seconds, 1),
        "p50 ms": round(p50, 2),
        "p99 ms": round(p99, 2),
        "p99 / p50": round(p99 / p50, 2),
    }


def many(n: int, at_once: int = 8) -> None:
    """n queries by clients that share them."""
    numbers = iter(range(n))
    lock = threading.Lock()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
        while True:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            ask(connection, number)

    threads = [threading.Thread(target=client) for _ in range(at_once)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def add_between(folder: Path, n: int) -> None:
    """n segments more in the index of `folder`, each of a file of its own that is not there."""
    rng = np.random.default_rng(0)
    with Catalog.open(folder) as catalog, catalog.begin() as writer, catalog.read() as snapshot:
        space = snapshot.spaces()[0]
        known = snapshot.vectors(space.space_id).astype(np.float32)
        for i in range(0, n, 20_000):
            pairs = rng.integers(0, len(known), (2, min(20_000, n - i)))
            rows = (
                known[pairs[0]]
                + known[pairs[1]]
                + 0.02 * rng.standard_normal((pairs.shape[1], known.shape[1]))
            )
            rows /= np.linalg.norm(rows, axis=1, keepdims=True)
            for j, row in enumerate(rows.astype(np.float32), i):
                seen = SeenFile(0, f"between/{j}.txt", 1, 1, MOST_NOTES + j)
                file_id = writer.put_file(seen, j.to_bytes(16, "big"), Modality.TEXT)
                writer.add_segments(file_id, space.space_id, Modality.TEXT, [(Span(), "")], row[None])


def alone(index: anyseek.Index, n: int = 100) -> float:
    """Median seconds of one search in this process."""
    taken = []
    for number in range(n):
        start = time.perf_counter()
        index.search(texts()[number % len(texts())], k=10)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def memory_mb(process: subprocess.Popen[bytes]) -> float:
    """Resident memory of the server."""
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return round(pages * 4096 / 1e6, 1)


def main() -> None:
    """Prints one JSON object a line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--segments", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--merged", type=float, default=0.0)
    parser.add_argument("--requests", type=int, default=0)
    options = parser.parse_args()
    global merged
    merged = options.merged
    with tempfile.TemporaryDirectory() as folder:
        write_notes(Path(folder), min(options.segments, MOST_NOTES))
        with anyseek.create(folder) as index:
            index.add()
        if options.segments > MOST_NOTES:
            add_between(Path(folder) / ".anyseek", options.segments - MOST_NOTES)
        with anyseek.open(folder) as index:
            index.store.refresh()
            print(
                json.dumps(
                    {"segments": index.n_segments, "one search here, ms": round(1000 * alone(index), 2)}
                )
            )
        command = [
            sys.executable,
            "-m",
            "anyseek.cli",
            "serve",
            "--port",
            str(PORT),
            "--index",
            f"{folder}/.anyseek",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            assert server.stdout is not None
            server.stdout.readline()
            try:
                clients(1, 1.0)
                before = memory_mb(server)
                found = [clients(n, options.seconds) for n in (1, 8, 32)]
                for one in found:
                    rate = one["queries a second"] / found[0]["queries a second"]
                    print(json.dumps({**one, "times one client": round(rate, 2)}))
                print(json.dumps({"memory MB": [before, memory_mb(server)]}))
                if options.requests:
                    many(1000)
                    first = memory_mb(server)
                    many(options.requests - 1000)
                    print(json.dumps({"requests": options.requests, "memory MB": [first, memory_mb(server)]}))
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
