"""The command line: the program `anyseek`, from its first moment to its exit code.

Little is imported here: until the handlers of signals are in place, Ctrl-C would be a traceback.
"""

from __future__ import annotations

import sys

if __name__ == "__main__":
    # Run as a script, sys.path[0] is this folder, whose search/, media/ and index.py are not top-level modules.
    del sys.path[0]
    import anyseek.cli

    sys.exit(anyseek.cli.command())

from collections.abc import Sequence

_EXIT_INTERRUPTED = 130  # errors.py says so too, and is not imported yet


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; the exit code. See `anyseek.errors` for what the codes mean."""
    from anyseek.terminal.program import build
    from anyseek.terminal.runner import run

    return run(build, sys.argv[1:] if arguments is None else arguments)


def command() -> int:
    """The command `anyseek`: `main`, before and after which a Ctrl-C ends the program without a word."""
    import os
    import signal

    signal.signal(signal.SIGINT, lambda number, frame: os._exit(_EXIT_INTERRUPTED))  # nothing is open yet
    code = main()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code
