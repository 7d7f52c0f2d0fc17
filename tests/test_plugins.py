"""What packages declare, and the table of modalities that they may add to."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from anyseek import modalities
from anyseek.contracts import Modality
from anyseek.modalities import ModalityInfo, Unit, register
from anyseek.plugins import Group, resolve, without_stdout

ROOT = Path(__file__).resolve().parents[1]
BUILT_IN = {"path": "os:path", "sep": "os:sep"}


def install(folder: Path, code: str, points: str, module: str = "plugged") -> Path:
    """A package of one module, as pip would have installed it; the folder to put on the path."""
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / f"{module}.py").write_text(code)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(points)
    return folder


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Group:
    """Two packages on the path. Both declare `twice`, one `sep` and what is broken."""
    first = "[toy.things]\nsep = first:thing\ntwice = first:thing\nabsent = first:nothing\nfailing = second:thing\n"
    install(tmp_path / "second", "1 / 0", "[toy.things]\ntwice = second:thing [extra]\n", "second")
    install(tmp_path / "first", "thing = 'of the first'", first, "first")
    for name in ("second", "first"):
        monkeypatch.syspath_prepend(str(tmp_path / name))
        monkeypatch.delitem(sys.modules, name, raising=False)
    return Group("toy.things", "thing", BUILT_IN)


def test_a_package_never_replaces_what_is_built_in(group: Group) -> None:
    assert group.names() == ["path", "sep", "absent", "failing", "twice"]
    assert group.load("sep") == "/"
    assert group.load("twice") == "of the first"
    assert group.has("failing")
    assert not group.has("nothing")
    with pytest.raises(LookupError):
        group.load("nothing")


@pytest.mark.parametrize("name", ["absent", "failing"])
def test_whatever_is_wrong_with_a_package_is_an_import_error(group: Group, name: str) -> None:
    with pytest.raises(ImportError):
        group.load(name)


def test_a_broken_package_is_logged_and_left_out(group: Group, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "anyseek"):
        assert list(group.each(str.upper)) == ["OF THE FIRST"]
    messages = [record.getMessage().partition(" (")[0] for record in caplog.records]
    broken = ["absent", "failing", "twice"]  # that of the second package
    assert messages == [f"The thing {name} cannot be used" for name in broken]


def test_the_metadata_of_packages_is_read_once_and_not_for_built_in_names(
    group: Group, monkeypatch: pytest.MonkeyPatch
) -> None:
    group.names()
    monkeypatch.setattr("importlib.metadata.entry_points", None)
    assert "twice" in group.names()
    assert Group("toy.others", "thing", BUILT_IN).load("sep") == "/"


def test_a_place_is_resolved() -> None:
    assert resolve("anyseek.plugins:resolve") is resolve
    for place in ("anyseek.plugins:nothing", "no_such_module:thing", "anyseek.plugins", ""):
        with pytest.raises(ImportError):
            resolve(place)


# ---------------------------------------------------------------- the table of modalities


def test_the_handlers_of_built_in_modalities_are_in_media() -> None:
    for row in modalities.table(plugins=False):
        for place in filter(None, (row.in_memory, row.preview, row.sample)):
            assert place.startswith("anyseek.media."), place
            assert callable(resolve(place)), place


def test_a_member_has_the_name_and_the_value_of_an_enum() -> None:
    assert [(one.name, one.value) for one in list(Modality)[:2]] == [("TEXT", "text"), ("IMAGE", "image")]
    assert type(Modality.TEXT.value) is type(Modality.TEXT.name) is str


def test_a_built_in_modality_is_not_replaced() -> None:
    with pytest.raises(ValueError, match="built in"):
        register(ModalityInfo(name="image", unit=Unit.WHOLE, query_help="Mine."))
    assert modalities.info(Modality.IMAGE).preview


@pytest.mark.parametrize(
    "name", ["", "my-mod", "my mod", "Foo", "class", "not", "in", "3d", "to", "k", "all", 5]
)
def test_a_modality_has_a_name_that_can_be_a_keyword_and_an_option(name: str) -> None:
    with pytest.raises(ValueError, match=f"a modality cannot be called {name!r}: "):
        register(ModalityInfo(name=name, unit=Unit.WHOLE, query_help="Mine."))
    assert name not in list(Modality)


PLUGGED = """
import threading
from anyseek.modalities import Modality, ModalityInfo, Unit, register, table

started, go = threading.Event(), threading.Event()
smell = register(ModalityInfo(name="smell", unit=Unit.WHOLE, query_help="A smell."))
assert "smell" in {row.name for row in table()}  # loading again, within the loading
try:
    Modality("colour")
    raise SystemExit("there is no colour")
except ValueError:
    started.set()
    assert go.wait(240), "no other thread has waited for the lock"

def rows():
    return ModalityInfo(name="taste", unit=Unit.WHOLE, query_help="A taste.")

def false():
    return ModalityInfo(name="image", unit=Unit.WHOLE, query_help="Not a picture.")
"""

TWO_THREADS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from anyseek import modalities

class Watched:
    \"\"\"The lock; the second thread that comes for it lets the package go on.\"\"\"
    def __init__(self, lock):
        self.lock, self.first = lock, None
    def __enter__(self):
        self.first = self.first or threading.get_ident()
        if threading.get_ident() != self.first:
            sys.modules["plugged"].go.set()
        self.lock.acquire()
    def __exit__(self, *_):
        self.lock.release()

modalities._loading = Watched(modalities._loading)
with ThreadPoolExecutor(2) as threads:
    one = threads.submit(modalities.Modality, "taste")
    while "plugged" not in sys.modules or not hasattr(sys.modules["plugged"], "go"):
        assert not one.done(), one.result()
    sys.modules["plugged"].started.wait(240)
    other = threads.submit(modalities.Modality, "taste")
    assert one.result() is other.result() is modalities.Modality("taste")
assert modalities.info(modalities.Modality.IMAGE).query_help == "A picture; repeatable."
"""


def test_a_second_thread_waits_until_all_modalities_are_there(tmp_path: Path) -> None:
    points = "[anyseek.modalities]\ntaste = plugged:rows\nimage = plugged:false\n"
    package = install(tmp_path, PLUGGED, points)
    ran = subprocess.run(
        [sys.executable, "-c", TWO_THREADS],
        env={"PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "The modality image cannot be used (ValueError: the modality image is built in)." in ran.stderr


def test_standard_output_is_back_after_overlapping_imports() -> None:
    before = sys.stdout
    first, second = without_stdout(), without_stdout()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.stdout is sys.stderr
    second.__exit__(None, None, None)
    assert sys.stdout is before
