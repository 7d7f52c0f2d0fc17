"""The program as a process: what it loads, how it ends, what it does to pipes and terminals."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sample_files
from processes import running
from ran import ANYSEEK, Ran, unmeasured
from waiting import BRAKE_S, wait_until

import anyseek
from anyseek.catalog.catalog import Catalog

ROOT = Path(__file__).parents[2]
Run = Callable[..., Ran]

FORBIDDEN_AT_START = ("numpy", "rich", "PIL", "onnxruntime", "sqlite3", "soundfile", "pydantic")
FORBIDDEN_IN_A_SEARCH = (
    "rich", "PIL", "soundfile", "soxr", "pydantic", "multiprocessing", "selectolax",
    "charset_normalizer", "anyseek.indexer", "anyseek.media.decoding", "anyseek.media.worker",
)  # fmt: skip

ALLOWED_IN_A_SEARCH = {
    "anyseek", "typer", "annotated_doc", "shellingham", "click", "numpy", "onnxruntime",
    "msgspec", "typing_extensions",  # the index's records of models (jsonable.py)
}  # fmt: skip


def loaded_after(code: str, environment: dict[str, str], cwd: Path) -> set[str]:
    """The modules that a fresh interpreter has after `code`, which must not fail."""
    code += "\nimport sys\nprint('loaded', *sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=unmeasured(environment),
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    first, *rest = ran.stdout.splitlines()[-1].split()
    assert first == "loaded"
    return set(rest)


# ---------------------------------------------------------------- what is loaded


def test_importing_the_package_loads_next_to_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    loaded = loaded_after("import anyseek", environment, tmp_path)
    assert {name for name in loaded if name.startswith("anyseek")} == {"anyseek"}
    assert not loaded & {*FORBIDDEN_AT_START, "typer", "dataclasses"}


def test_a_filter_that_makes_no_sense_is_refused_before_a_model_loads(
    made: Path, environment: dict[str, str]
) -> None:
    code = "from anyseek.cli import main\nassert main(['search', 'red', '--where', 'colour = red']) == 2"
    loaded = loaded_after(code, environment, made)
    assert not loaded & {"onnxruntime", "anyseek.embedders.registry"}


def test_public_names_are_fetched_when_first_used(environment: dict[str, str], tmp_path: Path) -> None:
    code = (
        "import anyseek\nfrom anyseek import *\n"
        "assert all(getattr(anyseek, name) is not None for name in anyseek.__all__)\n"
        "assert Hit is anyseek.Hit and set(anyseek.__all__) == set(dir(anyseek))\n"
        "try:\n    anyseek.nonesuch\nexcept AttributeError as error:\n    assert 'nonesuch' in str(error)\n"
        "else:\n    raise SystemExit(3)"
    )
    assert "numpy" not in loaded_after(code, environment, tmp_path)


@pytest.mark.parametrize(
    "arguments", [["--help"], ["search", "--help"], ["index", "-h"], ["--version"], ["bogus"]]
)
def test_help_loads_no_library(environment: dict[str, str], tmp_path: Path, arguments: list[str]) -> None:
    code = f"from anyseek.cli import main\nassert main({arguments}) in (0, 2)"
    loaded = loaded_after(code, environment, tmp_path)
    assert not loaded & {*FORBIDDEN_AT_START}
    assert "anyseek.index" not in loaded


def test_a_cold_search_with_words_loads_only_what_it_needs(environment: dict[str, str], made: Path) -> None:
    code = "from anyseek.cli import main\nassert main(['search', 'red']) == 0"
    loaded = loaded_after(code, environment, made)
    assert "numpy" in loaded
    assert sorted(loaded & {*FORBIDDEN_IN_A_SEARCH}) == []


@pytest.mark.thorough
def test_a_cold_search_by_the_built_in_model_loads_only_what_it_needs(
    environment: dict[str, str], tmp_path: Path
) -> None:
    sample_files.text(tmp_path / "dog.txt", "a dog runs along the beach")
    sample_files.text(tmp_path / "car.txt", "the engine of a racing car")
    indexed = f"from anyseek.cli import main\nassert main(['index', '-q', {str(tmp_path)!r}]) == 0"
    loaded_after(indexed, environment, tmp_path)
    code = "from anyseek.cli import main\nassert main(['search', 'a puppy by the sea', '--paths', '-k', '1']) == 0"
    loaded = loaded_after(code, environment, tmp_path)
    libraries = {name.partition(".")[0] for name in loaded if not name.startswith("_")}
    assert libraries - sys.stdlib_module_names <= ALLOWED_IN_A_SEARCH
    assert (
        sorted(loaded & {*FORBIDDEN_IN_A_SEARCH, "hashlib", "socket"}) == []
    )  # OpenSSL and the network: 4 ms each


def test_similar_and_status_load_no_model(environment: dict[str, str], made: Path) -> None:
    for command in (["similar", "pictures/red.png"], ["status"]):
        code = f"from anyseek.cli import main\nassert main({command}) == 0"
        loaded = loaded_after(code, environment, made)
        # What its runs wrote down, and the card of the model as it is here: an index of an older one is told apart.
        rooms = {"anyseek.indexer", "anyseek.embedders", "fakes"} if command == ["status"] else set()
        assert loaded & {*FORBIDDEN_IN_A_SEARCH, "fakes", "anyseek.embedders"} == rooms


PROGRAMS = {
    "anyseek": [str(ANYSEEK)],
    "python -m": [sys.executable, "-m", "anyseek"],
    "python cli.py": [sys.executable, str(ROOT / "cli.py")],
}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--help"], 0), (["search", "red", "--paths"], 0), (["search", "-k", "0", "x"], 2)],
)
def test_three_ways_to_start_are_one_program(
    environment: dict[str, str], made: Path, arguments: list[str], code: int
) -> None:
    seen = set()
    for program in PROGRAMS.values():
        ran = subprocess.run(
            [*program, *arguments], env=environment, cwd=made, capture_output=True, text=True, check=False
        )
        seen.add((ran.returncode, ran.stdout, ran.stderr))
    assert len(seen) == 1
    assert seen.pop()[0] == code


def test_folders_of_the_repository_shadow_no_library(environment: dict[str, str]) -> None:
    """As a script, Python puts the repository first on its path: `import search` would find ours."""
    code = (
        f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['cli.py', '--version']\n"
        f"try:\n    runpy.run_path({str(ROOT / 'cli.py')!r}, run_name='__main__')\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        f"assert {str(ROOT)!r} not in sys.path"
    )
    loaded_after(code, environment, Path("/"))


# ---------------------------------------------------------------- how it ends


@pytest.fixture
def long_run(tmp_path: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """An index run of 400 files, in the midst of its third batch, that goes on when `open_gate` is called.

    What it says goes to the file `stderr`.
    """
    folder = tmp_path / "media"
    folder.mkdir()
    (tmp_path / "gate").mkdir()
    for number in range(400):
        sample_files.text(folder / f"{number:03}.txt", f"red {number}")
    with (tmp_path / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [str(ANYSEEK), "index", str(folder), "--model", "words", "--workers", "1"],
            env={**environment, "WORDS_GATE": str(tmp_path / "gate"), "WORDS_FREE": "2"},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=tmp_path,
        )
    try:
        wait_until((tmp_path / "gate" / "at-work").exists, "the model at work")
        yield process
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], number: signal.Signals, stderr: Path) -> None:
    """Send the signal to a run and return when it has said that it stops."""
    process.send_signal(number)
    wait_until(lambda: "Stopping after this batch" in stderr.read_text(), "the run's answer to the signal")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_run_keeps_what_it_did_and_goes_on(
    long_run: subprocess.Popen[str], number: signal.Signals, code: int, tmp_path: Path, shell: Run
) -> None:
    stop(long_run, number, tmp_path / "stderr")
    (tmp_path / "gate" / "open").touch()
    out = long_run.communicate(timeout=BRAKE_S)[0]
    assert long_run.returncode == code
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    assert "stopped early" in out
    assert "the same command again" in out
    rest = shell("index", tmp_path / "media")
    assert rest.code == 0
    found = re.match(r"(\d+) new, (\d+) unchanged", rest.out)
    assert found is not None, rest.out
    assert int(found[1]) + int(found[2]) == 400
    assert 0 < int(found[1]) < 400


def test_a_watch_that_waits_for_changes_ends_without_a_word(media: Path, environment: dict[str, str]) -> None:
    command = [str(ANYSEEK), "watch", "--every", "600", "--json"]
    with running(command, cwd=media, env=environment) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["type"] == "report"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BRAKE_S)
    assert process.returncode == 0
    (watching,) = err.splitlines()
    assert "Watching" in watching


@pytest.mark.thorough
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 41), (signal.SIGTERM, 143)])
def test_a_watch_whose_folder_is_gone_says_so_once_and_goes_on(
    media: Path, tmp_path: Path, environment: dict[str, str], number: signal.Signals, code: int
) -> None:
    other, away = sample_files.fill(tmp_path / "other"), tmp_path / "away"
    with Catalog.open(media / ".anyseek") as catalog, catalog.begin() as writer:
        writer.add_root(other)
    command = [ANYSEEK, "watch", "--every", "0.01", "--json"]
    with running(command, cwd=media, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["new"] == 13
        process.stderr.readline()
        for _ in range(2):  # it is back, and gone again
            other.rename(away)
            assert "is not there" in process.stderr.readline()
            # In the folder itself, so that no run before its return can have it.
            sample_files.picture(away / f"{os.urandom(4).hex()}.png", "red")
            away.rename(other)
            wait_until(lambda: json.loads(process.stdout.readline())["new"] == 1, "a run")
        other.rename(away)
        assert "is not there" in process.stderr.readline()
        sample_files.text(media / "notes/new.txt", "What is done meanwhile is said.")
        wait_until(lambda: json.loads(process.stdout.readline())["new"] == 1, "a run of the other folder")
        process.send_signal(number)
        _, err = process.communicate(timeout=BRAKE_S)
    assert process.returncode == code
    assert "is not there" not in err


@pytest.mark.thorough
def test_a_watch_acts_on_ignore_files_and_says_what_it_skips(
    media: Path, environment: dict[str, str]
) -> None:
    pytest.importorskip("watchfiles")

    def ignore(text: str) -> None:
        (media / ".new").write_text(text)
        (media / ".new").replace(media / ".anyseekignore")  # so that no run meets half of it

    with running([ANYSEEK, "watch", "--json"], cwd=media, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert json.loads(process.stdout.readline())["unchanged"] == 13
        assert "Watching" in process.stderr.readline()
        ignore("!\n")
        assert "Line 1 of " in process.stderr.readline()
        (media / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        ignore("notes/\n")
        skipped, report = (json.loads(process.stdout.readline()) for _ in range(2))
        assert (skipped["type"], skipped["path"]) == ("skipped", str(media / "broken.png"))
        assert (report["gone"], report["unchanged"], report["skipped"]) == (3, 10, {"broken": 1})
        ignore("!\n")
        assert "Line 1 of " in process.stderr.readline(), "said again, as it was right meanwhile"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=BRAKE_S)
    assert (process.returncode, err) == (2, "")


@pytest.mark.thorough
def test_a_watch_says_once_what_its_runs_remark(media: Path, environment: dict[str, str]) -> None:
    """A drive that was away when it began, and a store that never answers."""
    pytest.importorskip("qdrant_client")
    with Catalog.open(media / ".anyseek") as catalog, catalog.begin() as writer:
        writer.set_setting("store", {"name": "qdrant", "qdrant": {"url": "http://127.0.0.1:9"}})
    (media / "notes").rename(media.parent / "away")
    (media / "notes").mkdir()
    with running([ANYSEEK, "watch", "--every", "0.01"], cwd=media, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        said = [process.stderr.readline() for _ in range(3)]
        sample_files.picture(media.parent / "new.png", "red").rename(media / "pictures/new.png")
        wait_until(lambda: "1 new" in process.stdout.readline(), "a run after the first")
        process.send_signal(signal.SIGINT)
        said += process.communicate(timeout=BRAKE_S)[1].splitlines()
    # A signal in the midst of a run is answered, too.
    watching, drive, store = [
        line for line in said if line and not line.startswith("Stopping after this batch")
    ]
    assert watching.startswith("Watching")
    assert "notes: empty or not there" in drive
    assert store.startswith("Qdrant at http://127.0.0.1:9 does not answer")


def test_a_watch_without_its_package_is_refused_before_it_says_that_it_watches(
    media: Path, here: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    ran = here("watch", cwd=media)
    assert (ran.code, ran.out) == (60, "")
    assert ran.err == 'anyseek: watchfiles is not installed.\n  pip install "anyseek[watch]"\n'


@pytest.mark.thorough
def test_a_second_ctrl_c_ends_it_at_once(long_run: subprocess.Popen[str], tmp_path: Path, shell: Run) -> None:
    stop(long_run, signal.SIGINT, tmp_path / "stderr")
    long_run.send_signal(signal.SIGINT)
    long_run.communicate(timeout=BRAKE_S)  # although the model is still at work, and would be for ever
    assert long_run.returncode == 130
    assert "Traceback" not in (tmp_path / "stderr").read_text()
    assert shell("index", tmp_path / "media", "--quiet").code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_search_ends_quietly_when_told_to(
    made: Path, environment: dict[str, str], number: signal.Signals, code: int, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [str(ANYSEEK), "search", "red"],
        cwd=made,
        env={**environment, "WORDS_GATE": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_until((tmp_path / "at-work").exists, "the model at work")
    process.send_signal(number)
    out, err = process.communicate(timeout=BRAKE_S)
    assert (process.returncode, out, err) == (code, "", "")


@pytest.fixture(scope="module")
def of_mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder indexed by the built-in model."""
    folder = tmp_path_factory.mktemp("of_mini")
    sample_files.text(folder / "dog.txt", "a dog")
    with anyseek.create(folder) as index:
        index.add(workers=1)
    return folder


