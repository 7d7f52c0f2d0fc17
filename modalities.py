"""The one table of modalities: what each is called, counted in, and which part of the program handles it.

A modality is a row here. Everything that differs between modalities is a column, and nothing else in the program lists
them: to add one, register a row, or declare it in a package under the entry-point group `anyseek.modalities` (a name,
and a function without arguments that returns the `ModalityInfo`).

Standard library only. Handlers are named as `module:attribute` and imported when they are first needed
(`plugins.resolve`); those of the built-in rows are in the room media/.
"""

from __future__ import annotations

import keyword
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Literal, TypedDict

from anyseek.plugins import Group

PACKAGES = Group("anyseek.modalities", "modality")


class Unit(StrEnum):
    """What a span counts."""

    WHOLE = "whole"
    SECONDS = "s"
    CHARACTERS = "char"


class UnknownModality(ValueError):
    """No row and no installed package has a modality of that `name`."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is not a modality.")
        self.name = name

    def __reduce__(self) -> tuple[type[UnknownModality], tuple[str]]:
        return UnknownModality, (self.name,)


class _Members(type):
    """Lets the class be iterated and asked what it contains, as an enum can."""

    def __iter__(cls) -> Iterator[Modality]:
        return iter(tuple(_MEMBERS.values()))

    def __len__(cls) -> int:
        return len(_MEMBERS)


class Modality(str, metaclass=_Members):
    """What kind of thing a segment is: its name, a string. One object a name, so `is` compares.

    `Modality("image")` is `Modality.IMAGE`; an unknown name is looked for among installed packages, and is an
    UnknownModality, a ValueError, when none declares it. Iteration is in the order of the table.
    """

    __slots__ = ()

    TEXT: ClassVar[Modality]
    IMAGE: ClassVar[Modality]
    AUDIO: ClassVar[Modality]
    DEPTH: ClassVar[Modality]
    VIDEO: ClassVar[Modality]
    THERMAL: ClassVar[Modality]
    IMU: ClassVar[Modality]

    def __new__(cls, name: str) -> Modality:
        known = _MEMBERS.get(name)
        if known is None:
            load_plugins()
            known = _MEMBERS.get(name)
        if known is None:
            raise UnknownModality(name)
        return known

    @property
    def name(self) -> str:
        """In upper case, as of an enum's member: "IMAGE"."""
        return self.upper()

    @property
    def value(self) -> str:
        """A plain string, as of an enum's member: "image"."""
        return str(self)

    def __reduce__(self) -> tuple[type[Modality], tuple[str]]:
        return Modality, (str(self),)

    def __repr__(self) -> str:
        # As an enum's member: fingerprints of models are made of it, and must not change.
        return f"<Modality.{self.name}: {self.value!r}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityInfo:
    """One row.

    name: one word, lower case; the Python keyword and the command-line option are called so. unit: what the spans of
    its segments count. query_help: of the command-line option that takes a file.
    shown_as: what a person is shown of a hit: its preview, or its excerpt.
    is_text: the data of a segment is a str, whose words are searched too; how a file is read depends on its suffix.
    has_unit: numbers in a file may be in a unit that only a person knows (`DecodeHint.depth_unit`).
    prompts: sentences with `{}` for a label, whose mean stands for it when files are classified (Radford et al. 2021,
    section 3.1.4).

    Handlers, "" where there is none. in_memory: `(value, DecodeHint) -> Iterator of SegmentData.data`, for what Python
    programs hand over instead of a file; takes_rate: such a value may be a pair (array, rate in Hz). preview: a
    `contracts.Preparer` that makes a preview; preview_as: the modality whose preview is made instead (of a video,
    that of its pictures). sample: `(DecodeHint, numpy.random.Generator) -> SegmentData.data`, for measuring speed."""

    name: str
    unit: Unit
    query_help: str
    shown_as: Literal["picture", "sound", "text", "nothing"] = "nothing"
    is_text: bool = False
    has_unit: bool = False
    prompts: tuple[str, ...] = ("{}",)
    in_memory: str = ""
    takes_rate: bool = False
    preview: str = ""
    preview_as: str = ""
    sample: str = ""

    @property
    def modality(self) -> Modality:
        """The member that the row describes."""
        return _MEMBERS[self.name]

    @property
    def noun(self) -> str:
        """What one file is called in a message: "a picture"."""
        what = self.query_help.partition(";")[0].rstrip(".")
        return what[:1].lower() + what[1:]


_MEMBERS: dict[str, Modality] = {}
_TABLE: dict[str, ModalityInfo] = {}
_built_in: frozenset[str] = frozenset()


RESERVED = frozenset(
    (
        "after all arguments as_json before by debug exit_code fold help in_ index index_dir json k keywords "
        "like media merge min_match minus not_ nul offset options path paths query rerank segments self tag "
        "to type type_ unlike vectors_only where words words_only"
    ).split()
)
"""Names that mean something else beside a modality's, as a keyword or an option of a search (a test derives them)."""


