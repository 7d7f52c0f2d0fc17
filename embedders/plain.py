"""Preparers of families whose own library does the rest: text and sound, made harmless. Picklable, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anyseek.contracts import DecodeHint

if TYPE_CHECKING:
    from anyseek.contracts import Floats


@dataclass(frozen=True, slots=True)
class PrepareText:
    """str -> str."""

    hint: DecodeHint

    def __call__(self, data: Any) -> Any:
        """The text itself, without blanks around it."""
        return str(data).strip()


@dataclass(frozen=True, slots=True)
class PrepareSound:
    """Samples -> the same, a window of at most `hint.window_s`."""

    hint: DecodeHint

    def __call__(self, data: Any) -> Floats:
        """float32 (N,) mono, -1 to 1, NaN-free, at least a tenth of a second (models divide by the length)."""
        samples: Floats = np.nan_to_num(np.asarray(data, np.float32))
        least = self.hint.rate_hz // 10
        return np.pad(samples, (0, least - len(samples))) if len(samples) < least else samples
