"""From text to the tokens of the word index, in files and queries alike.

A word of a script with spaces is one token, and so is an emoji or another pictograph. Scripts that are written without
spaces between words (by the Unicode Line Breaking Algorithm: Chinese, Japanese, Thai, Lao, Khmer, Burmese, Javanese and
others), and Korean, whose particles are joined to words, become pairs of neighbouring letters, and the last letter of
each run alone: then any part of a run is a phrase of the index. Accents, points, width and the shades of emoji do not
count (compatibility forms: NFKD), vowel signs do.

`a red 狐狸が🎂` -> "a red 狐狸 狸が が 🎂"

A change of what becomes of a text is a new format of the catalog (catalog/migrations.py).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import pairwise

# Words that are in most texts and say nothing about a file.
STOP_WORDS = frozenset(
    "a an and are as at be by for from has in is it its of on or that the there this to was were with".split()
)

# Patterns are strings: `re` compiles what a text needs, once, and texts in ASCII need none. All of them take longer to
# compile than a search takes.

# Scripts whose letters are of the line breaking classes ID, CJ, SA, AK, AP, AS, and Hangul, as blocks (UAX #14).
_HAN = (
    "\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303b\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00016fe0-\U00018aff\U00018d00-\U00018dff\U0001b170-\U0001b2ff\U00020000-\U0003ffff"
)
_KATAKANA = "\u30a1-\u30ff\u31f0-\u31ff"
_KANA = f"{_KATAKANA}\u3041-\u309f\U0001aff0-\U0001b16f"
_OTHERS = (
    "\u0e01-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f\U000116d0-\U000116e3"  # Burmese
    "\u1780-\u17ff"  # Khmer
    "\u1950-\u19df\u1a20-\u1aaf\uaa80-\uaadf\U00011700-\U0001174f"  # Tai, Ahom
    "\u1b00-\u1b7f\u1bc0-\u1bff\ua980-\ua9df\uaa00-\uaa5f"  # Balinese, Batak, Javanese, Cham
    "\U00011000-\U0001107f\U00011300-\U000113ff\U00011900-\U0001195f"  # Brahmi, Grantha, Tulu, Dives Akuru
    "\U00011ee0-\U00011eff\U00011f00-\U00011f5f\U00016100-\U0001613f"  # Makasar, Kawi, Gurung
    "\u02ea\u02eb\u3105-\u312f\u31a0-\u31bf"  # Bopomofo
    "\ua000-\ua48c"  # Yi
    "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"  # Hangul
)
_WITHOUT_SPACES = f"{_HAN}{_KANA}{_OTHERS}"
_RUN = f"([{_WITHOUT_SPACES}]+)"
# What carries the meaning of a Chinese or Japanese run: Chinese characters, and words in katakana.
_PARTS = f"[{_HAN}]{{2,}}|[{_KATAKANA}]{{2,}}"
# The blocks of emoji, arrows, dingbats and other pictographs. A flag is two letters of its own kind.
_PICTOGRAPHS = (
    "[\U0001f1e6-\U0001f1ff]{1,2}|[\u2190-\u23ff\u25a0-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\U0001f000-\U0001f0ff\U0001f10d-\U0001f10f\U0001f150-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)

# Marks that readers leave out: accents (but not the breve of й and ў, which makes other letters), Hebrew points, Arabic
# and Syriac vowels with what else stands on or below letters there, shades of emoji, and variation selectors.
_MARKS = (
    "(?<![\u0438\u0443])\u0306|[\u0300-\u0305\u0307-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
    "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\ufb1e"
    "\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0898-\u089f\u08ca-\u08e1"
    "\u08e3-\u08ff\u0711\u0730-\u074a\U0001f3fb-\U0001f3ff\ufe00-\ufe0f\U000e0100-\U000e01ef]"
)
# Letters that one reader types for another: those with a stroke, and of Arabic and Persian keyboards.
_LIKE = str.maketrans(
    {"ı": "i", "ø": "o", "ł": "l", "đ": "d", "ħ": "h", "ŧ": "t", "æ": "ae", "œ": "oe"}
    | {"\u0671": "\u0627", "\u0649": "\u064a", "\u06cc": "\u064a", "\u06a9": "\u0643", "\u0629": "\u0647"}
    | {"\u02bb": "'", "\u02bc": "'"}  # apostrophes, as letters
)
_LEGAL = str.maketrans(
    dict.fromkeys("\u2120\u2122", " ")
)  # of trade marks: no letters of the name before them
_ASCII = 0x7F
_ZERO_WIDTH_SPACE = 0x200B  # between words of Khmer and Thai, where somebody typed it
_TYPED = f"(?<=[{_WITHOUT_SPACES}])\u200b+(?=[{_WITHOUT_SPACES}])"


def word_tokens(text: str) -> str:
    """The tokens of a text in their order, with a space between two: letters, vowel signs, digits and pictographs."""
    return " ".join(token for word in _words(_joined(_plain(text))) for token in _tokens(word, is_whole=True))


def name_tokens(name: str) -> str:
    """The tokens of a file's or a folder's name, and after them those of its parts where these are others: of words
    that are joined (`TripToRome2019`, `IMG2041`), and of numbers without their leading zeros."""
    tokens = [word_tokens(name)]
    for one in name.replace("/", " ").split():
        parts = word_tokens(parted(one))
        if parts != word_tokens(one):
            tokens.append(parts)
        without_zeros = re.sub(r"\b(?=[0-9]{3,}\b)0+(?=[0-9])", "", parts, flags=re.ASCII)
        if without_zeros != parts:
            tokens.append(without_zeros)
    return " ".join(filter(None, tokens))


def phrase(text: str) -> str:
    """The FTS5 expression for what stands in the text, word after word; "" for a text without letters.

    The last letter of a run need not be the last of a run in the file.
    """
    words = list(_words(_joined(_plain(text))))
    if not words:
        return ""
    tokens = [token for word in words[:-1] for token in _tokens(word, is_whole=True)]
    last = words[-1]
    if len(last) == 1 and not last.isascii() and re.match(_RUN, last):
        return f'"{" ".join([*tokens, last])}" *'
    return f'"{" ".join([*tokens, *_tokens(last, is_whole=False)])}"'


def keywords(text: str) -> list[str]:
    """What a query's text is looked for by: words, and runs of letters of scripts without spaces. A word of parts has
    a "_" between them: `img_2041` for IMG_2041 and IMG2041."""
    return list(_words(_plain(parted(text)), joined_by="_"))


def parts_of(keyword: str) -> list[str]:
    """What a Chinese or Japanese run is looked for by where no file has all of it: its pairs of Chinese characters and
    its words in katakana; [] for any other keyword."""
    if keyword.isascii():
        return []
    parts: list[str] = []
    for run in re.findall(_PARTS, keyword):
        is_katakana = re.fullmatch(f"[{_KATAKANA}]+", run)
        parts += [run] if is_katakana else [run[i : i + 2] for i in range(len(run) - 1)]
    return [part for part in dict.fromkeys(parts) if part != keyword]


def parted(text: str) -> str:
    """With a "_" between the parts of words that are joined: where a number begins or ends, and at a capital after a
    small letter, or before one after capitals. What changes at every other letter is no word: `a3f9b2`, `mp3`."""
    if text.islower() and not any(map(str.isdecimal, text)):
        return text
    return re.sub(
        r"[^\W_]{4,}", _with_borders, text if text.isascii() else unicodedata.normalize("NFC", text)
    )


def _with_borders(match: re.Match[str]) -> str:
    word = match[0]
    if word.isdecimal() or (word.isalpha() and (word.isupper() or word[1:].islower())):
        return word
    starts = [at for at in range(1, len(word)) if _is_border(word, at)]
    if 2 * (len(starts) + 1) > len(word):
        return word
    return "_".join(word[a:b] for a, b in pairwise([0, *starts, len(word)]))


def _is_border(word: str, at: int) -> bool:
    before, here = word[at - 1], word[at]
    if before.isdecimal() != here.isdecimal():
        return True
    is_last_capital = before.isupper() and word[at + 1 : at + 2].islower()
    return here.isupper() and (before.islower() or is_last_capital)


def _plain(text: str) -> str:
    """Folded, without compatibility forms and without the marks that readers leave out."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.translate(_LEGAL))
    apart = unicodedata.normalize("NFKD", apart.casefold()).translate(_LIKE)
    return re.sub(_PICTOGRAPHS, r" \g<0> ", unicodedata.normalize("NFC", re.sub(_MARKS, "", apart)))


