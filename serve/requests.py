"""What HTTP takes: models of requests. The options of a search are those of `SearchOptions`, derived from it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, create_model, model_validator
from pydantic.fields import FieldInfo

from anyseek.contracts import Modality
from anyseek.errors import UsageError
from anyseek.options import SearchOptions, option_fields
from anyseek.search.query import Query, QueryPart


def _plain_number(value: Any) -> Any:
    """Raises ValueError for what pydantic would read as a number: "9.0", "+9", "1_0", true."""
    is_plain = value.isascii() and value.isdecimal() if isinstance(value, str) else type(value) is int
    if not is_plain:
        raise ValueError("Input should be the number of a segment, such as 12")
    return value


SegmentId = Annotated[int, BeforeValidator(_plain_number), Field(ge=0, le=2**63 - 1)]

# One answer of a server is smaller than a program may ask for in its own process.
_DEFAULTS: Mapping[str, Any] = {"k": 20}
_MOST: Mapping[str, float] = {"k": 1000, "offset": 10_000}
_MOST_CHARACTERS = 4000


class NoParameters(BaseModel):
    """What takes no parameters. A name that the request should not have is refused, since it is likely misspelt."""

    model_config = ConfigDict(populate_by_name=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any) -> Any:
        """Raises UsageError naming an unknown field. The token of an address is the guard's."""
        if not isinstance(values, Mapping):
            return values
        names = [field.alias or name for name, field in cls.model_fields.items()]
        fields = {name: value for name, value in values.items() if name != "token"}
        known = f"The fields are: {', '.join(names)}." if names else "There are none in this place."
        refuse_unknown(fields.keys() - cls.model_fields, names, known)
        return fields


class Version(NoParameters):
    """Which version of a hit's file is meant: as its address says; "" for whichever is there."""

    v: str = Field("", max_length=64)


class OptionsBody(NoParameters):
    """The options of a search."""

    def options(self) -> SearchOptions:
        """Raises UsageError."""
        return remote_options({name: getattr(self, name) for name in option_fields()})


class SearchBody(OptionsBody):
    """A search. words: to find; without: to subtract. like, unlike: numbers of segments, parts of the query too."""

    words: str = Field("", max_length=2000)
    without: str = Field("", max_length=2000)
    like: list[SegmentId] = Field(default_factory=list, max_length=50)
    unlike: list[SegmentId] = Field(default_factory=list, max_length=50)

    def query(self, file: str | None = None) -> Query:
        """file: a path, a part of the query too. Raises UsageError when there is nothing to look for."""
        parts = []
        if self.words.strip():
            parts.append(QueryPart("words", self.words, Modality.TEXT))
        if file is not None:
            parts.append(QueryPart("file", file, None))
        if self.without.strip():
            parts.append(QueryPart("words", self.without, Modality.TEXT, -1.0))
        return Query.of(parts, like=self.like, unlike=self.unlike)


def refuse_unknown(given: Iterable[str], known: Iterable[str], hint: str) -> None:
    """Raises UsageError for the first given name that is not known, with the known one that it resembles."""
    for name in sorted(set(given) - set(known)):
        near = difflib.get_close_matches(name[:100], list(known), 1)
        suggestion = f"Did you mean {near[0]!r}? " if near else ""
        raise UsageError(f"There is no field {name[:100]!r} here.", suggestion + hint)


def remote_options(values: Mapping[str, Any]) -> SearchOptions:
    """Options that came from elsewhere: "" and None stand for what was not given, and a folder must be absolute, since
    there is no current one. Raises UsageError."""
    given = {name: value for name, value in values.items() if value not in (None, "")}
    folder = given.get("in_")
    if folder is not None and not os.path.isabs(folder):
        raise UsageError("The folder of `in` is not absolute.", "Name it as the paths of hits do.")
    return SearchOptions.of(**given)


def json_options(
    defaults: Mapping[str, Any], most: Mapping[str, float], *, has_aliases: bool = False
) -> Iterator[tuple[str, Any, Any, FieldInfo]]:
    """Name, type, default and field of each search option for a JSON face.

    defaults, most: where they differ from those of SearchOptions. has_aliases: called as OptionInfo.json says.
    """
    for name, (one, info) in option_fields().items():
        facts: dict[str, Any] = {"description": info.help}
        if info.kind in (int, float):
            facts["ge"] = info.least
            if (highest := most.get(name, info.most)) < inf:
                facts["le"] = highest
        elif info.kind is str:
            facts["max_length"] = _MOST_CHARACTERS
        if has_aliases and info.json:
            facts["alias"] = info.json
        default = defaults.get(name, one.default)
        kind: Any = Literal[info.choices] if info.choices else info.kind
        kind = kind if default is not None else kind | None
        yield name, kind, default, Field(**facts)


def _with_options(base: type[OptionsBody], name: str) -> Any:
    fields: dict[str, Any] = {
        option: (Annotated[kind, field], default)
        for option, kind, default, field in json_options(_DEFAULTS, _MOST, has_aliases=True)
    }
    return create_model(name, __base__=base, __doc__=base.__doc__, **fields)


if TYPE_CHECKING:
    SearchRequest = SearchBody
    OptionsRequest = OptionsBody
else:
    SearchRequest = _with_options(SearchBody, "SearchRequest")
    OptionsRequest = _with_options(OptionsBody, "OptionsRequest")
