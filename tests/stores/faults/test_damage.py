"""Damaged, missing, foreign and unreadable files of a store: exact hits, one remark, seen by doctor, made again by a
refresh. A few damaged files of each store by default, every file with `-m slow`."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from indexes import unit_rows
from store_faults import (
    DIM,
    FOLDERS,
    STORES,
    codes,
    files_of,
    manager,
    new_catalog,
    remark,
)

from anyseek.catalog.catalog import Catalog
from anyseek.stores.manager import StoreManager
from anyseek.stores.registry import Choice

pytest.importorskip("faiss")
pytest.importorskip("qdrant_client")
pytest.importorskip("qdrant_edge")


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def zeroed(path: Path) -> None:
    size = path.stat().st_size
    os.truncate(path, 0)
    os.truncate(path, size)


def random_bytes(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(random.Random(1).randbytes(min(path.stat().st_size, 1 << 16)))


def gone(path: Path) -> None:
    path.unlink()


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").write_bytes(b"x")


DAMAGES: tuple[Callable[[Path], None], ...] = (cut, emptied, zeroed, random_bytes, gone, a_folder)


def survives(catalog: Catalog, name: str, damage: Callable[[Path], None], n_files: int) -> None:
    manager(catalog).set(Choice(name))
    assert (remark(catalog), codes(catalog)) == ("", [])
    folder = catalog.folder / FOLDERS[name]
    files = files_of(folder)
    chosen = random.Random(f"{name} {damage.__name__}").sample(files, min(n_files, len(files)))
    for number, path in enumerate(chosen):
        if not path.exists():  # of an earlier collection
            continue
        before = path.read_bytes()
        damage(path)
        if path.is_file() and path.read_bytes() == before:
            continue
        told = remark(catalog)
        assert "The search was exact instead." in told, path
        assert "\n" not in told
        assert codes(catalog) == ["store-damaged"], path
        if number % 2:
            assert codes(catalog, repair=True) == []
        else:
            assert manager(catalog).follow() == ""
        assert (remark(catalog), codes(catalog)) == ("", []), path


@pytest.mark.thorough
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", STORES)
def test_damaged_files_cost_a_remark_and_are_made_again(
    catalog: Catalog, name: str, damage: Callable[[Path], None]
) -> None:
    survives(catalog, name, damage, 2)


@pytest.mark.thorough
def test_half_a_list_of_what_qdrant_has_is_none(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    cut(catalog.folder / "qdrant/1.npz")
    assert "The search was exact instead." in remark(catalog)
    assert codes(catalog) == ["store-damaged"]
    assert manager(catalog).follow() == ""
    assert (remark(catalog), codes(catalog)) == ("", [])


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
@pytest.mark.parametrize("name", STORES)
def test_every_damaged_file_costs_a_remark_and_is_made_again(
    catalog: Catalog, name: str, damage: Callable[[Path], None]
) -> None:
    survives(catalog, name, damage, 1000)


@pytest.mark.thorough
@pytest.mark.parametrize("in_its_place", ["nothing", "an empty folder", "a file"])
@pytest.mark.parametrize("name", STORES)
def test_a_store_that_is_gone_is_made_again(catalog: Catalog, name: str, in_its_place: str) -> None:
    manager(catalog).set(Choice(name))
    folder = catalog.folder / FOLDERS[name]
    shutil.rmtree(folder)
    if in_its_place == "an empty folder":
        folder.mkdir()
    elif in_its_place == "a file":
        folder.write_bytes(b"x")
    assert "The search was exact instead." in remark(catalog)
    assert codes(catalog) == ["store-damaged"]
    assert manager(catalog).follow() == ""
    assert (remark(catalog), codes(catalog)) == ("", [])


@pytest.mark.thorough
@pytest.mark.parametrize("dim", [DIM, 2 * DIM])
@pytest.mark.parametrize("name", ["faiss", "qdrant"])
def test_the_store_of_another_index_is_not_believed(
    catalog: Catalog, tmp_path: Path, name: str, dim: int
) -> None:
    """Even under the names that this index's own files have."""
    with new_catalog(tmp_path / "other", seed=50, dim=dim) as other:
        StoreManager(other, lambda: unit_rows(20, 5, dim)).set(Choice(name))
        manager(catalog).set(Choice(name))
        ours, theirs = (one.folder / FOLDERS[name] for one in (catalog, other))
        if name == "qdrant":
            (mine,), (foreign,) = (list(one.glob("anyseek-*")) for one in (ours, theirs))
            shutil.rmtree(mine)
            shutil.copytree(foreign, mine)
        else:
            shutil.rmtree(ours)
            shutil.copytree(theirs, ours)
    assert "The search was exact instead." in remark(catalog)
    assert codes(catalog) == ["store-damaged"]
    assert manager(catalog).follow() == ""
    assert (remark(catalog), codes(catalog)) == ("", [])


def test_what_a_killed_search_leaves_is_still_whole(catalog: Catalog) -> None:
    manager(catalog).set(Choice("qdrant"))
    (folder,) = (catalog.folder / "qdrant").glob("anyseek-*")
    code = (
        "import os, sys, qdrant_edge\n"
        "shard = qdrant_edge.EdgeShard.load(sys.argv[1])\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=False)
    assert (remark(catalog), codes(catalog)) == ("", [])


AS_A_USER = """
import os, sys
from contextlib import closing
from pathlib import Path
import faiss, numpy.random, qdrant_edge
from indexes import unit_rows
from anyseek.catalog.catalog import Catalog
from anyseek.stores import faiss_backend, faiss_store, qdrant_backend, qdrant_store, registry, tuning
from anyseek.stores.exact import ExactStore
from anyseek.stores.manager import StoreManager
qdrant_store.FEW = faiss_store.FEW_NUMBERS = faiss_store.FEW_SHARE = 0

def remark(catalog):
    with catalog.read() as snapshot, closing(registry.open_store(snapshot, 1)) as store:
        rows = store.search(unit_rows(3, 9, 16), 5)[1]
        exact = ExactStore(snapshot, 1)
        assert not store.remark or (rows == exact.search(unit_rows(3, 9, 16), 5)[1]).all()
        return store.remark

index, place = map(Path, sys.argv[1:])
with Catalog.open(index) as catalog:
    assert remark(catalog) == ""  # imports what an ordinary user may not read here
if os.geteuid() == 0:
    for path in (index, *index.rglob("*")):
        os.chown(path, 65534, 65534)
    os.setgroups([])
    os.setuid(65534)
place.chmod(0)
with Catalog.open(index) as catalog:
    print(remark(catalog))
    print(StoreManager(catalog, lambda: unit_rows(20, 5, 16)).follow())
    print(remark(catalog))
"""


@pytest.mark.thorough
@pytest.mark.parametrize("what", ["folder", "file"])
@pytest.mark.parametrize("name", ["faiss", "qdrant"])
def test_what_may_not_be_read_costs_a_remark_and_is_made_again(
    open_to_all: Path, name: str, what: str
) -> None:
    with new_catalog(open_to_all / "index") as catalog:
        manager(catalog).set(Choice(name))
    place = catalog.folder / FOLDERS[name]
    if what == "file":
        place = max(files_of(place), key=lambda path: path.stat().st_size)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "support")}
    done = subprocess.run(
        [sys.executable, "-c", AS_A_USER, str(catalog.folder), str(place)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    before, follow, after = done.stdout.split("\n")[:3]
    assert "The search was exact instead." in before
    assert (follow, after) == ("", "")
