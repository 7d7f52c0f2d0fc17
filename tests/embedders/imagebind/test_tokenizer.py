"""CLIP's tokens against a plain byte-pair encoder written out here."""

from __future__ import annotations

import gzip
import hashlib
import html
import itertools
from functools import cache

import numpy as np
import pytest

pytest.importorskip("tokenizers")
ftfy = pytest.importorskip("ftfy")
regex = pytest.importorskip("regex")

from anyseek.embedders.imagebind.tokenizer import VOCABULARY, tokenize  # noqa: E402

TEXTS = [
    "A dog.",
    "a photo of a cat",
    "",
    "   ",
    "It's the dog's, they'll say we've won; I'm sure you'd agree they're right",
    "route 66 in 1999 costs 3.50$",
    "ÜBER café naïve coöperate",
    "日本語のテキスト",
    "emoji 🐕🌊 and flags 🇨🇭",
    "&lt;b&gt;bold&lt;/b&gt; &amp;amp; more",
    "doesnâ€™t this look broken",
    "tabs\tand\nnew\r\nlines  and   spaces",
    "<|endoftext|>",
    "before <|startoftext|> middle <|endoftext|> after",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    "a" * 300,
    "word " * 200,
    "!!!??? ... --- ___ ###",
    "C++ and C# and .NET",
    "x²+y²=z² ½ ٣ Ⅷ",
    "привет мир",
    "مرحبا بالعالم",
    "\u200bzero\u200bwidth",
    "mixed123numbers456and789text",
    "don't DON'T Don’t",
    "http://example.org/a?b=c&d=e",
    "한국어 문장",
    "a\u0301 combining",
    "I'll've",
    "\x00control\x07characters",
]


@cache
def ranks() -> dict[tuple[str, str], int]:
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode("utf-8").split("\n")[1:48895]
    return {(line.split()[0], line.split()[1]): i for i, line in enumerate(lines)}


@cache
def letters() -> dict[int, str]:
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {byte: chr(byte) for byte in shown}
    for byte in range(256):
        if byte not in table:
            table[byte] = chr(256 + len(table) - len(shown))
    return table


@cache
def numbers() -> dict[str, int]:
    first = list(letters().values())
    names = first + [one + "</w>" for one in first] + [a + b for a, b in ranks()]
    return {name: i for i, name in enumerate([*names, "<|startoftext|>", "<|endoftext|>"])}


def merge(word: str) -> list[str]:
    parts = [letters()[byte] for byte in word.encode()]
    parts[-1] += "</w>"
    while len(parts) > 1:
        best = min(itertools.pairwise(parts), key=lambda pair: ranks().get(pair, 10**9))
        if best not in ranks():
            break
        merged, i = [], 0
        while i < len(parts):
            if i + 1 < len(parts) and (parts[i], parts[i + 1]) == best:
                merged.append(parts[i] + parts[i + 1])
                i += 2
            else:
                merged.append(parts[i])
                i += 1
        parts = merged
    return parts


def by_hand(text: str) -> list[int]:
    text = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    text = regex.sub(r"\s+", " ", text).strip().lower()
    found = regex.findall(
        r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
        text,
        regex.IGNORECASE,
    )
    ids = [49406]
    for word in found:
        ids += (
            [numbers()[word]]
            if word in numbers() and word.startswith("<|")
            else [numbers()[p] for p in merge(word)]
        )
    ids = [*ids[:76], 49407]
    return ids + [0] * (77 - len(ids))


@pytest.mark.parametrize("text", TEXTS)
def test_tokens(text: str) -> None:
    ours = tokenize(text)
    assert ours.dtype == np.int64
    assert ours.tolist() == by_hand(text)


def test_the_vocabulary_is_the_public_one() -> None:
    known = "924691ac288e54409236115652ad4aa250f48203de50a9e4722a6ecd48d6804a"
    assert hashlib.sha256(VOCABULARY.read_bytes()).hexdigest() == known


def test_a_few_known_ids() -> None:
    assert tokenize("a photo of a cat")[:7].tolist() == [49406, 320, 1125, 539, 320, 2368, 49407]
