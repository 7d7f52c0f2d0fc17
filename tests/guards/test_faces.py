"""Every face of a search has every option of SearchOptions, with the same default, and no other."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import MISSING
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import pytest
import typer
from fakes import WordEmbedder

import anyseek
from anyseek import modalities
from anyseek.errors import UsageError
from anyseek.modalities import Media, Modality, ModalityInfo, Unit
from anyseek.options import SearchArguments, SearchKeywords, SearchOptions, option_fields
from anyseek.terminal.app import Output
from anyseek.terminal.program import build

OPTIONS = option_fields()

# A value of each option that differs from its default, as people write it.
OTHER: dict[str, Any] = {
    "to": "image",
    "k": 3,
    "offset": 2,
    "in_": "/",
    "where": "size > 1",
    "segments": True,
    "merge": True,
    "min_match": 0.5,
    "by": "words",
    "fold": True,
}


def test_each_option_is_a_keyword_with_a_default_a_check_and_help() -> None:
    assert set(get_type_hints(SearchKeywords)) == set(OPTIONS) == set(OTHER)
    for name, (one, info) in OPTIONS.items():
        assert one.default is not MISSING
        assert info.flag.startswith("-")
        assert info.help.endswith(".")
        made = SearchOptions.of(**{name: OTHER[name]})
        assert getattr(made, name) != one.default
        if info.kind in (int, float) or info.choices or name == "where":
            with pytest.raises(UsageError, match="filter" if name == "where" else f"^{name} "):
                SearchOptions.of(**{name: -1})


def test_numbers_of_numpy_are_numbers() -> None:
    options = SearchOptions.of(k=np.int64(3), min_match=np.float32(0.5))  # type: ignore[typeddict-item]
    assert (options.k, options.min_match) == (3, 0.5)
    with pytest.raises(UsageError, match="from 0 to 1,"):
        SearchOptions.of(min_match=np.float32(1.5))  # type: ignore[typeddict-item]
    with pytest.raises(UsageError, match="of at least 1,"):
        SearchOptions.of(k=True)
    with pytest.raises(UsageError, match=r"^segments takes true or false, not 'yes'"):
        SearchOptions.of(segments="yes")  # type: ignore[typeddict-item]
    with pytest.raises(UsageError, match="NUL"):
        SearchOptions.of(in_="a\0b")


def test_python_takes_each_option_and_each_modality() -> None:
    assert set(get_type_hints(SearchArguments)) == {*OPTIONS, *get_type_hints(Media)}
    assert set(get_type_hints(Media)) == set(Modality)
    for method in (anyseek.Index.search, anyseek.Index.similar):
        assert "options" in inspect.signature(method).parameters
        (keywords,) = [
            one
            for one in inspect.signature(method).parameters.values()
            if one.kind is inspect.Parameter.VAR_KEYWORD
        ]
        assert "Unpack" in keywords.annotation


@pytest.mark.parametrize("command", ["search", "similar"])
def test_the_command_line_has_each_option(command: str) -> None:
    parameters = {one.name: one for one in typer.main.get_command(build()).commands[command].params}
    for name, (one, info) in OPTIONS.items():
        assert info.flag in parameters[name].opts
        assert (parameters[name].default or None) == (one.default or None)
        assert info.help in parameters[name].help
    if command == "search":
        assert {f"--{row.name}" for row in modalities.table()} <= {
            flag for one in parameters.values() for flag in one.opts
        }


def test_http_has_each_option() -> None:
    pytest.importorskip("fastapi")
    from anyseek.serve.requests import SearchRequest

    schema = SearchRequest.model_json_schema()["properties"]
    for name, (one, info) in OPTIONS.items():
        field = schema[info.json or name]
        assert field["description"] == info.help
        if name != "k":  # a page of an answer has 20
            assert field["default"] == one.default
        request = SearchRequest(words="x", **{info.json or name: OTHER[name]})
        assert getattr(request.options(), name) == getattr(SearchOptions.of(**{name: OTHER[name]}), name)


def test_agents_have_each_option(tmp_path: Path) -> None:
    pytest.importorskip("mcp")
    from anyseek.serve.mcp_server import make_server
    from anyseek.serve.service import Service

    with anyseek.create(tmp_path, model="mini") as index:
        folder = index.folder
    service = Service(folder)
    try:
        tools = {tool.name: tool for tool in asyncio.run(make_server(service).list_tools())}
    finally:
        service.close()
    for name in ("search", "similar"):
        schema = tools[name].input_schema["properties"]
        for option, (_, info) in OPTIONS.items():
            assert schema[info.json or option]["description"] == info.help


def test_adapters_take_each_option(tmp_path: Path) -> None:
    pytest.importorskip("langchain_core")
    from anyseek.adapters.langchain import AnyseekRetriever as LangChain
    from anyseek.adapters.retrieval import search_options

    for name, value in OTHER.items():
        assert getattr(search_options({name: value}), name) == getattr(
            SearchOptions.of(**{name: value}), name
        )
        LangChain(index=str(tmp_path), **{name: value})
    with pytest.raises(ValueError, match="colour"):
        LangChain(index=str(tmp_path), colour="red")
    with pytest.raises(TypeError, match="colour"):
        search_options({"colour": "red"})


def test_an_option_changes_what_is_found(tmp_path: Path) -> None:
    for name in ("red", "green", "blue"):
        (tmp_path / f"{name}.txt").write_text(f"{name} things")
    with anyseek.create(tmp_path, model=WordEmbedder()) as index:
        index.add(workers=1)
        first = [hit.path for hit in index.search("red green", k=3)]
        assert [hit.path for hit in index.search("red green", k=2, offset=1)] == first[1:]
        options = SearchOptions.of(k=1, offset=2)
        assert [hit.path for hit in index.search("red green", options=options)] == first[2:]
        with pytest.raises(UsageError, match="options"):
            index.search("red", options=options, k=3)
        with pytest.raises(TypeError, match="smell"):
            index.search(smell="rose.smell")  # type: ignore[call-arg]


@pytest.mark.parametrize("page", ["adapters.md", "python.md", "searching.md", "serve.md"])
def test_the_pages_name_each_option(page: str) -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / page).read_text(encoding="utf-8")
    for name, (_, info) in OPTIONS.items():
        assert f"`{name}`" in text or (page == "serve.md" and f"`{info.json}`" in text), name


def test_no_modality_can_be_called_as_an_option_is() -> None:
    command = typer.main.get_command(build()).commands["search"]  # type: ignore[attr-defined]
    context = command.make_context("search", ["words"], obj=Output(), resilient_parsing=True)
    taken = {"all"}  # of `to`
    for one in command.get_params(context):
        taken |= {one.name, *(flag.lstrip("-") for flag in (*one.opts, *one.secondary_opts))}
    for method in (anyseek.Index.search, anyseek.Index.similar, anyseek.Index.embed):
        taken |= set(inspect.signature(method).parameters)
    taken -= {row.name for row in modalities.table(plugins=False)}
    for name in sorted(taken):
        with pytest.raises(ValueError, match="cannot be called"):
            modalities.register(ModalityInfo(name=name, unit=Unit.WHOLE, query_help="X."))
    assert taken >= modalities.RESERVED
