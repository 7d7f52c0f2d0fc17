"""Options that several commands share: one name, one help text. Those of records (of
a search, of the stores) are derived from the fields of these."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import wraps
from inspect import Parameter
from typing import Annotated, Any, TypeAlias

import typer

from anyseek import modalities
from anyseek.errors import UsageError
from anyseek.filters import Comparison, Expression, OneOf, all_of, as_expression
from anyseek.modalities import Modality
from anyseek.option_info import OptionInfo, options_of
from anyseek.options import SearchOptions, option_fields
from anyseek.printable import printable

IndexDir: TypeAlias = Annotated[
    str | None,
    typer.Option("--index", metavar="DIR", help="The index; default: the nearest .anyseek upward."),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
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
    each modality in the place of its parameter `media`."""

    def make(values: dict[str, Any]) -> dict[str, Any]:
        media = {
            row.modality: values[row.name] or []
            for row in modalities.table(plugins=False)
            if row.name in values
        }
        return {"options": _search_options(values), "media": media}

    return _with_parameters(command, {"options": _search_parameters(), "media": _media_parameters()}, make)


def with_store_options(command: Callable[..., int]) -> Callable[..., int]:
    """The command with a flag for each option of the built-in stores in the place of its parameter `flags`, which gets
    those that were used, as {name: value}. It has a parameter `ctx`."""
    parameters = list(_store_parameters())

    def make(values: dict[str, Any]) -> dict[str, Any]:
        source = values["ctx"].get_parameter_source
        used = (one.name for one in parameters if source(one.name).name == "COMMANDLINE")
        return {"flags": {name: values[name] for name in used}}

    return _with_parameters(command, {"flags": parameters}, make)


def _with_parameters(
    command: Callable[..., int],
    replacements: Mapping[str, Iterable[Parameter]],
    make: Callable[[dict[str, Any]], dict[str, Any]],
) -> Callable[..., int]:
    """The command with other parameters in the place of some of its own, which `make` makes of all values. Its
    docstring and other parameters stay."""
    signature = inspect.signature(command, eval_str=True)
    parameters: list[Parameter] = []
    for one in signature.parameters.values():
        parameters += replacements.get(one.name, [one.replace(kind=Parameter.KEYWORD_ONLY)])

    @wraps(command)
    def derived(**values: Any) -> int:
        all_values = {**values, **make(values)}
        return command(**{name: all_values[name] for name in signature.parameters})

    derived.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    derived.__annotations__ = {one.name: one.annotation for one in parameters} | {"return": int}
    return derived


def _option_parameter(info: OptionInfo, remark: str = "") -> Parameter:
    """What stands for an option of a record on the command line. remark: added to its help."""
    option = typer.Option(
        info.flag,
        metavar=info.metavar or None,
        help=f"{info.help}{remark}",
        show_default=info.default != "" and info.default is not False,
    )
    kind: Any = info.kind | None if info.default is None else info.kind
    return _parameter(info.name, Annotated[kind, option], info.default)


def _search_parameters() -> Iterator[Parameter]:
    for name, (_, info) in option_fields().items():
        yield _option_parameter(info)
        if name == "where":
            for shortcut, annotation in _SHORTCUTS.items():
                is_switch = shortcut.endswith("_only")
                yield _parameter(shortcut, annotation, False if is_switch else None)


def _store_parameters() -> Iterator[Parameter]:
    from anyseek.stores.registry import AUTO, BUILT_IN, options_type

    options: dict[str, OptionInfo] = {}
    stores: dict[str, list[str]] = {}
    for store in (AUTO, *BUILT_IN):
        for name, info in options_of(options_type(store)).items():
            if info.is_flag:
                options.setdefault(name, info)
                stores.setdefault(name, []).append(store)
    for name, info in options.items():
        yield _option_parameter(info, f" For {', '.join(stores[name])}.")


def _media_parameters() -> Iterator[Parameter]:
    for row in modalities.table(plugins=False):
        option = typer.Option(f"--{row.name}", metavar="FILE", help=row.query_help)
        yield _parameter(row.name, Annotated[Many, option], None)


def _parameter(name: str, annotation: Any, default: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _search_options(values: Mapping[str, Any]) -> SearchOptions:
    """Raises UsageError."""
    keywords = {
        name: info.checked(values[name], info.flag)
        for name, (_, info) in option_fields().items()
        if values[name] is not None
    }
    words_only, vectors_only = values["words_only"], values["vectors_only"]
    if words_only and vectors_only:
        raise UsageError(
            "--words-only and --vectors-only leave nothing to find by.", "Give one of them, or none."
        )
    if words_only or vectors_only:
        by, flag = ("words", "--words-only") if words_only else ("vectors", "--vectors-only")
        if values["by"] not in ("both", by):
            raise UsageError(f"{flag} means --by {by}, not --by {values['by']}.", "Give one of them.")
        keywords["by"] = by
    keywords["where"] = _filter(values)
    return SearchOptions.of(**keywords)


def _filter(values: Mapping[str, Any]) -> Expression | None:
    """The one filter that --where and its shortcuts make. Raises UsageError."""
    types = tuple(part.strip() for part in (values["type_"] or "").split(",") if part.strip())
    if values["type_"] and not types:
        raise UsageError(
            f"--type {printable(values['type_'])} names no suffix.", "For example: --type jpg,png"
        )
    after, before = values["after"], values["before"]
    return all_of(
        as_expression(values["where"]),
        OneOf("type", types) if types else None,
        Comparison("date", ">=", after) if after else None,
        Comparison("date", "<", before) if before else None,
        *(Comparison("tag", "=", tag) for tag in values["tag"] or []),
    )
