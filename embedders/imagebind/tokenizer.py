"""CLIP's byte-pair tokenizer (Radford et al. 2021), by the library `tokenizers` over the public vocabulary (MIT)."""

from __future__ import annotations

import gzip
import html
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from anyseek.contracts import DecodeHint
from anyseek.errors import MissingExtra

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LENGTH = 77
START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = 48_894
VOCABULARY = Path(__file__).with_name("clip_vocabulary.txt.gz")
# Contractions, runs of letters, single digits, runs of anything else.
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


@dataclass(frozen=True, slots=True)
class PrepareText:
    """str -> int64 (77,): start, at most 75 tokens, end, zeros."""

    @property
    def hint(self) -> DecodeHint:
        """75 tokens are about 300 characters of English."""
        return DecodeHint(passage_chars=300)

    def __call__(self, data: Any) -> npt.NDArray[np.int64]:
        """See the class."""
        return tokenize(data)


def tokenize(text: str) -> npt.NDArray[np.int64]:
    """int64 (77,). The names of the special tokens in a text become those tokens. Raises MissingExtra."""
    ids = tokenizer().encode(clean(text), add_special_tokens=False).ids
    row = np.zeros(LENGTH, np.int64)
    whole = [*[START_ID, *ids][: LENGTH - 1], END_ID]
    row[: len(whole)] = whole
    return row


def clean(text: str) -> str:
    """Broken Unicode repaired, HTML entities resolved twice, white space single, lower case."""
    try:
        import ftfy
    except ImportError as error:
        raise MissingExtra("ftfy is not installed.", "pip install 'anyseek[models]'") from error
    text = html.unescape(html.unescape(ftfy.fix_text(text))).strip()
    return " ".join(text.split()).lower()


@lru_cache(maxsize=1)
def tokenizer() -> Tokenizer:
    """Made from the vocabulary: 256 byte symbols, the same at the end of a word, the merges, the special tokens."""
    try:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    except ImportError as error:
        raise MissingExtra("tokenizers is not installed.", "pip install 'anyseek[models]'") from error
    lines = gzip.decompress(VOCABULARY.read_bytes()).decode().split("\n")[1 : MERGES + 1]
    merges = [(first, second) for first, second in (line.split() for line in lines)]
    symbols = byte_symbols()
    names = [*symbols, *(f"{one}</w>" for one in symbols), *("".join(pair) for pair in merges), START, END]
    model = models.BPE(
        vocab={name: number for number, name in enumerate(names)}, merges=merges, end_of_word_suffix="</w>"
    )
    made = Tokenizer(model)
    made.add_special_tokens([START, END])
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return made


def byte_symbols() -> list[str]:
    """A printable character for each byte: itself where it is printable, else one above U+00FF; in CLIP's order."""
    printable = [
        *range(ord("!"), ord("~") + 1),
        *range(ord("¡"), ord("¬") + 1),
        *range(ord("®"), ord("ÿ") + 1),
    ]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(256 + i) for i in range(len(others))]


START_ID, END_ID = 512 + MERGES, 513 + MERGES
