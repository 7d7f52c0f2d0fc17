"""What the picture body sees: its maps of several views of every picture, once, kept for the heads to learn from.

Beside each map: the class logits. A view is the whole picture (0), its mirror image (1), or a random crop with its
colours changed (2 and more); the same number and picture give the same view again. Maps are kept as float16 in the
principal components of the cells.
"""

from __future__ import annotations

import io
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import numpy as np
import numpy.typing as npt
import onnxruntime
from PIL import Image, ImageEnhance

from anyseek.embedders.mini.prepare_visual import IMAGE_SIDE
from training import data, picture_body
from training.measure import Floats
from training.paths import BODIES
from training.picture_body import CHANNELS, CLASSES, GRID

LOG = logging.getLogger(__name__)
DIMS = 512
BATCH = 16
PLAIN = 2  # views 0 and 1 are the whole picture
LEAST = {2: 0.5, 3: 0.3}  # of the area that a crop covers; of further views 0.4
COLOURS = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)


def all_pictures(packs: Sequence[Path]) -> list[data.Record]:
    """The pictures of the packs, then the colour halves of their RGB-D pairs."""
    return data.read_records(packs, "image") + data.read_records(packs, "rgbd")


def view(picture: Image.Image, number: int, seed: int) -> npt.NDArray[np.uint8]:
    """View `number` of a picture, uint8 (260, 260, 3); `seed`: the picture's place among all."""
    size = (IMAGE_SIDE, IMAGE_SIDE)
    if number < PLAIN:
        whole = np.asarray(picture.resize(size, Image.Resampling.BICUBIC))
        return whole[:, ::-1] if number == 1 else whole
    rng = np.random.default_rng((seed, number))
    area, aspect = rng.uniform(LEAST.get(number, 0.4), 1.0), np.exp(rng.uniform(-0.29, 0.29))
    width, height = picture.size
    box_width = min(1.0, float(np.sqrt(area * aspect))) * width
    box_height = min(1.0, float(np.sqrt(area / aspect))) * height
    left, top = rng.uniform(0, width - box_width), rng.uniform(0, height - box_height)
    box = (left, top, left + box_width, top + box_height)
    picture = picture.resize(size, Image.Resampling.BICUBIC, box=box)
    for change in COLOURS:
        picture = change(picture).enhance(float(rng.uniform(0.65, 1.35)))
    seen = np.asarray(picture)
    return seen[:, ::-1] if rng.random() < 0.5 else seen


class Pictures:
    """Encoded pictures in memory, decoded when a view is asked for."""

    def __init__(self, records: Sequence[data.Record]) -> None:
        encoded = {
            name.split(".")[0]: raw for name, raw in data.read_members(records) if name.endswith(".webp")
        }
        self.raw = [encoded[record.key] for record in records]

    def views(self, number: int, first: int = 0) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """(place of the first, batch of views) from place `first` on; decoded by a thread ahead of the reader."""
        ready: Queue[tuple[int, npt.NDArray[np.uint8]] | None] = Queue(8)

        def decode() -> None:
            for start in range(first, len(self.raw), BATCH):
                rows = range(start, min(start + BATCH, len(self.raw)))
                ready.put((start, np.stack([self.one(row, number) for row in rows])))
            ready.put(None)

        threading.Thread(target=decode, daemon=True).start()
        while (batch := ready.get()) is not None:
            yield batch

    def one(self, row: int, number: int) -> npt.NDArray[np.uint8]:
        """View `number` of the picture at `row`, uint8 (260, 260, 3)."""
        with Image.open(io.BytesIO(self.raw[row])) as picture:
            return view(picture.convert("RGB"), number, row)


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Principal components of the cells of maps: mean (1280,), basis (1280, DIMS)."""

    mean: Floats
    basis: Floats

    def of(self, cells: Floats) -> Floats:
        """(..., 1280) -> (..., DIMS) float32."""
        return np.asarray((cells - self.mean) @ self.basis, np.float32)


def components(body: onnxruntime.InferenceSession, pictures: Pictures, path: Path) -> Components:
    """Of the maps of 1,600 pictures, kept in `path`."""
    if not path.exists():
        chosen = np.sort(np.random.default_rng(0).permutation(len(pictures.raw))[:1600])
        mean, gram, count = np.zeros(CHANNELS), np.zeros((CHANNELS, CHANNELS)), 0
        for start in range(0, len(chosen), BATCH):
            batch = np.stack([pictures.one(row, 0) for row in chosen[start : start + BATCH].tolist()])
            cells = body.run(["map"], {"pixels": batch})[0].reshape(-1, CHANNELS)
            mean += cells.sum(0)
            gram += cells.T @ cells
            count += len(cells)
        mean /= count
        values, vectors = np.linalg.eigh(gram / count - np.outer(mean, mean))
        LOG.info("%d components keep %.3f of the variance", DIMS, values[::-1][:DIMS].sum() / values.sum())
        basis = np.ascontiguousarray(vectors[:, ::-1][:, :DIMS])
        np.savez(path, mean=mean.astype(np.float32), basis=basis.astype(np.float32))
    with np.load(path) as saved:
        return Components(saved["mean"], saved["basis"])


def run(places: data.Places, views: int) -> None:
    """Write for each view `maps0.npy` (n, 9, 9, DIMS) and `logits0.npy` (n, 1000), float16; `components.npz`, and the
    keys in order, `pictures.json`.

    The body is made first if it is not there. Resumes an interrupted pass.
    """
    records, work = all_pictures(places.packs), places.work
    data.keep_order(records, work / "pictures.json")
    pictures = Pictures(records)
    path = BODIES / "image.onnx"
    if not path.exists():
        train = [row for row, record in enumerate(records) if record.split == "train"]
        chosen = np.random.default_rng(0).choice(train, picture_body.CALIBRATION, replace=False)
        picture_body.write(np.stack([pictures.one(row, 0) for row in chosen.tolist()]), path)
    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    body = onnxruntime.InferenceSession(path, options)
    basis = components(body, pictures, work / "components.npz")
    for number in range(views):
        _look(body, pictures, basis, number, work)


def _look(
    body: onnxruntime.InferenceSession, pictures: Pictures, basis: Components, number: int, work: Path
) -> None:
    mark, began, count = work / f"view{number}.done", time.monotonic(), len(pictures.raw)
    first = int(mark.read_text()) if mark.exists() else 0
    if first == count:
        return
    shapes = {"maps": (count, GRID, GRID, DIMS), "logits": (count, CLASSES)}
    out = {
        name: np.lib.format.open_memmap(
            work / f"{name}{number}.npy", "r+" if first else "w+", np.float16, shape
        )
        for name, shape in shapes.items()
    }
    for start, batch in pictures.views(number, first):
        rows = slice(start, start + len(batch))
        cells, out["logits"][rows] = body.run(["map", "logits"], {"pixels": batch})
        out["maps"][rows] = basis.of(cells)
        if start // BATCH % 100 == 99:
            for array in out.values():
                array.flush()
            mark.write_text(str(rows.stop))
            LOG.info("view %d: %d, %.0f s", number, rows.stop, time.monotonic() - began)
    for array in out.values():
        array.flush()
    mark.write_text(str(count))
