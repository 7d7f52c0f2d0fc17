"""Stems of English words, so that `running dogs` is found by `run dog`: the algorithm of Porter (1980, "An algorithm
for suffix stripping"), as SQLite has it too.

A change of what becomes of a word is a new format of the catalog (catalog/migrations.py).
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

_LETTERS = re.compile("[a-z]{3,64}")
_REMEMBERED = 1 << 16

# Suffixes with what takes their place; of those that end a word only the first one listed is looked at.
_STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("logi", "log"),
    ("bli", "ble"), ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"),
    ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"),
    ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"),
)  # fmt: skip
_STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_STEP_4 = (
    "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate", "iti",
    "ous", "ive", "ize",
)  # fmt: skip


def is_stemmed(token: str) -> bool:
    """Whether a token may have another stem than itself: three letters from a to z or more, and nothing else. Numbers,
    names with digits and other scripts stay as they are."""
    return _LETTERS.fullmatch(token) is not None


@lru_cache(_REMEMBERED)
def stem(word: str) -> str:
    """The stem of a token (tokens.py), itself for one that is not stemmed."""
    if not is_stemmed(word):
        return word
    word = _without_s(word)
    word = _without_ed_and_ing(word)
    if word.endswith("y") and _has_vowel(word[:-1]):
        word = word[:-1] + "i"
    for suffixes in (_STEP_2, _STEP_3):
        for suffix, instead in suffixes:
            if word.endswith(suffix):
                if _measure(word[: -len(suffix)]) > 0:
                    word = word[: -len(suffix)] + instead
                break
    word = _without_ending(word)
    if word.endswith("e"):
        before = _measure(word[:-1])
        if before > 1 or (before == 1 and not _ends_in_cvc(word[:-1])):
            word = word[:-1]
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word


def _without_s(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _without_ed_and_ing(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            if not _has_vowel(rest):
                return word
            if rest.endswith(("at", "bl", "iz")):
                return rest + "e"
            if len(rest) > 1 and rest[-1] == rest[-2] and _is_consonant(rest, len(rest) - 1):
                return rest if rest[-1] in "lsz" else rest[:-1]
            return rest + "e" if _measure(rest) == 1 and _ends_in_cvc(rest) else rest
    return word


def _without_ending(word: str) -> str:
    for suffix in sorted(_STEP_4, key=len, reverse=True):
        if word.endswith(suffix):
            rest = word[: -len(suffix)]
            is_ion = suffix == "ion" and not rest.endswith(("s", "t"))
            return word if _measure(rest) < 2 or is_ion else rest
    return word


def _is_consonant(word: str, at: int) -> bool:
    if word[at] == "y":
        return at == 0 or not _is_consonant(word, at - 1)
    return word[at] not in "aeiou"


def _has_vowel(word: str) -> bool:
    return not all(_is_consonant(word, at) for at in range(len(word)))


def _measure(word: str) -> int:
    """How often consonants follow vowels: m in [C](VC){m}[V]."""
    kinds = [_is_consonant(word, at) for at in range(len(word))]
    return sum(is_one and not was_one for was_one, is_one in pairwise(kinds))


def _ends_in_cvc(word: str) -> bool:
    """Consonant, vowel, consonant other than w, x and y."""
    if len(word) < 3 or word[-1] in "wxy":
        return False
    last = len(word) - 1
    return _is_consonant(word, last) and not _is_consonant(word, last - 1) and _is_consonant(word, last - 2)
