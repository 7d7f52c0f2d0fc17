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
from anyseek.printable import printable, short_repr

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
    """How to search. Make it with `SearchOptions.of`, which takes the values as people write them; constructing one
    takes them as they are here. Both raise UsageError: an unknown modality, k below 1, a match above 1, a malformed
    filter.

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
        """The options of values as people write them, all others as they are by default."""
        raw = dict(cast("Mapping[str, Any]", values))
        if not isinstance(raw.get("where"), str | Expression | None):
            raise _not_a_filter(raw["where"])
        raw["to"] = parse_modalities(raw.get("to"))
        raw["in_"] = _folder(raw.get("in_"))
        raw["where"] = as_expression(raw.get("where"))
        return cls(**raw)

    def __post_init__(self) -> None:
        for name, info in options_of(type(self)).items():
            object.__setattr__(self, name, info.checked(getattr(self, name)))
        is_parsed = (
            isinstance(self.to, tuple) and self.to and all(isinstance(one, Modality) for one in self.to)
        )
        if self.to is not None and not is_parsed:
            raise UsageError(
                f"`to` is a tuple of modalities or None, not {short_repr(self.to)}.",
                'SearchOptions.of(to="image,audio") reads text.',
            )
        if self.in_ is not None and not os.path.isabs(path_text(self.in_)):
            raise UsageError(
                f"The folder {short_repr(self.in_)} is not absolute.",
                "SearchOptions.of takes a relative one.",
            )
        if not isinstance(self.where, Expression | None):
            raise _not_a_filter(self.where)


def option_fields() -> Mapping[str, tuple[Field[Any], OptionInfo]]:
    """The options by name, in their order: what faces are derived from."""
    infos = options_of(SearchOptions)
    return {one.name: (one, infos[one.name]) for one in fields(SearchOptions)}


def path_text(path: object) -> str:
    """A path as text. Raises UsageError for what is not a path, for an empty one, which Python takes for the current
    folder, and for text that no file can be called."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str):
        raise UsageError(f"{short_repr(path)} is not a path.", "A path is text, or a pathlib.Path.")
    if not text:
        raise UsageError("The path is empty.", "Is a variable not set? The current folder is called .")
    flaw = "a NUL character" if "\0" in text else ""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        flaw = "a lone surrogate"
    if flaw:
        raise UsageError(f"No file can be called {short_repr(text)}, with {flaw}.", "Check the path.")
    return text


def _folder(path: AnyPath | None) -> str | None:
    return None if path is None else os.path.abspath(path_text(path))


def _not_a_filter(value: object) -> UsageError:
    return UsageError(f"{short_repr(value)} is not a filter.", "A filter is text: 'type = jpg'")


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
    check_type(options, SearchOptions)
    if keywords:
        raise UsageError(
            "Give `options`, or the options one by one.", "As in: search(words, options=options)"
        )
    return options


def check_type(value: object, kind: type) -> None:
    """Raises UsageError for a value of another type."""
    if not isinstance(value, kind):
        raise UsageError(
            f"{short_repr(value)} is not of type {kind.__name__}.", f"Make one with {kind.__name__}.of"
        )


def parse_modalities(targets: Targets) -> tuple[Modality, ...] | None:
    """`"image,audio"`, a Modality or several -> modalities without repeats, in order; None or "all": all.

    Raises UsageError naming those there are.
    """
    if targets is None:
        return None
    try:
        names = targets.split(",") if isinstance(targets, str) else [_name(one) for one in targets]
    except TypeError:  # not iterable
        names = [_name(targets)]
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
            f"There is no modality {', '.join(map(printable, unknown)) or short_repr(targets)}.",
            f"Choose among: {', '.join(row.name for row in table())}, all.",
        )
    return tuple(dict.fromkeys(known))


def _name(target: object) -> str:
    return target if isinstance(target, str) else short_repr(target)
