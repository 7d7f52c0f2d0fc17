"""The stage `audio`: views of the pack's sounds with what the tagger hears, and the tower taught with them."""

from __future__ import annotations

import logging
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from anyseek.embedders.mini.prepare_sound import log_mel
from training import audio, data, sounds
from training.export import centre, export
from training.measure import Floats, unit
from training.minilm import MiniLM
from training.tagger import Tagger, tag_names

LOG = logging.getLogger(__name__)


def run(
    media: Path,
    teachers: Path,
    work: Path,
    weights: Path,
    seconds: float,
    *,
    open_only: bool = False,
    hold_out: Sequence[str] = (),
) -> None:
    """A quarter of the time for views, the rest for training; exports `audio.onnx` and logs zero-shot accuracies."""
    with np.load(work / "bind.npz") as bound:
        project = bound["P"]
    records = data.read_records(media, "sound", open_only)
    learned = [r for r in records if r.split == "train" and r.source not in hold_out]
    judged = [r for r in records if r.split == "val" or r.source in hold_out]
    saved = work / "sound_views.pkl"  # made and read by this stage alone
    if not saved.exists():
        clips = sounds.read_clips(media, learned)
        tagger = Tagger(teachers / "mn04_as_mAP_432.pt")
        saved.write_bytes(
            pickle.dumps(sounds.make_views(clips, tagger, seconds / 4, np.random.default_rng(0)))
        )
    views: sounds.Views = pickle.loads(saved.read_bytes())  # noqa: S301
    teacher = MiniLM()
    labels = sorted({label for record in records for label in record.labels})
    tags = tag_names(teachers / "audioset_class_labels.csv")
    said = [[labels.index(record.labels[0])] for record in learned]
    lessons = audio.Lessons(views, joint(teacher, labels, project), joint(teacher, tags, project), said)
    net = audio.train(audio.AudioConfig(seconds=seconds * 3 / 4), views, lessons, work / "audio.pt")
    rows = audio.embed(net, [log_mel(clip) for clip in sounds.read_clips(media, judged)])
    for source in sorted({record.source for record in judged}):
        part = [i for i, record in enumerate(judged) if record.source == source]
        classes = sorted({r.labels[0] for r in records if r.source == source})
        right = np.array([classes.index(judged[i].labels[0]) for i in part])
        names = joint(teacher, classes, project, ("{}",))
        found = (rows[part] @ names.T).argmax(1)
        LOG.info(
            "%s: %d clips, %d classes, top-1 %.3f", source, len(part), len(classes), (found == right).mean()
        )
    export(net, torch.zeros(2, 250, 64), (0, 1), weights / "audio.onnx", "mel")
    heard = audio.embed(net, [log_mel(clip) for clip in sounds.read_clips(media, learned)])
    centre(weights / "audio.onnx", heard.mean(0))


def joint(
    teacher: MiniLM, names: Sequence[str], project: Floats, prompts: Sequence[str] = audio.PROMPTS
) -> Floats:
    """Unit rows of the joint space: the mean of every name's prompts, (n, dim)."""
    raw = teacher([prompt.format(name.lower()) for name in names for prompt in prompts])
    rows = unit(raw @ project.T).reshape(len(names), len(prompts), -1)
    return unit(rows.mean(1))
