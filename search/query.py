"""What is searched for: words, files, arrays and hits with weights, understood once, here, into a `Query`.

In Python the keyword decides what a value is. On the command line a bare argument may be words or the path of a file;
`from_command_line` decides, and `describe` says what was understood.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from anyseek import modalities
from anyseek.contracts import Modality
from anyseek.errors import QueryFileError, UsageError
from anyseek.options import AnyPath, path_text
from anyseek.printable import short_repr, typed

Kind: TypeAlias = Literal["words", "file", "array", "items", "vectors"]
Example: TypeAlias = tuple[int | str, float]
"""A hit as a part of a query: its segment_id, or the path of an indexed file; and its weight."""

HitNames: TypeAlias = int | AnyPath | Iterable[int | AnyPath]
"""One hit or several, each by its segment_id or by the path of an indexed file."""

UNLIKE_WEIGHT = 0.5
"""What an unwanted hit takes away, beside 1 for a wanted one: Rocchio's feedback (Manning et al. 2008, section 9.1.1)
weighs what is unwanted less, 0.15 to 0.75."""

_WEIGHT = re.compile(
    r"(?P<value>.*\S)@(?P<weight>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+|inf|nan))", re.S | re.I
)
_MOST_DIGITS = 100  # of a segment_id on the command line; Python refuses to read a number of thousands
_NAME_WITH_SUFFIX = re.compile(r"[^\s]+\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, slots=True, eq=False)
class QueryPart:
    """One weighted part of a query: as it was given, or, as `QueryReader` returns it, ready to be embedded.

    kind, data: "words", a str; "file", a path; "array", an array or picture; "items", a list of what the modality's
    preparer made, one a segment; "vectors", unit rows that are known already, (n, dim) float32. modality: None for a
    file that its content has to tell. A negative weight subtracts. label: what it is, for people, once it was read.
    """

    kind: Kind
    data: Any
    modality: Modality | None
    weight: float = 1.0
    label: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """Parts and examples whose directions are added up. Make it with `Query.of`."""

    parts: tuple[QueryPart, ...]
    examples: tuple[Example, ...] = ()

    @classmethod
    def of(cls, parts: Iterable[QueryPart], *, like: HitNames = (), unlike: HitNames = ()) -> Query:
        """like, unlike: hits that are wanted and that are not. Raises UsageError when there is nothing to look for."""
        wanted, unwanted = _hit_names(like), _hit_names(unlike)
        examples = [(name, 1.0) for name in wanted] + [(name, -UNLIKE_WEIGHT) for name in unwanted]
        query = cls(tuple(parts), tuple(examples))
        _check(query, has_wanted=bool(wanted))
        return query

    @property
    def words(self) -> tuple[str, ...]:
        """The texts that were typed to be found, for keyword search."""
        return tuple(part.data for part in self.parts if part.kind == "words" and part.weight > 0)


def _hit_names(names: HitNames) -> list[int | str]:
    """Whole numbers of numpy count too. Raises UsageError for what is neither a number nor a path."""
    if isinstance(names, (int, Integral, str, bytes, os.PathLike)):
        return [_hit_id_or_path(names)]
    try:
        each = list(names)
    except TypeError:  # not iterable
        return [_hit_id_or_path(names)]
    return [_hit_id_or_path(name) for name in each]


def _hit_id_or_path(name: object) -> int | str:
    if not isinstance(name, bool) and isinstance(name, Integral):
        return int(name)
    if not isinstance(name, str | os.PathLike):
        raise UsageError(
            f"{short_repr(name)} is not a hit.", "A hit is its segment_id, or the path of an indexed file."
        )
    return path_text(name)


def _check(query: Query, *, has_wanted: bool) -> None:
    if not query.parts and not has_wanted:
        raise UsageError(
            "There is nothing to search for.", 'Give words, such as "a dog", or a file, such as dog.jpg.'
        )
    for part in query.parts:
        if part.kind == "words" and not str(part.data).strip():
            raise UsageError("The words to search for are empty.", 'For example: "a dog"')
        if not math.isfinite(_as_float(part.weight)) or part.weight == 0:
            raise UsageError(
                f"A weight of {_as_float(part.weight):g} has no meaning.",
                "A weight is a number such as 0.5.",
            )
    if all(part.weight < 0 for part in query.parts) and not has_wanted:
        raise UsageError(
            "Every part of the query is subtracted, so there is nothing to look for.",
            'Add what to find: "a beach" without "people".',
        )


def _as_float(number: float) -> float:
    """A whole number beyond every float is infinite."""
    try:
        return float(number)
    except OverflowError:
        return math.inf if number > 0 else -math.inf


# ---------------------------------------------------------------- from a command line


def from_command_line(
    bare: Iterable[str] = (),
    *,
    words: Iterable[str] = (),
    files: Mapping[Modality, Iterable[str]] = MappingProxyType({}),
    minus: Iterable[str] = (),
    like: Iterable[str] = (),
    unlike: Iterable[str] = (),
) -> Query:
    """The query of a command line, words first. bare: arguments without an option, each words or a path.

    Every value may end in @WEIGHT, as in `dog.jpg@0.5`; a file of that very name comes first. Raises UsageError, and
    QueryFileError for the name of a media file that is not there.
    """
    parts: list[QueryPart] = []
    loose: list[str] = []
    for argument in bare:
        part = _bare_file(argument)
        if part is None:
            loose.append(argument)
        else:
            parts.append(part)
    if loose:
        parts.insert(0, _words(" ".join(loose)))
    parts += [_words(value) for value in words]
    for modality, paths in files.items():
        parts += [_file(path, modality) for path in paths]
    parts += [_minus(value) for value in minus]
    return Query.of(parts, like=[_hit_name(one) for one in like], unlike=[_hit_name(one) for one in unlike])


def _hit_name(value: str) -> int | str:
    """A segment_id, unless a file is called so."""
    is_number = (
        value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS and not os.path.exists(value)
    )
    return int(value) if is_number else value


def split_weight(value: str) -> tuple[str, float]:
    """`dog.jpg@0.5` -> ("dog.jpg", 0.5); a value without a weight has 1."""
    match = _WEIGHT.fullmatch(value)
    return (match["value"], float(match["weight"])) if match else (value, 1.0)


def _words(value: str) -> QueryPart:
    words, weight = split_weight(typed(value))
    return QueryPart("words", words, Modality.TEXT, weight)


def _file(value: str, modality: Modality | None) -> QueryPart:
    if os.path.lexists(value):
        return QueryPart("file", value, modality)
    path, weight = split_weight(value)
    return QueryPart("file", path, modality, weight)


def _minus(value: str) -> QueryPart:
    words, weight = split_weight(typed(value))
    if weight < 0:
        raise UsageError(
            f"--not subtracts already, so its weight {weight:g} would add.", 'For example: --not "snow@0.5"'
        )
    return QueryPart("words", words, Modality.TEXT, -weight)


def _bare_file(argument: str) -> QueryPart | None:
    """The file that a bare argument names, None for words.

    An existing file counts when its name has a suffix or the argument has a slash, so that the word `dog`
    stays a word beside a file called dog (which `./dog` means).
    """
    for path, weight in ((argument, 1.0), split_weight(argument)):
        is_path_like = os.sep in path or os.path.splitext(path)[1]
        if is_path_like and os.path.exists(path) and not os.path.isdir(path):
            return QueryPart("file", path, None, weight)
        if os.sep in path and os.path.isdir(path):
            raise UsageError(f"{path} is a folder.", f"To search below it: anyseek search WORDS --in {path}")
    path, _ = split_weight(argument)
    is_media_name = _NAME_WITH_SUFFIX.fullmatch(path) and _is_media_name(path)
    if is_media_name or path.startswith(("./", "../", "/")):
        raise QueryFileError(
            f"There is no file {path}.", f'To search for these words: anyseek search --words "{path}"'
        )
    return None


def _is_media_name(path: str) -> bool:
    from anyseek.media.formats import is_media_name

    return is_media_name(os.path.splitext(path)[1].lower())


# ---------------------------------------------------------------- from Python


def from_values(words: Any, media: Mapping[Modality, Any], minus: Any = None) -> list[QueryPart]:
    """The parts of a Python call; the keyword decided what each value is.

    A value stands alone, in a pair (value, weight), or in a list of these; None for nothing. Of `media` it is a path,
    or data that in_memory.decode takes: a pair of an array and a number is then a recording. Raises UsageError.
    """
    parts = [_typed_words(value, weight) for value, weight in _each(words)]
    for modality, values in media.items():
        for value, weight in _each(values, modality):
            if isinstance(value, (str, bytes, os.PathLike)):
                parts.append(QueryPart("file", path_text(os.fsdecode(value)), modality, weight))
            else:
                parts.append(QueryPart("array", value, modality, weight))
    for value, weight in _each(minus):
        if weight < 0:
            raise UsageError(f"not_ subtracts already, so its weight {weight:g} would add.")
        parts.append(_typed_words(value, -weight))
    return parts


def _each(values: Any, modality: Modality | None = None) -> Iterator[tuple[Any, float]]:
    """(value, weight) of each value in `values`."""
    if values is None:
        return
    takes_rate = modality is not None and modalities.info(modality).takes_rate
    for value in values if isinstance(values, list) else [values]:
        is_pair = isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], (int, float))
        is_samples = is_pair and not isinstance(value[0], (str, bytes, os.PathLike, tuple))
        if is_pair and not (takes_rate and is_samples):
            yield value[0], _as_float(value[1])
        else:
            yield value, 1.0


def _typed_words(words: Any, weight: float) -> QueryPart:
    if not isinstance(words, str):
        raise UsageError(
            f"{short_repr(words)} is not text.", 'For a file: search(image="dog.jpg"), text=, audio=, depth='
        )
    return QueryPart("words", words, Modality.TEXT, weight)


# ---------------------------------------------------------------- for people


def describe(parts: Sequence[QueryPart]) -> str:
    """What was understood, for people: `"a dog" + 0.5 x image beach.jpg - "snow"`."""
    out = ""
    for part in parts:
        sign = "-" if part.weight < 0 else "+"
        size = "" if abs(part.weight) == 1 else f"{abs(part.weight):g} x "
        lead = "" if not out and sign == "+" else sign + " "
        out += f" {lead}{size}{part.label}"
    return out.strip()
