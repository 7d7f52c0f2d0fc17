"""Options that several commands share: one name, one help text. Those of a search are derived from `SearchOptions`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any, TypeAlias

import typer

from anyseek import modalities
from anyseek.errors import UsageError
from anyseek.filters import Comparison, Expression, OneOf, all_of, as_expression
from anyseek.modalities import Modality
from anyseek.options import SearchOptions, option_fields

IndexDir: TypeAlias = Annotated[
    str | None,
    typer.Option("--index", metavar="DIR", help="The index; default: the nearest .anyseek upward."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Debug: TypeAlias = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an unexpected error (or set ANYSEEK_DEBUG).")
]
Paths: TypeAlias = Annotated[bool, typer.Option("--paths", help="Nothing but paths, one a line.")]
Nul: TypeAlias = Annotated[
    bool, typer.Option("-0", help="Paths, each ended by a NUL byte: xargs -0 reads them.")
]
ExitCode: TypeAlias = Annotated[bool, typer.Option("--exit-code", help="End with 1 when there is no hit.")]
Many: TypeAlias = list[str] | None

MediaFiles: TypeAlias = Mapping[Modality, list[str]]
"""Of a command: an option for each modality, which takes files."""


# ---------------------------------------------------------------- of a search


# Shortcuts for parts of --where, and for the values of --by.
_SHORTCUTS: dict[str, Any] = {
    "type_": Annotated[
        str | None,
        typer.Option("--type", metavar="TYPES", help="Only files of these suffixes: jpg,png."),
    ],
    "after": Annotated[
        str | None,
        typer.Option("--after", metavar="DATE", help="Only files changed then or later: 2023-06."),
    ],
    "before": Annotated[
        str | None, typer.Option("--before", metavar="DATE", help="Only files changed before: 2023-06-15.")
    ],
    "tag": Annotated[
        Many, typer.Option("--tag", metavar="TAG", help="Only files with this tag; repeatable.")
    ],
    "words_only": Annotated[bool, typer.Option("--words-only", help="As --by words.")],
    "vectors_only": Annotated[bool, typer.Option("--vectors-only", help="As --by vectors.")],
}


def with_search_options(command: Callable[..., int]) -> Callable[..., int]:
    """The command with an option for each field of SearchOptions in the place of its parameter `options`, and one for
    each modality in the place of its parameter `media`. Its own docstring and other parameters stay."""
    signature = inspect.signature(command, eval_str=True)
    parameters: list[Parameter] = []
    for one in signature.parameters.values():
        if one.name == "options":
            parameters += _search_parameters()
        elif one.name == "media":
            parameters += _media_parameters()
        else:
            parameters.append(one.replace(kind=Parameter.KEYWORD_ONLY))

    @wraps(command)
    def derived(**values: Any) -> int:
        own = {name: value for name, value in values.items() if name in signature.parameters}
        own["options"] = _search_options(values)
        if "media" in signature.parameters:
            own["media"] = {
                row.modality: values[row.name] or []
                for row in modalities.table(plugins=False)
                if row.name in values
            }
        return command(**own)

    derived.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    derived.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
    return derived


def _search_parameters() -> Iterator[Parameter]:
    for name, (one, info) in option_fields().items():
        option = typer.Option(info.flag, metavar=info.metavar or None, help=info.help)
        kind: Any = info.kind | None if one.default is None else info.kind
        yield _parameter(name, Annotated[kind, option], one.default)
        if name == "where":
            for shortcut, annotation in _SHORTCUTS.items():
                is_switch = shortcut.endswith("_only")
                yield _parameter(shortcut, annotation, False if is_switch else None)


def _media_parameters() -> Iterator[Parameter]:
    for row in modalities.table(plugins=False):
        option = typer.Option(f"--{row.name}", metavar="FILE", help=row.query_help)
        yield _parameter(row.name, Annotated[Many, option], None)


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _search_options(values: Mapping[str, Any]) -> SearchOptions:
    """Raises UsageError."""
    keywords = {name: values[name] for name in option_fields() if values[name] is not None}
    words_only, vectors_only = values["words_only"], values["vectors_only"]
    if words_only and vectors_only:
        raise UsageError(
            "--words-only and --vectors-only leave nothing to find by.", "Give one of them, or none."
        )
    if words_only or vectors_only:
        keywords["by"] = "words" if words_only else "vectors"
    keywords["where"] = _filter(values)
    return SearchOptions.of(**keywords)


def _filter(values: Mapping[str, Any]) -> Expression | None:
    """The one filter that --where and its shortcuts make. Raises UsageError."""
    types = tuple(part.strip() for part in (values["type_"] or "").split(",") if part.strip())
    after, before = values["after"], values["before"]
    return all_of(
        as_expression(values["where"]),
        OneOf("type", types) if types else None,
        Comparison("date", ">=", after) if after else None,
        Comparison("date", "<", before) if before else None,
        *(Comparison("tag", "=", tag) for tag in values["tag"] or []),
    )
