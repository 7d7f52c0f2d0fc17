"""`anyseek bench model`: a line or an object for each modality of the model."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from ran import Ran, objects

Run = Callable[..., Ran]


@pytest.mark.thorough
def test_every_modality_is_measured(here: Run) -> None:
    ran = here("bench", "model", "mini", "--batch", "2", "--seconds", "0", "--json")
    told = objects(ran.out)
    assert [one["modality"] for one in told] == ["text", "image", "audio", "depth"]
    assert all(one["embed"] > 0 and one["prepare"] > 0 for one in told)
    assert here("bench", "model", "mini", "--batch", "2", "--seconds", "0").out.startswith("text     embeds")


def test_an_unknown_model_is_refused(here: Run) -> None:
    assert here("bench", "model", "minni").code == 20
