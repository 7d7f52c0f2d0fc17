"""What a search found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import overload

from anyseek.contracts import Hit, Modality


@dataclass(frozen=True, slots=True)
class Results:
    """Hits, by modality in the order of `targets`, best first in each: iterate over it, index it, count it.

    Cosines of two modalities do not compare, so every modality has ranks of its own, from 1 up to k.
    query: what was understood. targets: the modalities that were searched. missing: those of them in which
    nothing is indexed (below the folder that was asked for); then `available` names those that are there.
    is_merged: one list over all modalities by lift, ranks 1 to k over all of it. unmeasured: those among whose hits a
    least match that was asked for could not be applied, since too little of them is indexed to tell a match. remarks:
    sentences for people on what was not as it should be, though every hit is right: a store that failed, say.
    is_unread: what tells a match is damaged, so no hit has one, however much is indexed.
    """

    hits: tuple[Hit, ...]
    query: str
    targets: tuple[Modality, ...]
    missing: tuple[Modality, ...] = ()
    available: tuple[Modality, ...] = ()
    is_merged: bool = False
    unmeasured: tuple[Modality, ...] = ()
    remarks: tuple[str, ...] = ()
    is_unread: bool = False

    @property
    def why_unmeasured(self) -> str:
        """Why a least match could not be applied to `unmeasured`, as the end of a sentence; "" where it could."""
        if not self.unmeasured:
            return ""
        return "what tells a match is damaged" if self.is_unread else "too little is indexed to tell a match"

    @property
    def is_nothing_like_it(self) -> bool:
        """Whether every hit is one that chance gives more often than not: what was asked for is hardly here."""
        return bool(self.hits) and all(
            hit.match is not None and hit.match < 0.5 and not hit.has_words for hit in self.hits
        )

    def by_modality(self) -> dict[Modality, tuple[Hit, ...]]:
        """The hits of each modality that has any."""
        groups = {target: tuple(h for h in self.hits if h.modality is target) for target in self.targets}
        return {target: hits for target, hits in groups.items() if hits}

    def __iter__(self) -> Iterator[Hit]:
        return iter(self.hits)

    def __len__(self) -> int:
        return len(self.hits)

    @overload
    def __getitem__(self, place: int) -> Hit: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Hit, ...]: ...
    def __getitem__(self, place: int | slice) -> Hit | tuple[Hit, ...]:
        return self.hits[place]
