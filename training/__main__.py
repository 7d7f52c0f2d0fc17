"""Train `mini`: `python -m training STAGE... --media DIR --teachers DIR --work DIR`.

Stages, in order; each reads what earlier ones left in --work, can be run alone, and goes on where it stopped:

    look    the picture teacher's feature maps of all pictures
    read    the text teacher's vectors of captions, names and the corpus (needs --wordnet)
    bind    the joint space: a projection of texts, a head on the picture teacher's features
    image   the picture tower
    depth   the depth tower, on RGB-D pairs and rendered rooms
    text    the text tower
    sound   the sound body's file, and the head on it (a few minutes; once more when space.npz changed)
    card    card.json, with the fingerprint of what was trained

Towers are written to --weights (default: the folder that the package ships; another is used as `--model mini:FOLDER`).
--seconds is the clock of a training stage; the schedule follows it. --open-only keeps what is openly licensed.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

import torch

from anyseek.embedders.mini import card_writer
from anyseek.embedders.mini.card import WEIGHTS
from training import bind, depth, image, listen, read, sounds, teachers
from training.minilm import MiniLM

SECONDS = {"image": 5000.0, "depth": 900.0, "text": 1400.0}


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ["look", "read", "bind", "image", "depth", "text", "sound", "card"]
    parser.add_argument("stages", nargs="+", choices=names, metavar="STAGE", help=", ".join(names))
    parser.add_argument(
        "--media", type=Path, required=True, help="the training pack (shards and metadata.jsonl)"
    )
    parser.add_argument("--media2", type=Path, help="the second pack, for the stage `sound`")
    parser.add_argument("--teachers", type=Path, required=True, help="the teachers' files")
    parser.add_argument(
        "--work", type=Path, required=True, help="a folder for what stages leave to each other (6 GB)"
    )
    parser.add_argument(
        "--wordnet", type=Path, default=Path("/usr/share/wordnet"), help="WordNet's dictionary files"
    )
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="where the towers are written")
    parser.add_argument("--seconds", type=float, help="the clock of a training stage")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument(
        "--hold-out",
        nargs="*",
        default=[],
        metavar="SOURCE",
        help="`sound`: learn nothing from these sources, print the figures on them, and write no file",
    )
    parser.add_argument("--views", type=int, default=sounds.VIEWS, help="`sound`: views of every clip")
    parser.add_argument(
        "--centred",
        type=float,
        default=0.0,
        help="`sound`: how much of what all sounds have in common is taken away, 0 to 1",
    )
    parser.add_argument("--open-only", action="store_true", help="learn from openly licensed items alone")
    return parser


def main() -> None:
    """Run the stages that were named, in the order given."""
    options = arguments().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    options.weights.mkdir(parents=True, exist_ok=True)
    media, taught, work, weights, only = (
        options.media,
        options.teachers,
        options.work,
        options.weights,
        options.open_only,
    )

    packs = [media, *([options.media2] if options.media2 else [])]

    def clock(stage: str) -> float:
        return options.seconds or SECONDS[stage]

    stages: dict[str, Callable[[], object]] = {
        "look": lambda: teachers.run(media, work, open_only=only),
        "read": lambda: read.run(media, taught, options.wordnet, work, weights, open_only=only),
        "bind": lambda: bind.run(media, taught, work, open_only=only),
        "image": lambda: image.run(media, work, weights, clock("image"), open_only=only),
        "depth": lambda: depth.run(media, work, weights, clock("depth"), open_only=only),
        "text": lambda: read.train_tower(work, weights, clock("text")),
        "sound": lambda: listen.run(
            listen.Places(packs, taught, work),
            weights,
            MiniLM(),
            open_only=only,
            hold_out=options.hold_out,
            centred=options.centred,
            views=options.views,
        ),
        "card": lambda: card_writer.write_card(weights, open_only=only),
    }
    for stage in options.stages:
        logging.info("stage %s", stage)
        stages[stage]()


if __name__ == "__main__":
    main()