SIGNAL_DURING_AN_IMPORT = """
import os, signal, sys

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != os.environ["SIGNAL_AT"]:
            return
        sys.meta_path.remove(self)
        try:
            signal.raise_signal(int(os.environ["SIGNAL"]))
        except BaseException:
            if os.environ["IS_SWALLOWED"]:  # as a library in C does, while it is initialised
                raise ImportError("initialization failed") from None
            raise

sys.meta_path.insert(0, Finder())
"""


@pytest.mark.thorough
@pytest.mark.parametrize("is_swallowed", ["", "yes"])
@pytest.mark.parametrize(
    ("module", "number", "code"),
    [
        ("anyseek.terminal", signal.SIGINT, 130),
        ("typer", signal.SIGINT, 130),
        ("anyseek.workspace", signal.SIGINT, 130),
        ("anyseek.workspace", signal.SIGTERM, 143),
        ("numpy", signal.SIGINT, 130),
        ("numpy", signal.SIGTERM, 143),
        ("onnxruntime", signal.SIGINT, 130),
        ("onnxruntime", signal.SIGTERM, 143),
    ],
)
def test_a_command_that_is_stopped_while_it_starts_ends_quietly(
    environment: dict[str, str],
    of_mini: Path,
    tmp_path: Path,
    module: str,
    number: int,
    code: int,
    is_swallowed: str,
) -> None:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook/sitecustomize.py").write_text(SIGNAL_DURING_AN_IMPORT)
    hooked = {
        **unmeasured(environment),
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "hook"), environment["PYTHONPATH"]]),
        "SIGNAL_AT": module,
        "SIGNAL": str(int(number)),
        "IS_SWALLOWED": is_swallowed,
    }
    with running([ANYSEEK, "search", "dog"], cwd=of_mini, env=hooked) as process:
        out, err = process.communicate(timeout=BRAKE_S)
    assert (process.returncode, out, err) == (code, "", "")


