"""Where the weights lie that the package ships: in this repository, not in an installed copy of it."""

from __future__ import annotations

from pathlib import Path

WEIGHTS = Path(__file__).resolve().parents[1] / "embedders" / "mini" / "weights"
BODIES = WEIGHTS / "bodies"
