"""From a command line to an exit code: every error a sentence, every signal its code. Used by `cli.main`."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

import typer

from anyseek import modalities
from anyseek.errors import (
    EXIT_BUG,
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_TERMINATED,
    AnyseekError,
    UsageError,
)
from anyseek.system_errors import NO_MEMORY, as_anyseek
from anyseek.terminal import standard_streams
from anyseek.terminal.app import App, CommandLineError, Output, unparsed

# Errors of the system that a program has to foresee where it may meet them: elsewhere they are bugs.
_OF_OUR_OWN = {
    None,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.EBADF,
    errno.EINVAL,
    errno.EPIPE,
}


class Terminated(BaseException):
    """SIGTERM came. Like KeyboardInterrupt, nothing but the end of the program may catch it."""


def run(build: Callable[[], App], arguments: Sequence[str]) -> int:
    """Run a command and return the exit code; never raises, whatever happens.

    build: makes the program; called again when an option is unknown that a package may add.
    """
    mode, ending = Output(), _Ending()
    standard_streams.prepare()
    try:
        with ending.listening():
            code = _invoke(build, arguments, mode)
            sys.stdout.flush()
            return code
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except Terminated:
        return EXIT_TERMINATED
    except BrokenPipeError:
        # The reader, `head` say, has enough. What is still buffered must not be tried again at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_OK
    except Exception as error:  # noqa: BLE001 - the last net: one sentence instead of a traceback
        if ending.exit_code:  # libraries in C make other errors of it, such as "initialization failed"
            return ending.exit_code
        return _report(error, mode)


def _invoke(build: Callable[[], App], arguments: Sequence[str], mode: Output) -> int:
    try:
        return _run_once(build(), arguments, mode)
    except CommandLineError as error:
        if getattr(error, "option_name", "") and modalities.load_plugins():
            return _invoke(build, arguments, mode)  # it may be the option of a modality of theirs
        raise UsageError(*unparsed(error)) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # which typer takes for its own affair
            raise error.__context__ from None
        raise


def _run_once(app: App, arguments: Sequence[str], mode: Output) -> int:
    command = typer.main.get_command(app)
    code = command.main(list(arguments), prog_name="anyseek", standalone_mode=False, obj=mode)
    return code if isinstance(code, int) else EXIT_OK


def _report(error: Exception, mode: Output) -> int:
    """One sentence on stderr; the exit code."""
    from anyseek.terminal import output

    known = _known(error)
    if mode.is_debug:
        traceback.print_exception(error)
    output.error(known, mode.as_json)
    return known.exit_code or EXIT_BUG


def _known(error: Exception) -> AnyseekError:
    if isinstance(error, AnyseekError):
        return error
    if isinstance(error, MemoryError):
        return as_anyseek(NO_MEMORY, "this command")
    if isinstance(error, FileNotFoundError) and not error.filename and _is_folder_gone():
        return UsageError("The current folder is no longer there.", "Go to another one, or name whole paths.")
    if isinstance(error, OSError) and error.errno == errno.EBADF and standard_streams.is_closed():
        return UsageError(
            "Standard output is closed, so nothing can be shown.", "Write to a file or to /dev/null."
        )
    if isinstance(error, OSError) and error.errno not in _OF_OUR_OWN:
        return as_anyseek(error, "what this command works with")
    return AnyseekError(
        f"Something unexpected happened: {type(error).__name__}: {error}",
        "This is a bug of Anyseek; please report it with what --debug shows.",
    )


def _is_folder_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


class _Ending:
    """Ctrl-C and SIGTERM as exceptions, and whether one came: what is raised in the midst of a library may become
    another error on its way."""

    def __init__(self) -> None:
        self.exit_code = EXIT_OK

    def _end(self, signum: int, frame: FrameType | None) -> None:
        self.exit_code = EXIT_TERMINATED if signum == signal.SIGTERM else EXIT_INTERRUPTED
        raise Terminated if signum == signal.SIGTERM else KeyboardInterrupt

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While a command is at work."""
        before = {number: signal.signal(number, self._end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


@contextlib.contextmanager
def interrupted_by_asyncio() -> Iterator[None]:
    """While an event loop runs, which takes Ctrl-C in hand where Python's own handler is set."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


class Stop:
    """Whether Ctrl-C or SIGTERM asks a long run to end after its batch; a second one ends it at once.

    is_idle: no batch is at work, so there is none to wait for and nothing to say.
    """

    def __init__(self) -> None:
        self.exit_code = EXIT_OK
        self.is_idle = False

    def is_requested(self) -> bool:
        """For the run to look at between batches."""
        return self.exit_code != EXIT_OK

    def _request(self, signum: int, frame: FrameType | None) -> None:
        if self.is_requested():
            raise KeyboardInterrupt if self.exit_code == EXIT_INTERRUPTED else Terminated
        self.exit_code = EXIT_TERMINATED if signum == signal.SIGTERM else EXIT_INTERRUPTED
        if not self.is_idle:
            # Not through sys.stderr, which may be in the middle of a write.
            os.write(2, b"\nStopping after this batch. Once more: stop at once.\n")

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """While one of several runs is at work; idle after it."""
        self.is_idle = False
        try:
            yield
        finally:
            self.is_idle = True

    @contextlib.contextmanager
    def listening(self) -> Iterator[Stop]:
        """While a run is going on."""
        before = {number: signal.signal(number, self._request) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
