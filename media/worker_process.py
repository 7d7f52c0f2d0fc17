"""One worker of the decode pool: a fresh interpreter, and our end of its pipe. See worker.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from multiprocessing.connection import Pipe

from anyseek.errors import AnyseekError, MediaError, UsageError
from anyseek.media.child import PreparedFile, Setting, Task
from anyseek.printable import printable

START_LIMIT_S = 120.0
"""How long a worker may take to start: Python and the decoders, from a cold and busy disk."""

# -P: a file in the current folder must not be taken for a module. The path comes first through the pipe.
_BOOT = (
    "import sys; from multiprocessing.connection import Connection; "
    "pipe = Connection({handle}); sys.path[:] = pipe.recv(); "
    "from anyseek.media.child import serve; serve(pipe)"
)


class WorkerEnded(Exception):
    """The worker is dead or has to be killed; `reason` is its file's."""

    def __init__(self, reason: MediaError) -> None:
        super().__init__(reason.message)
        self.reason = reason


class WorkerProcess:
    """A worker process and our end of its pipe."""

    def __init__(self, setting: Setting) -> None:
        self._pipe, theirs = Pipe()
        self._is_ready = False
        with theirs:
            self._process = _start_python(_BOOT.format(handle=theirs.fileno()), theirs.fileno())
        try:
            self._pipe.send(sys.path)
            self._pipe.send(setting)
        except OSError:
            pass  # it died at once: wait_until_ready says so
        except Exception as error:
            self.end()
            raise UsageError(
                f"A preparer cannot be sent to the decoding processes: {error}.",
                "Preparers are small and picklable.",
            ) from error

    def wait_until_ready(self) -> None:
        """Raises AnyseekError when the worker does not come to life."""
        if self._is_ready:
            return
        try:
            is_there = self._pipe.poll(START_LIMIT_S)
            problem = self._pipe.recv() if is_there else f"no sign of life in {START_LIMIT_S:.0f} s"
        except (EOFError, OSError):
            self._process.wait()
            problem = f"it ended with status {self._process.returncode}"
        if problem is not None:
            raise AnyseekError(
                f"A decoding process could not start: {problem}.",
                f"Try: {sys.executable} -c 'import anyseek.media.child'",
            )
        self._is_ready = True

    def ask(self, task: Task, limit_s: float, setting: Setting) -> PreparedFile | BaseException:
        """The worker's answer. setting: whose limits `limit_s` seconds are left of.

        Raises WorkerEnded after limit_s without one, or when the worker dies.
        """
        try:
            self._pipe.send(task)
            if not self._pipe.poll(limit_s):
                raise WorkerEnded(late(task, limit_s, setting))
            answer: PreparedFile | BaseException = self._pipe.recv()
            return answer
        except (EOFError, OSError) as error:
            self._process.wait()
            raise WorkerEnded(
                MediaError(
                    f"The process that decoded {_name(task)} was ended by {_cause(self._process.returncode)}.",
                    "killed",
                    "Replace the file, or try it again with --retry-failed.",
                )
            ) from error

    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """At once; the pipe then tells the thread that waits on it."""
        self._process.kill()

    def end(self) -> None:
        """Kill and clean up."""
        self._process.kill()
        self._process.wait()
        self._pipe.close()


def _start_python(code: str, handle: int) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            pass_fds=[handle],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # where libjpeg, libsndfile and mpg123 print their own messages
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            process_group=0,  # Ctrl-C in the terminal reaches the parent alone
        )
    except OSError as error:
        raise AnyseekError(
            f"A decoding process could not start: {error.strerror or error}.", "Use fewer --workers."
        ) from error


def late(task: Task, limit_s: float, setting: Setting) -> MediaError:
    """The error for a task that took `limit_s` seconds, which were all that its part or its file had left."""
    is_part = limit_s >= setting.limits.max_seconds
    seconds, of_what = (
        (setting.limits.max_seconds, "") if is_part else (setting.max_file_seconds, " as a whole")
    )
    return MediaError(
        f"{_name(task)} took longer to decode{of_what} than the limit of {seconds:g} s.",
        "timeout",
        "Raise the limit on seconds, or replace the file.",
    )


def _name(task: Task) -> str:
    return printable(os.path.basename(os.fspath(task.file)))


def _cause(status: int) -> str:
    if status >= 0:
        return f"itself, with status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"
