"""The one table of modalities: what each is called, counted in, and which part of the program handles it.

A modality is a row here. Everything that differs between modalities is a column, and nothing else in the program lists
them: to add one, register a row, or declare it in a package under the entry-point group `anyseek.modalities` (a name,
and a function without arguments that returns the `ModalityInfo`).

Standard library only. Handlers are named as `module:attribute` and imported when they are first needed.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from typing import Any, ClassVar, Literal, TypedDict

GROUP = "anyseek.modalities"
LOG = logging.getLogger(__name__)


class Unit(StrEnum):
    """What a span counts."""

    WHOLE = "whole"
    SECONDS = "s"
    CHARACTERS = "char"


class _Members(type):
    """Lets the class be iterated and asked what it contains, as an enum can."""

    def __iter__(cls) -> Iterator[Modality]:
        return iter(tuple(_MEMBERS.values()))

    def __len__(cls) -> int:
        return len(_MEMBERS)


class Modality(str, metaclass=_Members):
    """What kind of thing a segment is: its name, a string. One object a name, so `is` compares.

    `Modality("image")` is `Modality.IMAGE`; an unknown name is looked for among installed packages, and is a
    ValueError when none declares it. Iteration is in the order of the table.
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
        if known is None and load_plugins():
            known = _MEMBERS.get(name)
        if known is None:
            raise ValueError(f"{name!r} is not a modality.")
        return known

    def __reduce__(self) -> tuple[type[Modality], tuple[str]]:
        return Modality, (str(self),)

    def __repr__(self) -> str:
        # As an enum's member: fingerprints of models are made of it, and must not change.
        return f"<Modality.{self.upper()}: {str(self)!r}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModalityInfo:
    """One row.

    name: one word, lower case; the Python keyword and the command-line option are called so. noun: in a sentence ("a
    picture"). unit: what the spans of its segments count. query_help: of the command-line option that takes a file.
    shown_as: what a person is shown of a hit: its preview, or its excerpt.
    prompts: sentences with `{}` for a label, whose mean stands for it when files are classified (Radford et al. 2021,
    section 3.1.4).

    Handlers, "" where there is none. in_memory: `(value, DecodeHint) -> Iterator of Decoded.data`, for what Python
    programs hand over instead of a file; takes_rate: such a value may be a pair (array, rate in Hz). preview: a
    `contracts.Preparer` that makes a preview; preview_as: the modality whose preview is made instead (of a video,
    that of its pictures). sample: `(DecodeHint, numpy.random.Generator) -> Decoded.data`, for measuring speed."""

    name: str
    noun: str
    unit: Unit
    query_help: str
    shown_as: Literal["picture", "sound", "text", "nothing"] = "nothing"
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


_MEMBERS: dict[str, Modality] = {}
_TABLE: dict[str, ModalityInfo] = {}


def register(row: ModalityInfo) -> Modality:
    """Add a row, or replace the one of that name; the modality."""
    if row.name not in _MEMBERS:
        _MEMBERS[row.name] = str.__new__(Modality, row.name)
    _TABLE[row.name] = row
    return _MEMBERS[row.name]


def info(modality: Modality) -> ModalityInfo:
    """The row of a modality."""
    return _TABLE[modality]


def table(*, plugins: bool = True) -> tuple[ModalityInfo, ...]:
    """All rows, in order. plugins: those of installed packages too, which have to be looked for first."""
    if plugins:
        load_plugins()
    return tuple(_TABLE.values())


def handler(name: str) -> Any:
    """What `module:attribute` names."""
    module, _, attribute = name.partition(":")
    return getattr(import_module(module), attribute)


_is_loaded = False


def load_plugins() -> bool:
    """Register the rows that installed packages declare, once a process; whether it was done now.

    A package whose row cannot be had is logged and left out, so that it does not stop the others.
    """
    global _is_loaded
    if _is_loaded:
        return False
    _is_loaded = True
    from importlib.metadata import entry_points

    for point in entry_points(group=GROUP):
        try:
            register(point.load()())
        except Exception:
            LOG.warning("The modality %s cannot be used.", point.name, exc_info=True)
    return True


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


Modality.TEXT = register(
    ModalityInfo(
        name="text",
        noun="a text",
        unit=Unit.CHARACTERS,
        query_help="A text file; repeatable.",
        shown_as="text",
        sample="anyseek.library.benchmark:sample_text",
    )
)
Modality.IMAGE = register(
    ModalityInfo(
        name="image",
        noun="a picture",
        unit=Unit.WHOLE,
        query_help="A picture; repeatable.",
        shown_as="picture",
        prompts=("{}", "a photo of {}", "a picture that shows {}", "{} in a photo"),
        in_memory="anyseek.search.in_memory:image",
        preview="anyseek.serve.previews:PICTURE",
        sample="anyseek.library.benchmark:sample_image",
    )
)
Modality.AUDIO = register(
    ModalityInfo(
        name="audio",
        noun="a sound",
        unit=Unit.SECONDS,
        query_help="A sound; repeatable.",
        shown_as="sound",
        prompts=("{}", "the sound of {}"),
        in_memory="anyseek.search.in_memory:audio",
        takes_rate=True,
        preview="anyseek.serve.previews:SOUND",
        sample="anyseek.library.benchmark:sample_audio",
    )
)
Modality.DEPTH = register(
    ModalityInfo(
        name="depth",
        noun="a depth map",
        unit=Unit.WHOLE,
        query_help="A depth map; repeatable.",
        shown_as="picture",
        in_memory="anyseek.search.in_memory:depth",
        preview="anyseek.serve.previews:RELIEF",
        sample="anyseek.library.benchmark:sample_depth",
    )
)
Modality.VIDEO = register(
    ModalityInfo(
        name="video",
        noun="a video",
        unit=Unit.SECONDS,
        query_help="A video; repeatable.",
        shown_as="picture",
        prompts=("{}", "a video of {}"),
        in_memory="anyseek.search.in_memory:video",
        preview_as="image",
        sample="anyseek.library.benchmark:sample_video",
    )
)
Modality.THERMAL = register(
    ModalityInfo(
        name="thermal",
        noun="a thermal picture",
        unit=Unit.WHOLE,
        query_help="A thermal picture; repeatable.",
        shown_as="picture",
        in_memory="anyseek.search.in_memory:thermal",
        preview="anyseek.serve.previews:PICTURE",
        sample="anyseek.library.benchmark:sample_thermal",
    )
)
Modality.IMU = register(
    ModalityInfo(
        name="imu",
        noun="a table of motion",
        unit=Unit.SECONDS,
        query_help="A table of motion; repeatable.",
        in_memory="anyseek.search.in_memory:imu",
        takes_rate=True,
        sample="anyseek.library.benchmark:sample_imu",
    )
)
