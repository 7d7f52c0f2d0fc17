"""What HTTP takes: models of requests. The options of a search are those of `SearchOptions`, derived from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

from anyseek.contracts import Modality
from anyseek.options import SearchOptions, option_fields
from anyseek.search.query import Query, Term

SegmentId = Annotated[int, Field(ge=0, le=2**63 - 1)]

# One answer of a server is smaller than a program may ask for in its own process.
_DEFAULTS: Mapping[str, Any] = {"k": 20}
_MOST: Mapping[str, float] = {"k": 1000, "offset": 10_000}
_MOST_CHARACTERS = 4000


class SearchBody(BaseModel):
    """A search. words: to find; without: to subtract. like, unlike: numbers of segments, parts of the query too."""

    model_config = ConfigDict(populate_by_name=True)

    words: str = Field("", max_length=2000)
    without: str = Field("", max_length=2000)
    like: list[SegmentId] = Field(default_factory=list, max_length=50)
    unlike: list[SegmentId] = Field(default_factory=list, max_length=50)

    def options(self) -> SearchOptions:
        """Raises UsageError."""
        values = {name: getattr(self, name) for name in option_fields()}
        return SearchOptions.of(**{name: value for name, value in values.items() if value not in (None, "")})

    def query(self, file: str | None = None) -> Query:
        """file: a path, a part of the query too. Raises UsageError when there is nothing to look for."""
        terms = []
        if self.words.strip():
            terms.append(Term("words", self.words, Modality.TEXT))
        if file is not None:
            terms.append(Term("file", file, None))
        if self.without.strip():
            terms.append(Term("words", self.without, Modality.TEXT, -1.0))
        return Query.of(terms, like=self.like, unlike=self.unlike)


def json_options(
    defaults: Mapping[str, Any], most: Mapping[str, float], *, has_aliases: bool = False
) -> Iterator[tuple[str, Any, Any, FieldInfo]]:
    """Name, type, default and field of each search option for a JSON face.

    defaults, most: where they differ from those of SearchOptions. has_aliases: called as OptionInfo.json says.
    """
    for name, (one, info) in option_fields().items():
        facts: dict[str, Any] = {"description": info.help}
        if info.kind in (int, float):
            facts |= {"ge": info.least, "le": most.get(name, info.most)}
        elif info.kind is str:
            facts["max_length"] = _MOST_CHARACTERS
        if has_aliases and info.json:
            facts["alias"] = info.json
        default = defaults.get(name, one.default)
        kind: Any = info.kind if default is not None else info.kind | None
        yield name, kind, default, Field(**facts)


if TYPE_CHECKING:
    SearchRequest = SearchBody
else:
    SearchRequest = create_model(
        "SearchRequest",
        __base__=SearchBody,
        __doc__=SearchBody.__doc__,
        **{
            name: (Annotated[kind, field], default)
            for name, kind, default, field in json_options(_DEFAULTS, _MOST, has_aliases=True)
        },
    )
