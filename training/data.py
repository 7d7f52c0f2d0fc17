"""The training packs: their metadata, their licences, their pictures and depth maps as arrays.

A pack is a folder of tar shards with one `metadata.jsonl`; every item has a key, a source, a split and a
short licence id. Nothing here knows models.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

OPEN_LICENCES = frozenset(
    {"cc0-1.0", "mit", "cc-by-2.0", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "odbl-1.0"}
)
"""Licences that let anyone train and share. `nc-research`, `none-stated` and `cc-mixed` are not among
them.
"""


HELD_OUT = ("coco-mini",)
"""Sources that shipped heads never see, so that transfer to another collection can be measured."""


@dataclass(frozen=True, slots=True)
class Record:
    """One line of the metadata."""

    key: str
    kind: str
    shard: Path
    source: str
    split: str
    licence: str
    labels: tuple[str, ...]
    captions: tuple[str, ...]
    scene: str

    @property
    def texts(self) -> tuple[str, ...]:
        """Everything that is written about the item: captions first, then labels."""
        return self.captions + self.labels


@dataclass(frozen=True, slots=True)
class Places:
    """packs: the training packs; teachers: the teachers' files; work: what stages leave to each other; heads: what is
    shipped of them."""

    packs: Sequence[Path]
    teachers: Path
    work: Path
    heads: Path


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may be learned from: no source of `hold_out`, and with `open_only` only items with open licences."""

    hold_out: frozenset[str] = frozenset()
    open_only: bool = False

    def __contains__(self, record: object) -> bool:
        return (
            isinstance(record, Record)
            and record.split == "train"
            and record.source not in self.hold_out
            and (not self.open_only or record.licence in OPEN_LICENCES)
        )


def _record(pack: Path, line: str) -> Record:
    row: dict[str, Any] = json.loads(line)
    return Record(
        key=row["key"],
        kind=row["kind"],
        shard=pack / row["shard"],
        source=row["source"],
        split=row["split"],
        licence=row["licence"],
        labels=tuple(row.get("labels", ())),
        captions=tuple(row.get("captions", ())),
        scene=row.get("scene", ""),
    )


def read_records(packs: Sequence[Path], kind: str) -> list[Record]:
    """Records of one kind (`image`, `rgbd`, `sound`), in the order of the packs and their files.

    A key that an earlier pack has is not taken again: the larger copies come first.
    """
    found: dict[str, Record] = {}
    for pack in packs:
        for line in (pack / "metadata.jsonl").read_text(encoding="utf-8").splitlines():
            record = _record(pack, line)
            if record.kind == kind:
                found.setdefault(record.key, record)
    return list(found.values())


def keep_order(records: Sequence[Record], path: Path) -> None:
    """Write the records' keys to `path`, beside arrays with a row for each.

    Raises SystemExit if it holds others: what lies there was made or learned from other items.
    """
    keys = [record.key for record in records]
    if path.exists() and json.loads(path.read_text()) != keys:
        raise SystemExit(f"{path.parent} was made from other items: choose another folder, or remove it.")
    path.write_text(json.dumps(keys))


def read_members(records: Sequence[Record]) -> Iterator[tuple[str, bytes]]:
    """(member name, bytes) of every member of the shards that belongs to one of `records`, shard by shard."""
    for shard in sorted({record.shard for record in records}):
        keys = {record.key for record in records if record.shard == shard}
        with tarfile.open(shard) as tar:
            for member in tar:
                handle = tar.extractfile(member)
                if handle is not None and member.name.split(".")[0] in keys:
                    yield member.name, handle.read()


def read_depths(records: Sequence[Record]) -> list[npt.NDArray[np.float32]]:
    """Depth maps in metres, float32 (H, W), NaN where nothing was measured, in the records' order."""
    found: dict[str, npt.NDArray[np.float32]] = {}
    for name, data in read_members(records):
        if name.endswith(".depth.png"):
            metres = np.asarray(Image.open(io.BytesIO(data)), np.float32) / 1000.0
            metres[metres <= 0] = np.nan
            found[name.split(".")[0]] = metres
    return [found[record.key] for record in records]
