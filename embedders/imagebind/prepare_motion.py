"""Motion sensors as ImageBind's IMU tower takes them. NumPy; runs in workers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint

STEPS, RATE_HZ, WINDOW_S = 2_000, 400, 5.0


@dataclass(frozen=True, slots=True)
class PrepareMotion:
    """float32 (6, N) at 400 Hz, accelerometer then gyroscope -> float32 (6, 2000).

    A shorter piece is filled up with its last values. The order of the channels and their units are not published; see
    the documentation for what users found.
    """

    @property
    def hint(self) -> DecodeHint:
        """Windows of five seconds."""
        return DecodeHint(imu_hz=RATE_HZ, window_s=WINDOW_S, hop_s=WINDOW_S)

    def __call__(self, data: Any) -> npt.NDArray[np.float32]:
        """See the class."""
        rows = np.asarray(data, np.float32)[:, :STEPS]
        return np.pad(rows, ((0, 0), (0, STEPS - rows.shape[1])), mode="edge")
