"""How previews are cut."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fakes import WordEmbedder

from anyseek import modalities
from anyseek.contracts import DecodeHint, Modality
from anyseek.media.previews import SOUND
from anyseek.serve.previews import preparers


class Hinted:
    """A preparer with the hint of a model that cuts in windows that overlap."""

    hint = DecodeHint(window_s=4, hop_s=1.5, rate_hz=8000)

    def __call__(self, data: object) -> object:
        return data


class Listener(WordEmbedder):
    def preparer(self, modality: Modality) -> Hinted:  # type: ignore[override]
        return Hinted()


def test_what_has_times_is_cut_as_the_model_cuts_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of each modality that has them, not of sound alone; the rest of the hint is the preview's own."""
    imu = replace(modalities.info(Modality.IMU), preview="anyseek.media.previews:SOUND")
    monkeypatch.setitem(modalities._TABLE, "imu", imu)
    made = preparers(Listener(modalities=(Modality.IMAGE, Modality.AUDIO, Modality.IMU)))
    for modality in (Modality.AUDIO, Modality.IMU):
        assert made[modality].hint == replace(SOUND.hint, window_s=4, hop_s=1.5)
    assert made[Modality.IMAGE].hint.window_s == DecodeHint().window_s
