"""A retrieval backend: one JSON request a line in, one JSON answer a line out, several at a time.

python examples/retrieval_backend.py FOLDER < requests.jsonl
A request: {"query": "rain", "to": "audio", "k": 5, "where": "duration > 5s", "min_match": 0.5}.
All but the query may be left out.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anyseek

OPTIONS = {"to", "k", "where", "min_match"}


def answer(index: anyseek.Index, request: dict[str, Any]) -> dict[str, Any]:
    """The hits of one request, or what is wrong with it."""
    options = {name: value for name, value in request.items() if name in OPTIONS}
    try:
        results = index.search(request["query"], **options)
    except anyseek.AnyseekError as error:
        return {"query": request["query"], "error": error.code, "message": error.message}
    hits = [
        {"path": hit.path, "score": hit.score, "match": hit.match, "start": hit.span.start} for hit in results
    ]
    return {"query": request["query"], "hits": hits}


def answers(folder: str, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The answers to all requests, in order. The model is loaded once; searches run side by side."""
    with anyseek.open(folder) as index, ThreadPoolExecutor(4) as pool:
        yield from pool.map(lambda line: answer(index, json.loads(line)), lines)


if __name__ == "__main__":
    for result in answers(sys.argv[1], sys.stdin):
        print(json.dumps(result))
