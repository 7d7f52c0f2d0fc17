"""Which stores there are, how a choice is kept and read, and what happens to the files of a store that is left."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from indexes import new_index, unit_rows

from anyseek import plugins
from anyseek.catalog.catalog import Catalog
from anyseek.errors import UsageError
from anyseek.option_info import OptionInfo, options_of
from anyseek.stores import faiss_file, registry, trial
from anyseek.stores.backend_options import StoreOptions
from anyseek.stores.exact_backend import ExactBackend
from anyseek.stores.faiss_backend import FaissBackend, FaissOptions
from anyseek.stores.manager import StoreManager
from anyseek.stores.qdrant_backend import QdrantBackend
from anyseek.stores.qdrant_engines import QdrantOptions
from anyseek.stores.registry import Choice

ALL = (registry.AUTO, *registry.BUILT_IN)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    catalog, _ = new_index(tmp_path / "media", files=60)
    with catalog:
        yield catalog


def manager(catalog: Catalog) -> StoreManager:
    return StoreManager(catalog, lambda: unit_rows(20, 5))


def setting(catalog: Catalog) -> Any:
    with catalog.read() as snapshot:
        return snapshot.settings().get("store")


def put_setting(catalog: Catalog, value: object) -> None:
    with catalog.begin() as writer:
        writer.set_setting("store", value)


def chosen(catalog: Catalog) -> Any:
    with catalog.read() as snapshot:
        return registry.chosen(snapshot, snapshot.spaces()[0]).backend


# ---------------------------------------------------------------- the setting


def test_a_store_is_chosen_by_its_name_with_its_options_as_keywords(catalog: Catalog) -> None:
    manager(catalog).set("auto", recall=0.8)
    assert (setting(catalog)["name"], setting(catalog)["auto"]["recall"]) == ("auto", 0.8)
    manager(catalog).set("exact")
    assert setting(catalog)["name"] == "exact"
    with pytest.raises(UsageError, match="There is no store 'nix'"):
        manager(catalog).set("nix")
    with pytest.raises(UsageError, match="has no option warmth"):
        manager(catalog).set("exact", warmth=3)
    assert setting(catalog)["name"] == "exact"


OLDER = {
    "rule": {"name": "auto", "kind": "hnsw", "recall": 0.9, "qdrant": None, "device": "cpu"},
    "exact": {"name": "exact", "kind": "ivf", "recall": 0.95, "qdrant": None, "device": "gpu"},
    "before GPUs": {"name": "faiss", "kind": "hnsw", "recall": 0.99, "qdrant": None},
    "server": {
        "name": "qdrant",
        "kind": "ivf",
        "recall": 0.9,
        "qdrant": {"url": "http://q:6333", "api_key_env": "", "grpc": True, "shards": 2, "replicas": 0,
                   "write_consistency": 0, "quantisation": "int8", "on_disk": True},
        "device": "cpu",
    },
    "nothing": None,
    "of a later version": {"name": "faiss", "colour": 1, "faiss": {"recall": 0.9, "colour": "blue"}},
    "both forms": {"name": "faiss", "recall": 0.9, "faiss": {"recall": 0.8}},
}  # fmt: skip


@pytest.mark.parametrize("which", OLDER)
def test_what_other_versions_wrote_is_read(catalog: Catalog, which: str) -> None:
    put_setting(catalog, OLDER[which])
    backend = chosen(catalog)
    expected = {
        "rule": (ExactBackend, {"device": "cpu"}),
        "exact": (ExactBackend, {"device": "gpu"}),
        "before GPUs": (FaissBackend, {"kind": "hnsw", "recall": 0.99, "device": "cpu"}),
        "server": (
            QdrantBackend,
            {"url": "http://q:6333", "grpc": True, "shards": 2, "quantisation": "int8", "on_disk": True},
        ),
        "nothing": (ExactBackend, {"device": "cpu"}),
        "both forms": (FaissBackend, {"kind": "ivf", "recall": 0.8}),
        "of a later version": (FaissBackend, {"kind": "ivf", "recall": 0.9}),
    }[which]
    assert type(backend) is expected[0]
    assert {name: getattr(backend.options, name) for name in expected[1]} == expected[1]


def test_the_rule_keeps_what_was_chosen_for_the_day_when_the_index_is_large(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("faiss")
    put_setting(catalog, OLDER["rule"])
    monkeypatch.setattr("anyseek.stores.exact_backend.EXACT_NUMBERS", 100)
    assert chosen(catalog).options == FaissOptions(kind="hnsw", recall=0.9)


def test_options_are_written_under_the_name_of_their_store(catalog: Catalog) -> None:
    registry.write_choice(catalog, Choice("faiss", {"recall": 1}))
    assert setting(catalog) == {
        "name": "faiss",
        "faiss": {"kind": "ivf", "recall": 1.0, "device": "cpu"},
    }
    registry.write_choice(catalog, Choice("qdrant", {"url": "http://q:6333"}))
    written = setting(catalog)
    assert set(written) == {"name", "qdrant"}
    assert written["qdrant"]["url"] == "http://q:6333"
    with catalog.read() as snapshot:
        assert registry.read_choice(snapshot) == Choice("qdrant", written["qdrant"])
    json.dumps(written)


def test_a_promise_is_kept_for_stores_that_have_one_and_met_by_exact_search(catalog: Catalog) -> None:
    manager(catalog).promise(0.9)
    assert setting(catalog) == {"name": "auto", "auto": {"kind": "ivf", "recall": 0.9, "device": "cpu"}}
    registry.write_choice(catalog, Choice("exact"))
    manager(catalog).promise(0.9)
    with pytest.raises(UsageError):
        manager(catalog).promise(2)
    assert setting(catalog) == {"name": "exact", "exact": {"device": "cpu"}}


# ---------------------------------------------------------------- options


@pytest.mark.parametrize("name", ALL)
def test_every_option_of_a_built_in_store_is_explained(name: str) -> None:
    for option in options_of(registry.options_type(name)).values():
        assert option.help.endswith("."), option.name
        assert option.name != "name"
        assert option.checked(option.default) == option.default


def test_stores_with_an_option_of_one_name_share_its_flag() -> None:
    flags: dict[str, OptionInfo] = {}
    for name in ALL:
        for option in options_of(registry.options_type(name)).values():
            assert flags.setdefault(option.name, option) == option


@pytest.mark.parametrize(
    ("option", "text", "value"),
    [
        (OptionInfo("grpc", kind=bool), "true", True),
        (OptionInfo("grpc", kind=bool), "Off", False),
        (OptionInfo("shards", kind=int), "-3", -3),
        (OptionInfo("recall", kind=float), "1", 1.0),
        (OptionInfo("url", kind=str), "http://q:6333", "http://q:6333"),
    ],
)
def test_words_become_values(option: OptionInfo, text: str, value: object) -> None:
    parsed = option.parsed(text)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize(
    ("option", "text"),
    [
        (OptionInfo("grpc", kind=bool), "maybe"),
        (OptionInfo("shards", kind=int), "2.5"),
        (OptionInfo("recall", kind=float), "high"),
    ],
)
def test_words_that_stand_for_no_value_are_refused(option: OptionInfo, text: str) -> None:
    with pytest.raises(UsageError, match=option.name):
        option.parsed(text)


@pytest.mark.parametrize(
    ("record", "values"),
    [
        (FaissOptions, {"recall": float("nan")}),
        (FaissOptions, {"recall": "0.9"}),
        (FaissOptions, {"kind": 3}),
        (QdrantOptions, {"shards": True}),
        (QdrantOptions, {"shards": 1.5}),
        (QdrantOptions, {"grpc": 1}),
        (QdrantOptions, {"ef": 0}),
        (QdrantOptions, {"shards": -1}),
    ],
)
def test_a_record_checks_its_values(record: type[StoreOptions], values: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=next(iter(values))):
        record(**values)


def test_numbers_of_numpy_become_numbers_that_json_knows(catalog: Catalog) -> None:
    registry.write_choice(catalog, Choice("qdrant", {"recall": np.float32(0.75), "ef": np.int64(64)}))
    written = setting(catalog)["qdrant"]
    assert (written["recall"], written["ef"]) == (0.75, 64)


# ---------------------------------------------------------------- which there are


def test_built_in_stores_are_found_without_reading_the_metadata_of_packages(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "declared", None)
    for name in ALL:
        put_setting(catalog, {"name": name})
        chosen(catalog)
    with catalog.read() as snapshot:
        assert registry.state(snapshot) is not None


def test_a_search_imports_the_store_that_answers_and_no_other(catalog: Catalog) -> None:
    code = (
        "import sys; from pathlib import Path; from anyseek.catalog.catalog import Catalog\n"
        "from anyseek.stores.registry import open_store\n"
        f"c = Catalog.open(Path({str(catalog.folder)!r})); s = c.read(); open_store(s, 1)\n"
        "print(*(name for name in sys.modules if 'qdrant' in name or name == 'faiss'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_a_broken_package_has_one_sentence_everywhere_and_searches_are_exact(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugins, "declared", lambda group: (("broken", "no_such_module:Backend"),))
    with pytest.raises(UsageError, match="broken cannot be loaded"):
        manager(catalog).set(Choice("broken"))
    put_setting(catalog, {"name": "broken", "broken": {"size": 3}})
    assert type(chosen(catalog)) is ExactBackend
    state = manager(catalog).state()
    assert state is not None
    with catalog.read() as snapshot:
        (fault,) = trial.faults(snapshot)
        with closing(registry.open_store(snapshot, 1)) as store:
            remarks = (state.remark, fault.message, store.remark, manager(catalog).follow())
    for remark in remarks:
        assert remark.startswith(fault.message)
        assert fault.message.startswith("The store broken cannot be loaded (")
    for remark in remarks[2:]:
        assert remark.endswith("anyseek store set auto")
    with pytest.raises(UsageError, match="broken cannot be loaded"):
        manager(catalog).refresh()
    assert setting(catalog) == {"name": "broken", "broken": {"size": 3}}  # for the day when it is back


def test_a_store_whose_kept_options_do_not_fit_can_be_left(catalog: Catalog) -> None:
    put_setting(catalog, {"name": "qdrant", "qdrant": {"url": 5}})
    with pytest.raises(UsageError, match="url"):
        manager(catalog).refresh()
    manager(catalog).set(Choice("exact"))
    assert manager(catalog).follow() == ""


# ---------------------------------------------------------------- files of stores


def test_the_files_of_a_store_go_when_another_takes_over(catalog: Catalog) -> None:
    pytest.importorskip("faiss")
    pytest.importorskip("qdrant_edge")
    folder = catalog.folder / faiss_file.FOLDER
    for other in ("qdrant", "exact", "auto"):
        manager(catalog).set(Choice("faiss"))
        assert len(list(folder.iterdir())) == 2
        manager(catalog).set(Choice(other))
        assert list(folder.iterdir()) == []


def test_what_a_killed_run_left_goes_with_the_next_refresh(catalog: Catalog) -> None:
    pytest.importorskip("faiss")
    folder = catalog.folder / faiss_file.FOLDER
    left = [folder / name for name in (".1.0.60.faiss.part", ".1.json.part", "1.0.60.faiss", "1.part")]
    folder.mkdir()
    for path in left:
        path.write_bytes(b"half")
    manager(catalog).refresh()
    assert list(folder.iterdir()) == []
    manager(catalog).set(Choice("faiss"))
    for path in left[:2]:
        path.write_bytes(b"half")
    manager(catalog).refresh()
    assert sorted(path.name for path in folder.iterdir()) == ["1.0.60.faiss", "1.json"]
