"""What is asked: words, files and arrays with weights, understood once, here, into terms.

In Python the keyword decides what a value is. On the command line a bare argument may be words or the path of
a file; `from_options` decides, and `described` says what was understood.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from anyseek.contracts import Modality
from anyseek.errors import QueryFileError, UsageError

Kind = Literal["words", "file", "array"]

_WEIGHT = re.compile(r"(?P<value>.*\S)@(?P<weight>[-+]?(?:\d+(?:\.\d*)?|\.\d+|inf|nan))", re.S | re.I)
_NAME_WITH_SUFFIX = re.compile(r"[^\s]+\.[A-Za-z0-9]{1,8}")


@dataclass(frozen=True, slots=True, eq=False)
class Term:
    """One part of a query as it was asked, before any file is read.

    value: words, a path, or an array or picture. modality: None for a file that its content has to tell.
    """

    kind: Kind
    value: Any
    modality: Modality | None
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class QueryOptions:
    """What the command line was given. bare: arguments without an option, each words or a path.

    Every value may end in @WEIGHT, as in `dog.jpg@0.5`; a file of that very name comes first.
    """

    bare: Sequence[str] = ()
    words: Sequence[str] = ()
    texts: Sequence[str] = ()
    images: Sequence[str] = ()
    audios: Sequence[str] = ()
    depths: Sequence[str] = ()
    videos: Sequence[str] = ()
    thermals: Sequence[str] = ()
    imus: Sequence[str] = ()
    minus: Sequence[str] = ()


def from_options(options: QueryOptions, *, has_examples: bool = False) -> tuple[Term, ...]:
    """The terms of a command line, words first; see `checked`. Raises UsageError, and QueryFileError for a bare name of
    a media file that is not there."""
    terms: list[Term] = []
    loose: list[str] = []
    for argument in options.bare:
        term = _bare_file(argument)
        if term is None:
            loose.append(argument)
        else:
            terms.append(term)
    if loose:
        terms.insert(0, _words(" ".join(loose)))
    terms += [_words(value) for value in options.words]
    for modality, paths in (
        (Modality.TEXT, options.texts),
        (Modality.IMAGE, options.images),
        (Modality.AUDIO, options.audios),
        (Modality.DEPTH, options.depths),
        (Modality.VIDEO, options.videos),
        (Modality.THERMAL, options.thermals),
        (Modality.IMU, options.imus),
    ):
        terms += [_file(path, modality) for path in paths]
    terms += [_minus(value) for value in options.minus]
    return checked(terms, has_examples=has_examples)


def from_values(words: Any, files: Mapping[Modality, Any], minus: Any = None) -> tuple[Term, ...]:
    """The terms of a Python call; the keyword decided what each value is.

    A value stands alone, in a pair (value, weight), or in a list of these; None for nothing. For `files` it
    is a path, or data that `given.decoded` takes: a pair of an array and a number is then a recording.
    Raises UsageError.
    """
    terms = [_said(words_, weight) for words_, weight in _each(words)]
    for modality, values in files.items():
        for value, weight in _each(values, modality):
            if isinstance(value, (str, bytes, os.PathLike)):
                terms.append(Term("file", os.fsdecode(value), modality, weight))
            else:
                terms.append(Term("array", value, modality, weight))
    for words_, weight in _each(minus):
        if weight < 0:
            raise UsageError(f"not_ subtracts already, so its weight {weight:g} would add.")
        terms.append(_said(words_, -weight))
    return checked(terms)


def _each(values: Any, modality: Modality | None = None) -> Iterator[tuple[Any, float]]:
    """(value, weight) of each value in `values`."""
    if values is None:
        return
    for value in values if isinstance(values, list) else [values]:
        is_pair = isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], (int, float))
        is_samples = is_pair and not isinstance(value[0], (str, bytes, os.PathLike, tuple))
        if is_pair and not (modality in (Modality.AUDIO, Modality.IMU) and is_samples):
            yield value[0], float(value[1])
        else:
            yield value, 1.0


def _said(words: Any, weight: float) -> Term:
    if not isinstance(words, str):
        raise UsageError(
            f"{words!r} are no words.", 'For a file: search(image="dog.jpg"), text=, audio=, depth='
        )
    return Term("words", words, Modality.TEXT, weight)


def checked(terms: Iterable[Term], *, has_examples: bool = False) -> tuple[Term, ...]:
    """The terms, when they make a query. has_examples: hits to look for beside them. Raises UsageError when there is
    nothing, or nothing to look for."""
    found = tuple(terms)
    if not found and not has_examples:
        raise UsageError(
            "There is nothing to search for.", 'Give words or a file: anyseek search "a dog", or dog.jpg'
        )
    for term in found:
        if term.kind == "words" and not str(term.value).strip():
            raise UsageError("The words to search for are empty.", 'For example: anyseek search "a dog"')
        if not math.isfinite(term.weight) or term.weight == 0:
            raise UsageError(
                f"A weight of {term.weight:g} says nothing.",
                "A weight is a number above 0, as in dog.jpg@0.5",
            )
    if all(term.weight < 0 for term in found) and not has_examples:
        raise UsageError(
            "Every part of the query is subtracted, so there is nothing to look for.",
            'Add what to find: anyseek search "a beach" --not "people"',
        )
    return found


def weighed(value: str) -> tuple[str, float]:
    """`dog.jpg@0.5` -> ("dog.jpg", 0.5); a value without a weight has 1."""
    found = _WEIGHT.fullmatch(value)
    return (found["value"], float(found["weight"])) if found else (value, 1.0)


class _Labelled(Protocol):
    @property
    def modality(self) -> Modality: ...
    @property
    def weight(self) -> float: ...
    @property
    def label(self) -> str: ...


def described(parts: Sequence[_Labelled]) -> str:
    """What was understood, for people: `"a dog" + 0.5 x image beach.jpg - "snow"`."""
    out = ""
    for part in parts:
        sign = "-" if part.weight < 0 else "+"
        size = "" if abs(part.weight) == 1 else f"{abs(part.weight):g} x "
        lead = "" if not out and sign == "+" else sign + " "
        out += f" {lead}{size}{part.label}"
    return out.strip()


def _words(value: str) -> Term:
    words, weight = weighed(value)
    return Term("words", words, Modality.TEXT, weight)


def _file(value: str, modality: Modality | None) -> Term:
    if os.path.lexists(value):
        return Term("file", value, modality)
    path, weight = weighed(value)
    return Term("file", path, modality, weight)


def _minus(value: str) -> Term:
    words, weight = weighed(value)
    if weight < 0:
        raise UsageError(
            f"--not subtracts already, so its weight {weight:g} would add.", 'For example: --not "snow@0.5"'
        )
    return Term("words", words, Modality.TEXT, -weight)


def _bare_file(argument: str) -> Term | None:
    """The file that a bare argument names, None for words.

    An existing file counts when its name has a suffix or the argument has a slash, so that the word `dog`
    stays a word beside a file called dog (which `./dog` means).
    """
    for path, weight in ((argument, 1.0), weighed(argument)):
        is_path_like = os.sep in path or os.path.splitext(path)[1]
        if is_path_like and os.path.exists(path) and not os.path.isdir(path):
            return Term("file", path, None, weight)
        if os.sep in path and os.path.isdir(path):
            raise UsageError(f"{path} is a folder.", f"To search below it: anyseek search WORDS --in {path}")
    path, _ = weighed(argument)
    is_media_name = _NAME_WITH_SUFFIX.fullmatch(path) and _is_media_name(path)
    if is_media_name or path.startswith(("./", "../", "/")):
        raise QueryFileError(
            f"There is no file {path}.", f'To search for these words: anyseek search --words "{path}"'
        )
    return None


def _is_media_name(path: str) -> bool:
    from anyseek.media.formats import BY_SUFFIX

    return os.path.splitext(path)[1].lower() in BY_SUFFIX


# ---------------------------------------------------------------- which modalities


def modalities(wanted: str | Modality | Iterable[str | Modality] | None) -> tuple[Modality, ...] | None:
    """`"image,audio"`, a Modality or several -> modalities without repeats, in order; None or "all": all.

    Raises UsageError naming those there are.
    """
    if wanted is None:
        return None
    names = wanted.split(",") if isinstance(wanted, str) else [str(name) for name in wanted]
    names = [name.strip().lower() for name in names if name.strip()]
    if "all" in names:
        return None
    known = {str(modality): modality for modality in Modality}
    unknown = [name for name in names if name not in known]
    if unknown or not names:
        raise UsageError(
            f"There is no modality {', '.join(unknown) or repr(wanted)}.",
            f"Choose among: {', '.join(known)}, all.",
        )
    return tuple(dict.fromkeys(known[name] for name in names))


def count(k: object) -> int:
    """How many hits are wanted. Raises UsageError below 1."""
    if isinstance(k, bool) or not isinstance(k, int) or k < 1:
        raise UsageError(f"{k!r} results cannot be shown.", "Ask for at least 1: -k 10")
    return k
