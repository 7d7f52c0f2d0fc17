"""Train `mini`: `python -m training STAGE... --media DIR DIR --teachers DIR --work DIR`.

Stages, in order; each reads what earlier ones left, can be run alone, and goes on where it stopped:

    text      the text body as an ONNX file, and its vectors of captions and names
    features  the picture body as an ONNX file, and its maps of several views of all pictures
    image     heads on those maps, and the projection of texts: the joint space
    sound     the sound body as an ONNX file, and the head on it
    depth     the depth tower, on RGB-D pairs and rendered rooms
    languages the map of `mini-languages`, from e5's texts to those of the text body
    card      card.json, with the fingerprint of what was trained; with the heads of `mini`, of `mini-languages` too

Bodies go to the package's `weights/bodies`, whatever --heads is. Heads go to --heads: `mini` of the package, or
`mini-open` with --open-only; another folder of heads is used as `--model mini:FOLDER`.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from pathlib import Path

from anyseek.embedders.mini import card_writer
from training import data, depth, device, features, languages, picture, sound, sounds, text_body, texts
from training.paths import BODIES, WEIGHTS


def arguments() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    names = ["text", "features", "image", "sound", "depth", "languages", "card"]
    parser.add_argument("stages", nargs="+", choices=names, metavar="STAGE", help=", ".join(names))
    parser.add_argument(
        "--media",
        type=Path,
        nargs="+",
        required=True,
        help="the training packs (shards and metadata.jsonl), the one with the larger copies first",
    )
    parser.add_argument("--teachers", type=Path, required=True, help="the teachers' files")
    parser.add_argument(
        "--work", type=Path, required=True, help="a folder for what stages leave to each other (8 GB)"
    )
    parser.add_argument("--heads", type=Path, help="where heads are written")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch")
    parser.add_argument(
        "--hold-out",
        nargs="*",
        default=list(data.HELD_OUT),
        metavar="SOURCE",
        help="learn nothing from these sources, and print the figures on them",
    )
    parser.add_argument("--views", type=int, default=sounds.VIEWS, help="`sound`: views of every clip")
    parser.add_argument("--depth-steps", type=int, default=depth.STEPS, help="`depth`: batches to learn from")
    parser.add_argument(
        "--open-only", action="store_true", help="heads learn from openly licensed items alone"
    )
    return parser


def main() -> None:
    """Run the stages that were named, in the order given."""
    options = arguments().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    device.prepare(options.threads)
    only = options.open_only
    heads = options.heads or WEIGHTS / ("mini-open" if only else "mini")
    for folder in (options.work, heads, BODIES):
        folder.mkdir(parents=True, exist_ok=True)
    places = data.Places(options.media, options.teachers, options.work, heads)
    allowed = data.Allowed(frozenset(options.hold_out), only)

    def read() -> None:
        text_body.write(BODIES)
        texts.run(places)

    stages: dict[str, Callable[[], object]] = {
        "text": read,
        "features": lambda: features.run(places, picture.PictureConfig().views),
        "image": lambda: picture.run(places, allowed),
        "sound": lambda: sound.run(places, allowed, views=options.views),
        "depth": lambda: depth.run(places, allowed, options.depth_steps),
        "languages": lambda: languages.run(places, allowed),
        "card": lambda: card_writer.write_card(heads, open_only=only),
    }
    for stage in options.stages:
        logging.info("stage %s", stage)
        stages[stage]()


if __name__ == "__main__":
    main()
