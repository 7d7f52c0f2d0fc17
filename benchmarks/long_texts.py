"""How the time to decode one text grows with its size: twice the size, about twice the time. Prints one JSON object.

    python benchmarks/long_texts.py [--megabytes 8]

Each is decoded and prepared for `mini`, by parts, in one worker, as an index does it: prose, a page of HTML, subtitles.
Seconds are the processor's, without the start of the worker. `times` is those for twice the size by those for the size;
`parts` counts those of the longer one.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path

from anyseek.contracts import Modality
from anyseek.embedders import registry
from anyseek.media.worker import DecodePool

SENTENCE = "The dog sleeps under the old house beside the river while a storm comes in from the sea. "


def prose(n_bytes: int) -> str:
    """Lines of one sentence."""
    return (SENTENCE + "\n") * (n_bytes // (len(SENTENCE) + 1))


def page(n_bytes: int) -> str:
    """Paragraphs of one sentence."""
    paragraph = f"<p>{SENTENCE}</p>\n"
    return f"<html><body>{paragraph * (n_bytes // len(paragraph))}</body></html>"


def cues(n_bytes: int) -> str:
    """A cue a second."""

    def clock(second: int) -> str:
        return f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02},000"

    n = n_bytes // 130
    return "".join(f"{i + 1}\n{clock(i)} --> {clock(i + 1)}\n{SENTENCE}\n\n" for i in range(n))


KINDS: dict[str, tuple[str, Callable[[int], str]]] = {
    "prose": (".txt", prose),
    "html": (".html", page),
    "cues": (".srt", cues),
}


def decode(path: Path) -> tuple[float, int]:
    """Seconds of the processor in a worker of its own, and the number of parts."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with DecodePool({Modality.TEXT: registry.load("mini").preparer(Modality.TEXT)}) as pool:
        first, n_parts, has_more = 0, 0, True
        while has_more:
            done = pool.submit(str(path), first=first, modality=Modality.TEXT).result()
            first, n_parts, has_more = first + len(done.segments), n_parts + 1, done.has_more
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, n_parts


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=8)
    megabytes = parser.parse_args().megabytes
    out = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, (suffix, make) in KINDS.items():
            measured = []
            for size in (0.001, megabytes, 2 * megabytes):
                path = Path(folder) / f"{name}-{size}{suffix}"
                path.write_text(make(int(size * 1e6)))
                measured.append(decode(path))
            (start_s, _), (short_s, _), (long_s, n_parts) = measured
            out[name] = {
                "seconds": round(short_s - start_s, 2),
                "seconds_twice": round(long_s - start_s, 2),
                "times": round((long_s - start_s) / (short_s - start_s), 2),
                "parts": n_parts,
            }
    print(json.dumps(out))


if __name__ == "__main__":
    main()