def test_a_reader_that_has_enough_is_no_error(made: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        [str(ANYSEEK), "search", "red", "--paths"],
        cwd=made,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.wait(BRAKE_S) == 0
    assert process.stderr.read() == b""
    process.stderr.close()


def test_a_full_disk_under_the_output_is_a_sentence(made: Path, environment: dict[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [str(ANYSEEK), "search", "red", "--paths"],
            cwd=made,
            env=environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 50
    assert "no space left" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_read_only_index_is_searched_and_refuses_to_be_written(
    made: Path, environment: dict[str, str]
) -> None:
    """As another user when the tests run as root, who may write anywhere."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        media = Path(shutil.copytree(made, Path(name) / "media"))
        # The test's own folders are closed to others.
        plugin = Path(shutil.copytree(environment["PYTHONPATH"].split(os.pathsep)[0], Path(name) / "plugin"))
        plugin.chmod(0o755)
        media.chmod(0o755)
        sample_files.picture(media / "new.png", "red")
        index = media / ".anyseek"
        for path in [index, *index.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)

        program = (
            "import os, sys\nfrom anyseek.cli import main\n"
            # First where all is allowed: what is imported lazily may lie where the other user cannot read.
            f"os.chdir({str(made)!r})\n"
            "assert (main(['search', 'red', '--to', 'depth']), main(['status']), main(['index', '-q'])) == (0, 0, 0)\n"
            f"os.chdir({str(media)!r})\n"
            "if os.geteuid() == 0: os.setuid(65534)\n"
            "print('now', flush=True)\n"
            "print(main(['search', 'red', '--to', 'image', '--paths', '-k', '1']), flush=True)\n"
            "print(main(['status']) , main(['index']), flush=True)"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program],
            env={**unmeasured(environment), "PYTHONPATH": f"{plugin}:{ROOT / 'tests/support'}"},
            capture_output=True,
            text=True,
            check=False,
        )
        for path in [index, *index.rglob("*")]:
            path.chmod(0o755)
    told = ran.stdout.partition("now\n")[2].splitlines()
    assert told[:2] == ["pictures/red.png", "0"], ran.stderr
    assert told[-1] == "0 51", ran.stderr
    assert ".anyseek" in ran.stderr
    assert "Traceback" not in ran.stderr


# ---------------------------------------------------------------- terminals


def in_terminal(command: list[str], environment: dict[str, str], cwd: Path) -> tuple[int, str]:
    """Exit code and everything that was written to a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={"TERM": "xterm", "COLUMNS": "100", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    seen = bytearray()
    while True:
        try:
            block = os.read(ours, 65_536)
        except OSError:  # the other end is closed
            break
        if not block:
            break
        seen += block
    os.close(ours)
    return process.wait(BRAKE_S), seen.decode()


def test_a_terminal_sees_a_bar_and_the_skipped_files(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = sample_files.fill(tmp_path / "media")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(99))
    command = [str(ANYSEEK), "index", str(folder), "--model", "words", "--workers", "1"]
    code, seen = in_terminal(command, {**environment, "TERM": "xterm"}, tmp_path)
    assert code == 3
    assert "14/14" in seen
    assert "1 skipped" in seen
    assert "skipped: media/broken.jpg is a damaged JPEG" in seen.replace("\r\n", "")
    assert "13 new" in seen


def test_colours_only_where_they_are_wanted(made: Path, environment: dict[str, str]) -> None:
    command = [str(ANYSEEK), "search", "red"]
    plain = {name: value for name, value in environment.items() if name != "NO_COLOR"}
    code, seen = in_terminal(command, {**plain, "TERM": "xterm"}, made)
    assert (code, "\x1b[1mpictures/red.png\x1b[0m" in seen) == (0, True)
    for unwanted in ({"NO_COLOR": "1"}, {"TERM": "dumb"}):
        assert "\x1b" not in in_terminal(command, {**plain, **unwanted}, made)[1]


def test_a_log_gets_plain_lines(tmp_path: Path, environment: dict[str, str]) -> None:
    folder = sample_files.fill(tmp_path / "media")
    command = [str(ANYSEEK), "index", str(folder), "--model", "words", "--workers", "1"]
    _, seen = in_terminal(command, {**environment, "TERM": "dumb"}, tmp_path)
    assert "\x1b" not in seen
    assert "13 new" in seen
