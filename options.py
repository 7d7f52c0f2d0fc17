"""How to search: one record, which every face of the program builds and from which it derives its own options.

A search option is a field of `SearchOptions` and the keyword of the same name below it; command line, HTTP, MCP and
adapters take their names, defaults, bounds and help from the field (a test holds them to it).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from math import inf
from numbers import Integral, Real
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, cast

from anyseek.errors import UsageError
from anyseek.filters import Expression, as_expression
from anyseek.modalities import Media, Modality, table

AnyPath: TypeAlias = str | os.PathLike[str]
By: TypeAlias = Literal["both", "words", "vectors"]
Targets: TypeAlias = str | Modality | Iterable[str | Modality] | None


@dataclass(frozen=True, slots=True)
class OptionInfo:
    """What a face needs to know of an option.

    flag, metavar, help: of the command line. kind: text, a number or a switch. least, most: bounds of a number.
    choices: of a word. json: its name over HTTP, where that is not the field's.
    """

    flag: str
    help: str
    kind: type[str] | type[int] | type[float] | type[bool]
    metavar: str = ""
    least: float = 0
    most: float = inf
    choices: tuple[str, ...] = ()
    json: str = ""


def _info(*facts: Any, **more: Any) -> dict[str, OptionInfo]:
    return {"info": OptionInfo(*facts, **more)}


class SearchKeywords(TypedDict, total=False):
    """The fields of `SearchOptions` as people write them: see there."""

    to: Targets
    k: int
    offset: int
    in_: AnyPath | None
    where: str | Expression | None
    segments: bool
    merge: bool
    min_match: float
    by: By
    fold: bool


class SearchArguments(SearchKeywords, Media, total=False):
    """Every keyword of `Index.search`: options, and a query's part of any modality."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How to search, checked. Make it with `SearchOptions.of`, which takes the values as people write them.

    to: the modalities to find, None for all. k: hits of each modality (of all together when merged), after the first
    `offset`. in_: an absolute folder, None for everywhere. where: a parsed filter (`anyseek.filters`), None for none.
    segments: several segments of one file may be hits. merge: one list over all modalities, by lift. min_match: hits
    below this match (0 to 1) are left out, unless they have the query's words. by: what finds: names and texts by
    their words, vectors, or both. fold: near copies of a better hit are listed with it (`Hit.alike`) instead of after
    it."""

    to: tuple[Modality, ...] | None = field(
        default=None,
        metadata=_info("--to", "Find only these modalities, as in image,audio.", str, "MODALITIES"),
    )
    k: int = field(default=10, metadata=_info("-k", "How many hits of each modality.", int, "N", least=1))
    offset: int = field(
        default=0,
        metadata=_info("--offset", "Leave out so many of the first hits.", int, "N"),
    )
    in_: str | None = field(
        default=None, metadata=_info("--in", "Only what lies below this folder.", str, "FOLDER", json="in")
    )
    where: Expression | None = field(
        default=None, metadata=_info("--where", "Only these: 'size < 5MB and not tag = old'.", str, "FILTER")
    )
    segments: bool = field(
        default=False, metadata=_info("--segments", "Let several segments of one file be hits.", bool)
    )
    merge: bool = field(default=False, metadata=_info("--merge", "One list over all modalities.", bool))
    min_match: float = field(
        default=0.0,
        metadata=_info("--min-match", "Leave out what chance gives as often: 0.9.", float, "SHARE", most=1),
    )
    by: By = field(
        default="both",
        metadata=_info(
            "--by",
            "What finds: words of names and texts, vectors, or both.",
            str,
            "both|words|vectors",
            choices=("both", "words", "vectors"),
        ),
    )
    fold: bool = field(
        default=False, metadata=_info("--fold", "List near copies with the best of them, not after it.", bool)
    )

    @classmethod
    def of(cls, **values: Unpack[SearchKeywords]) -> SearchOptions:
        """Raises UsageError: an unknown modality, k below 1, a match above 1, a malformed filter."""
        raw = dict(cast("Mapping[str, Any]", values))
        for one in fields(cls):
            if one.name in raw:
                _check(one, raw[one.name])
        raw["to"] = parse_modalities(raw.get("to"))
        raw["in_"] = _folder(raw.get("in_"))
        raw["where"] = as_expression(raw.get("where"))
        return cls(**raw)


def option_fields() -> Mapping[str, tuple[Field[Any], OptionInfo]]:
    """The options by name, in their order: what faces are derived from."""
    return {one.name: (one, one.metadata["info"]) for one in fields(SearchOptions)}


def _check(one: Field[Any], value: Any) -> None:
    info: OptionInfo = one.metadata["info"]
    if info.kind in (int, float):
        kind = Real if info.kind is float else Integral
        is_number = isinstance(value, kind) and not isinstance(value, bool)
        if not is_number or not info.least <= value <= info.most:
            what = "a number" if info.kind is float else "a whole number"
            bounds = (
                f"of at least {info.least:g}" if info.most == inf else f"from {info.least:g} to {info.most:g}"
            )
            example = "0.9" if info.kind is float else "10"
            raise UsageError(
                f"{info.flag} takes {what} {bounds}, not {value!r}.", f"For example: {info.flag} {example}"
            )
    elif info.choices and value not in info.choices:
        raise UsageError(f"{info.flag} cannot be {value!r}.", f"Choose among: {', '.join(info.choices)}.")
    elif one.name == "where" and not (value is None or isinstance(value, str | Expression)):
        raise UsageError(f"{value!r} is not a filter.", "A filter is text: 'type = jpg'")


def _folder(path: AnyPath | None) -> str | None:
    if path is None:
        return None
    if "\0" in os.fsdecode(path):
        raise UsageError("A folder's name cannot hold a NUL character.", "Check the path.")
    return os.path.abspath(path)


def sort_keywords(arguments: Mapping[str, object]) -> tuple[dict[Modality, Any], SearchKeywords]:
    """Keywords of `Index.search` into media by modality, and options. Raises TypeError for one that is neither."""
    media: dict[Modality, Any] = {}
    options: dict[str, Any] = {}
    known = option_fields()
    for name, value in arguments.items():
        if name in known:
            options[name] = value
            continue
        try:
            media[Modality(name)] = value
        except ValueError:
            raise TypeError(
                f"unexpected keyword argument {name!r}: it is neither a modality nor one of {', '.join(known)}"
            ) from None
    return media, cast("SearchKeywords", options)


def options_or_keywords(options: SearchOptions | None, keywords: SearchKeywords) -> SearchOptions:
    """The options as they are, or made of keywords. Raises UsageError for both."""
    if options is None:
        return SearchOptions.of(**keywords)
    if keywords:
        raise UsageError(
            "Give `options`, or the options one by one.", "As in: search(words, options=options)"
        )
    return options


def parse_modalities(targets: Targets) -> tuple[Modality, ...] | None:
    """`"image,audio"`, a Modality or several -> modalities without repeats, in order; None or "all": all.

    Raises UsageError naming those there are.
    """
    if targets is None:
        return None
    names = targets.split(",") if isinstance(targets, str) else [str(name) for name in targets]
    names = [name.strip().lower() for name in names if name.strip()]
    if "all" in names:
        return None
    known: list[Modality] = []
    unknown: list[str] = []
    for name in names:
        try:
            known.append(Modality(name))
        except ValueError:
            unknown.append(name)
    if unknown or not names:
        raise UsageError(
            f"There is no modality {', '.join(unknown) or repr(targets)}.",
            f"Choose among: {', '.join(row.name for row in table())}, all.",
        )
    return tuple(dict.fromkeys(known))