def register(row: ModalityInfo) -> Modality:
    """Add a row, or replace the one of that name; the modality.

    Raises ValueError for the name of a built-in row, and for one that cannot be a keyword and an option: it has to be
    an identifier in lower case, and none of Python's or of RESERVED. Raises TypeError for what is not a row.
    """
    if not isinstance(row, ModalityInfo):
        raise TypeError(f"{row!r} is not a ModalityInfo")
    name = row.name
    if name in _built_in:
        raise ValueError(f"the modality {name} is built in")
    if not (isinstance(name, str) and name.isidentifier() and name.islower()) or keyword.iskeyword(name):
        raise ValueError(f"a modality cannot be called {name!r}: its name is one word, lower case")
    if name in RESERVED:
        raise ValueError(f"a modality cannot be called {name!r}: a search has an option of that name")
    return _put(row)


def _put(row: ModalityInfo) -> Modality:
    member = _MEMBERS.setdefault(row.name, str.__new__(Modality, row.name))
    _TABLE[row.name] = row
    return member


def info(modality: Modality) -> ModalityInfo:
    """The row of a modality."""
    return _TABLE[modality]


def table(*, plugins: bool = True) -> tuple[ModalityInfo, ...]:
    """All rows, in order. plugins: those of installed packages too, which have to be looked for first."""
    if plugins:
        load_plugins()
    return tuple(_TABLE.values())


# Re-entrant: a package's module may look a modality up, or register one, while it is imported.
_loading = threading.RLock()
_is_loading = _is_loaded = False


def load_plugins() -> bool:
    """Register the rows that installed packages declare, once a process; whether it was done now.

    Another thread waits until all are there. A package whose row cannot be had is logged and left out.
    """
    global _is_loaded, _is_loading
    if _is_loaded:
        return False
    with _loading:
        if _is_loaded or _is_loading:  # the latter: within a package that is being loaded
            return False
        _is_loading = True
        try:
            for _ in PACKAGES.each(_register_made):
                pass
            _is_loaded = True
        finally:
            _is_loading = False
    return True


def _register_made(make: Callable[[], ModalityInfo]) -> Modality:
    return register(make())


class Media(TypedDict, total=False):
    """Keywords of a query in Python, one a modality: a path, data, a pair with a weight, or a list of these.

    For type checkers and editors alone: any modality of the table is a keyword (a test holds the two together).
    """

    text: Any
    image: Any
    audio: Any
    depth: Any
    video: Any
    thermal: Any
    imu: Any


# The words of a query are embedded as this one, so code may name it; all others are met through the table alone.
Modality.TEXT = _put(
    ModalityInfo(
        name="text",
        unit=Unit.CHARACTERS,
        query_help="A text file; repeatable.",
        shown_as="text",
        is_text=True,
        sample="anyseek.media.synthetic:text",
    )
)
Modality.IMAGE = _put(
    ModalityInfo(
        name="image",
        unit=Unit.WHOLE,
        query_help="A picture; repeatable.",
        shown_as="picture",
        prompts=("{}", "a photo of {}", "a picture that shows {}", "{} in a photo"),
        in_memory="anyseek.media.in_memory:image",
        preview="anyseek.media.previews:PICTURE",
        sample="anyseek.media.synthetic:image",
    )
)
Modality.AUDIO = _put(
    ModalityInfo(
        name="audio",
        unit=Unit.SECONDS,
        query_help="A sound; repeatable.",
        shown_as="sound",
        prompts=("{}", "the sound of {}"),
        in_memory="anyseek.media.in_memory:audio",
        takes_rate=True,
        preview="anyseek.media.previews:SOUND",
        sample="anyseek.media.synthetic:audio",
    )
)
Modality.DEPTH = _put(
    ModalityInfo(
        name="depth",
        unit=Unit.WHOLE,
        query_help="A depth map; repeatable.",
        shown_as="picture",
        has_unit=True,
        in_memory="anyseek.media.in_memory:depth",
        preview="anyseek.media.previews:RELIEF",
        sample="anyseek.media.synthetic:depth",
    )
)
Modality.VIDEO = _put(
    ModalityInfo(
        name="video",
        unit=Unit.SECONDS,
        query_help="A video; repeatable.",
        shown_as="picture",
        prompts=("{}", "a video of {}"),
        in_memory="anyseek.media.in_memory:video",
        preview_as="image",
        sample="anyseek.media.synthetic:video",
    )
)
Modality.THERMAL = _put(
    ModalityInfo(
        name="thermal",
        unit=Unit.WHOLE,
        query_help="A thermal picture; repeatable.",
        shown_as="picture",
        in_memory="anyseek.media.in_memory:thermal",
        preview="anyseek.media.previews:PICTURE",
        sample="anyseek.media.synthetic:thermal",
    )
)
Modality.IMU = _put(
    ModalityInfo(
        name="imu",
        unit=Unit.SECONDS,
        query_help="A table of motion; repeatable.",
        in_memory="anyseek.media.in_memory:imu",
        takes_rate=True,
        sample="anyseek.media.synthetic:imu",
    )
)

_built_in = frozenset(_TABLE)
