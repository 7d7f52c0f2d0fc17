"""What a command left behind."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ANYSEEK = Path(sys.executable).with_name("anyseek")
"""The installed command, beside the Python that runs the tests."""


@dataclass(frozen=True)
class Ran:
    """A finished command."""

    code: int
    out: str
    err: str


def unmeasured(environment: Mapping[str, str]) -> dict[str, str]:
    """Without coverage's variables: for what a process loads, or for one that may write nowhere."""
    return {name: value for name, value in environment.items() if not name.startswith("COVERAGE_")}


def objects(text: str) -> list[dict[str, Any]]:
    """JSON lines, each of which must parse."""
    return [json.loads(line) for line in text.splitlines()]
