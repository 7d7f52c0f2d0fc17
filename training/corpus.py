"""What the text tower reads: dictionary words and definitions, passages, phrases about scenes and sounds.

The dictionary is WordNet 3.0 (Princeton University; free for any use with its notice), as the folder of `data.*` and
`index.*` files that Debian's package `wordnet-base` installs.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PARTS = ("noun", "verb", "adj", "adv")
SUBJECTS = (
    "dog|cat|man|woman|child|boy|girl|bird|horse|car|boat|train|two dogs|three children|a group of people|"
    "an old man|a crowd|some birds|a bicycle|a bus|a red car|a black dog|a white cat|a yellow taxi|a baby|waves|"
    "rain|wind|thunder|a bell|music|a plane|flowers|a tree|a house|a bridge|food|a cake|a cup of coffee|a table|a chair"
).split("|")
ACTIONS = (
    "|running|barking|sleeping|jumping|singing|playing|crying|laughing|swimming|standing|sitting|eating|flying|"
    "talking|parked|moving fast|walking"
).split("|")
PLACES = (
    "|on the beach|at the sea|in the snow|on a street|in a kitchen|in a forest|in a park|at night|on a mountain|"
    "in a bedroom|by the river|in the city|on the grass|in the rain|at sunset|in an office|under a tree|in a field|"
    "at the station|on a boat|in front of a building"
).split("|")
SOUND_PROMPTS = ("{}", "the sound of {}", "{} in the distance", "a recording of {}", "sound of a {}")


def words(wordnet: Path, most: int = 38_000) -> dict[str, int]:
    """The commonest `most` lemmas of up to three words, with a count of how common each is."""
    counts: dict[str, int] = {}
    for part in PARTS:
        for line in (wordnet / f"index.{part}").read_text(encoding="latin-1").splitlines():
            fields = line.split()
            if line.startswith(" ") or not re.fullmatch(r"[a-z][a-z'_-]{1,30}", fields[0]):
                continue
            lemma = fields[0].replace("_", " ")
            if lemma.count(" ") <= 2:
                senses, pointers = int(fields[2]), int(fields[3])
                tagged = int(fields[5 + pointers])  # senses seen in tagged text
                counts[lemma] = counts.get(lemma, 0) + 3 * tagged + senses + (2 if " " not in lemma else 0)
    best = sorted(counts, key=lambda lemma: (-counts[lemma], lemma))[:most]
    return {lemma: counts[lemma] for lemma in best}


def glosses(wordnet: Path) -> tuple[list[tuple[str, str]], list[str]]:
    """(first lemma, definition) of every sense, and the example sentences."""
    definitions, examples = [], []
    for part in PARTS:
        for line in (wordnet / f"data.{part}").read_text(encoding="latin-1").splitlines():
            if not line.startswith(" "):
                head, _, gloss = line.partition("|")
                examples += [found for found in re.findall(r'"([^"]+)"', gloss) if len(found) > 12]
                text = re.sub(r'"[^"]*"', "", gloss).strip(" ;\n")
                definitions.append((head.split()[4].replace("_", " "), text))
    return definitions, examples


def passages(pools: Sequence[Sequence[str]], count: int, rng: random.Random) -> list[str]:
    """Two to six sentences of one pool, or of all pools mixed, as one text."""
    out = []
    for _ in range(count):
        pool = rng.choice([*pools, None])
        chosen = [rng.choice(pool or rng.choice(pools)) for _ in range(rng.choice([2, 2, 3, 4, 5, 6]))]
        out.append(" ".join(text[0].upper() + text[1:].rstrip(".") + "." for text in chosen))
    return out


def compose(wordnet: Path, captions: Sequence[str], sounds: Iterable[str], seed: int = 0) -> list[str]:
    """All texts to learn from, without repeats, in random order. captions: there are none of the open part."""
    rng = random.Random(seed)
    common = words(wordnet)
    senses, examples = glosses(wordnet)
    senses.sort(key=lambda sense: -common.get(sense[0].lower(), 0))
    defined = [text if rng.random() < 0.5 else f"{lemma}: {text}" for lemma, text in senses[:26_000]]
    spoken = [f"{rng.choice(SUBJECTS)} {rng.choice(ACTIONS)} {rng.choice(PLACES)}" for _ in range(12_000)]
    seen = [rng.choice(captions) for _ in range(14_000)] if captions else []
    short = [" ".join(text.rstrip(".").split()[: rng.randint(2, 6)]) for text in seen[6_000:]]
    texts = [
        *common,
        *defined,
        *rng.sample(examples, 12_000),
        *passages([pool for pool in (captions, examples, defined) if pool], 9_000, rng),
        *(prompt.format(name.lower()) for name in sounds for prompt in SOUND_PROMPTS),
        *(" ".join(text.split()) for text in spoken),
        *(text.lower().rstrip(".") for text in seen[:6_000]),
        *short,
    ]
    unique = [text for text in dict.fromkeys(text.strip() for text in texts) if text]
    rng.shuffle(unique)
    return unique