def _joined(plain: str) -> str:
    """Without what somebody typed between the letters of scripts without spaces."""
    return plain if plain.isascii() else re.sub(_TYPED, "", plain)


def _words(plain: str, *, joined_by: str = "") -> Iterator[str]:
    """Words, and runs of scripts without spaces. joined_by: what makes one of two words, "_" or nothing."""
    for word in plain.translate(_LETTERS_AND_ if joined_by else _LETTERS).split():
        if word.isascii():
            if word := word.strip("_"):
                yield word
        else:  # what is joined to a run of another kind stands alone: `重跑gen` -> 重跑, gen
            yield from filter(None, (part.strip("_") for part in re.split(_RUN, word)))


def _tokens(word: str, *, is_whole: bool) -> Iterable[str]:
    """is_whole: the last letter is that of its run in a file."""
    if word.isascii() or not re.match(_RUN, word):
        return (word,)
    pairs = [word[i : i + 2] for i in range(len(word) - 1)]
    return [*pairs, word[-1]] if is_whole else pairs


class _Letters(dict[int, str]):
    """For str.translate: letters, vowel signs, digits and pictographs stay, what is invisible inside a word goes (a
    soft hyphen), and anything else becomes a space. Of what this Python does not know yet, most are letters."""

    def __missing__(self, code: int) -> str:
        category = unicodedata.category(chr(code))
        if (
            category[0] in "LMN"
            or category in ("Co", "Cn")
            or (code > _ASCII and re.match(_PICTOGRAPHS, chr(code)))
        ):
            kept = chr(code)
        else:
            kept = "" if category == "Cf" and code != _ZERO_WIDTH_SPACE else " "
        self[code] = kept
        return kept


_LETTERS, _LETTERS_AND_ = _Letters(), _Letters({ord("_"): "_"})
