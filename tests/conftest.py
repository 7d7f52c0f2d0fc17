"""What holds for all tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A shell that starts the suite in its background lets it ignore Ctrl-C, and the programs that it tests would too.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# OpenMP's threads (FAISS, torch) wait for each other without burning the processor that the others need. In the
# processes that tests start, too. It must be said before the first of these libraries is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# No example has a time limit: how long one takes says how busy the machine is.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


_OWN_PROCESS = "ANYSEEK_TESTS_OWN_PROCESS"


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """A folder that other users reach. Every pytest that starts closes the one that its temporary folders lie in."""
    with tempfile.TemporaryDirectory(prefix="anyseek-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="fail when a test is skipped, unless it needs a GPU (marked `gpu`)",
    )


class NoSkips:
    """Collects the skips of a run and fails it in the end. With xdist: in the process that hears of all of them."""

    def __init__(self) -> None:
        self.skips: set[str] = set()

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if "gpu" not in report.keywords and not hasattr(report, "wasxfail"):
            self._note(report)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.skipped:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            self.skips.add(f"{report.nodeid}: {reason}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skips and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.skips:
            terminalreporter.section("skipped, and --no-skips forbids it", red=True, bold=True)
            for skip in sorted(self.skips):
                terminalreporter.line(skip)


class FaultCounts:
    """Says at the end how many faults tests/faults put into how many operations; with xdist, of all processes."""

    def __init__(self) -> None:
        self.counts: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call":
            self.counts += [facts for name, facts in report.user_properties if name == "faults"]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self.counts:
            return
        terminalreporter.section("faults")
        for what in sorted({facts["what"] for facts in self.counts}):
            own = [facts for facts in self.counts if facts["what"] == what]
            n_faults, n_steps = (sum(facts[name] for facts in own) for name in ("faults", "steps"))
            operations = sorted({facts["of"] for facts in own})
            terminalreporter.line(
                f"{what}: {n_faults} at {n_steps} steps of {len(operations)} operations ({', '.join(operations)})"
            )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--no-skips") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(NoSkips())
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(FaultCounts())


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Runs a test that is marked `own_process` by a pytest of its own.

    It counts what its process holds (descriptors, threads), which what other tests left running would change.
    """
    if pyfuncitem.get_closest_marker("own_process") is None or _OWN_PROCESS in os.environ:
        return None
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--timeout=0", pyfuncitem.nodeid],
        cwd=pyfuncitem.config.rootpath,
        env={**os.environ, _OWN_PROCESS: "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        pytest.fail(f"In a process of its own:\n{done.stdout}{done.stderr}", pytrace=False)
    return True
