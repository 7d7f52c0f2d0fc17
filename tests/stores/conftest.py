"""What a search gives, however busy the machine is: a store's answers are waited for."""

from __future__ import annotations

import pytest
from waiting import BRAKE_S

from anyseek.stores.backend import StoreBackend


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of deadlines set their own."""
    monkeypatch.setattr(StoreBackend, "deadline_s", BRAKE_S)
