"""How to search: one record, which every face of the program builds and from which it derives its own options.

A search option is a field of `SearchOptions` and the keyword of the same name below it; command line, HTTP, MCP and
adapters take their names, defaults, bounds and help from the field (a test holds them to it).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, fields
from typing import Any, Literal, TypeAlias, TypedDict, Unpack, cast

from anyseek.errors import UsageError
from anyseek.filters import Expression, as_expression
from anyseek.modalities import Media, Modality, table
from anyseek.option_info import OptionInfo as OptionInfo
from anyseek.option_info import option, options_of

AnyPath: TypeAlias = str | os.PathLike[str]
By: TypeAlias = Literal["both", "words", "vectors"]
Targets: TypeAlias = str | Modality | Iterable[str | Modality] | None

NEAR = 0.97
"""The least cosine of two files that count as nearly the same."""


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

    to: tuple[Modality, ...] | None = option(
        None,
        "Find only these modalities, as in image,audio.",
        flag="--to",
        kind=str,
        metavar="MODALITIES",
        is_free=True,
    )
    k: int = option(10, "How many hits of each modality.", flag="-k", metavar="N", least=1)
    offset: int = option(0, "Leave out so many of the first hits.", metavar="N", least=0)
    in_: str | None = option(
        None,
        "Only what lies below this folder.",
        flag="--in",
        kind=str,
        metavar="FOLDER",
        json="in",
        is_free=True,
    )
    where: Expression | None = option(
        None, "Only these: 'size < 5MB and not tag = old'.", kind=str, metavar="FILTER", is_free=True
    )
    segments: bool = option(False, "Let several segments of one file be hits.")
    merge: bool = option(False, "One list over all modalities.")
    min_match: float = option(
        0.0,
        "Leave out hits whose match is lower, as in 0.9, unless they have the query's words.",
        metavar="SHARE",
        least=0,
        most=1,
    )
    by: By = option(
        "both",
        "What finds: words of names and texts, vectors, or both.",
        metavar="both|words|vectors",
        choices=("both", "words", "vectors"),
    )
    fold: bool = option(False, "List near copies with the best of them, not after it.")

    @classmethod
    def of(cls, **values: Unpack[SearchKeywords]) -> SearchOptions:
        """Raises UsageError: an unknown modality, k below 1, a match above 1, a malformed filter."""
        raw = dict(cast("Mapping[str, Any]", values))
        for name, info in options_of(cls).items():
            if name in raw:
                raw[name] = info.checked(raw[name])
        if not isinstance(raw.get("where"), str | Expression | None):
            raise UsageError(f"{raw['where']!r} is not a filter.", "A filter is text: 'type = jpg'")
        raw["to"] = parse_modalities(raw.get("to"))
        raw["in_"] = _folder(raw.get("in_"))
        raw["where"] = as_expression(raw.get("where"))
        return cls(**raw)


def option_fields() -> Mapping[str, tuple[Field[Any], OptionInfo]]:
    """The options by name, in their order: what faces are derived from."""
    infos = options_of(SearchOptions)
    return {one.name: (one, infos[one.name]) for one in fields(SearchOptions)}


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
