"""Requests made from the OpenAPI document, sensible ones and others: nothing is answered with a 5xx."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("schemathesis")

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error

from anyseek.serve.app import make_app
from anyseek.serve.guard import Guard


def fuzz(media: Path, examples: int) -> int:
    """So many requests to every operation, half of them against the document; how many were sent."""
    app = make_app(media / ".anyseek", guard=Guard(), allow_write=True)
    document = schemathesis.openapi.from_asgi("/openapi.json", app, headers={"host": "localhost"})
    quiet = {"deadline": None, "suppress_health_check": list(HealthCheck), "phases": [Phase.generate]}
    sent = 0
    for found in document.get_all_operations():
        operation = found.ok()
        for mode in schemathesis.GenerationMode:

            @settings(max_examples=examples, derandomize=True, database=None, **quiet)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal sent
                sent += 1
                case.call_and_validate(checks=[not_a_server_error], headers={"host": "localhost"})

            # An operation without parameters has no wrong requests.
            with suppress(Unsatisfiable) if mode is schemathesis.GenerationMode.NEGATIVE else nullcontext():
                ask()
    return sent


@pytest.mark.thorough
def test_no_request_is_answered_with_a_server_error(media: Path) -> None:
    assert fuzz(media, 4) > 60


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_request_of_many_is_answered_with_a_server_error(media: Path) -> None:
    assert fuzz(media, 100) > 1000
