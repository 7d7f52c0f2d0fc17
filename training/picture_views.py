"""The views of pictures that `features` kept, in batches, and mixtures of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from training.picture_head import HeadInputs


class Views:
    """What `features` kept of every picture: `views` of them, (n, 9, 9, 512) and (n, 1000) float16 each."""

    def __init__(self, work: Path, views: int) -> None:
        def files(name: str) -> list[Any]:
            return [np.load(work / f"{name}{number}.npy", mmap_mode="r") for number in range(views)]

        self.maps, self.logits = files("maps"), files("logits")

    def batch(
        self, rows: Sequence[int], views: Sequence[int], cells: npt.NDArray[np.int64] | None = None
    ) -> HeadInputs:
        """Picture `rows[i]` as it is in view `views[i]`; of its map only `cells[i]` (n, count), if they are given."""
        chosen = list(zip(views, rows, strict=True))
        maps = [self.maps[view][row].reshape(-1, self.maps[view].shape[-1]) for view, row in chosen]
        if cells is not None:
            maps = [whole[some] for whole, some in zip(maps, cells, strict=True)]
        return HeadInputs(
            torch.from_numpy(np.stack(maps)).to(torch.bfloat16),
            torch.from_numpy(np.stack([self.logits[view][row] for view, row in chosen])).float(),
        )


def mix(
    inputs: HeadInputs, words: Tensor, share: float, rng: np.random.Generator
) -> tuple[HeadInputs, Tensor]:
    """A `share` of the views becomes .3 to .7 of itself and the rest another of the batch; so do their texts.

    Source: mixup (Zhang et al. 2018), of pairs: MixGen (Hao et al. 2023).
    """
    chosen = torch.from_numpy(np.flatnonzero(rng.random(len(words)) < share))
    other = torch.from_numpy(rng.permutation(len(words)))[chosen]
    keep = torch.from_numpy(rng.uniform(0.3, 0.7, (len(chosen), 1)).astype(np.float32))

    def mixed(rows: Tensor, keep: Tensor) -> Tensor:
        out = rows.clone()
        out[chosen] = torch.lerp(rows[other], rows[chosen], keep)
        return out

    cells = mixed(inputs.cells, keep[..., None].to(inputs.cells.dtype))
    belief = mixed(inputs.logits.softmax(1), keep)
    return HeadInputs(cells, (belief + 1e-9).log()), mixed(words, keep)
