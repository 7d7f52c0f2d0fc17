"""The patterns of .gitignore files, matched as git does (its wildmatch.c and dir.c), but by characters, not bytes.

Matching takes at most the product of both lengths: whatever stands between two stars matches where it first can, and
no choice is undone but the last star's. A pattern comes with a folder from anywhere, and is matched with every name.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

MOST_CHARACTERS = 4096
"""Of one pattern; no path is longer."""

_SPECIAL = re.compile(r"[*?\[\\]")
_NAMED_CLASS = re.compile(r"\[:([^\]]*):\]")
_ANY = re.compile(r".*", re.S)
_CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r"\t-\r ",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}

_Part: TypeAlias = re.Pattern[str] | None
"""What one name of a path has to match; None: any number of names, `**`."""


class BadPattern(ValueError):
    """Not a pattern; the message says why. number: which of the lines, from 1 on."""

    def __init__(self, why: str, number: int = 0) -> None:
        super().__init__(why)
        self.number = number


@dataclass(frozen=True, slots=True)
class _Rule:
    keeps: bool
    is_for_folders: bool
    matches: Callable[[str, str], bool]  # (path, its last name), without a final "/"


class Patterns:
    """The lines of one .gitignore file."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Raises BadPattern."""
        self._rules: list[_Rule] = []
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)  # most patterns are a plain name
        self._others: list[int] = []
        for number, line in enumerate(lines, 1):
            try:
                self._add(_trimmed(line))
            except BadPattern as error:
                raise BadPattern(str(error), number) from None

    def __len__(self) -> int:
        return len(self._rules)

    def verdict(self, path: str) -> bool | None:
        """Whether the last pattern that matches leaves the path out; None when none does. A folder ends in "/"."""
        is_folder = path.endswith("/")
        path = path.rstrip("/")
        name = path.rpartition("/")[2]
        for number in self._candidates(name):
            rule = self._rules[number]
            if (is_folder or not rule.is_for_folders) and rule.matches(path, name):
                return not rule.keeps
        return None

    def _candidates(self, name: str) -> Iterator[int]:
        """Rules that may match, last one first."""
        named = self._by_name.get(name)
        if not named:
            return reversed(self._others)
        return iter(sorted((*named, *self._others), reverse=True))

    def _add(self, line: str) -> None:
        if not line or line.startswith("#"):
            return
        keeps = line.startswith("!")
        text = line[keeps:]
        if not text:
            raise BadPattern("nothing follows the !")
        if len(text) > MOST_CHARACTERS:
            raise BadPattern(f"it has more than {MOST_CHARACTERS:,} characters")
        if "\0" in text:
            raise BadPattern("it has a NUL character")
        is_for_folders = text.endswith("/")
        text = text.removesuffix("/")
        number = len(self._rules)
        if "/" not in text and not _SPECIAL.search(text):
            self._by_name[text].append(number)
        else:
            self._others.append(number)
        self._rules.append(_Rule(keeps, is_for_folders, _matcher(text)))


def _trimmed(line: str) -> str:
    """Without the spaces at its end, but for one behind a backslash."""
    end = len(line.rstrip(" "))
    n_backslashes = end - len(line[:end].rstrip("\\"))
    return line[: end + 1] if n_backslashes % 2 and end < len(line) else line[:end]


def _matcher(text: str) -> Callable[[str, str], bool]:
    if "/" not in text:
        if not _SPECIAL.search(text):
            return lambda path, name: name == text
        ending = text[1:]
        if text[0] == "*" and not _SPECIAL.search(ending):
            return lambda path, name: name.endswith(ending)
        (part,) = _parts(text, is_path=False)
        match = (part or _ANY).fullmatch
        return lambda path, name: match(name) is not None
    text = text.removeprefix("/")
    special = _SPECIAL.search(text)
    if special is None:
        return lambda path, name: path == text
    start, parts = text[: special.start()], _parts(text[special.start() :], is_path=True)
    return lambda path, name: path.startswith(start) and _match(parts, path[len(start) :].split("/"))


def _match(parts: list[_Part], names: list[str]) -> bool:
    """Whether the parts match all of the names; of several `**` only the last is ever made longer."""
    at = here = 0
    star, begun = -1, 0
    while here < len(names):
        if at < len(parts) and parts[at] is None:
            star, begun = at, here
            at += 1
        elif at < len(parts) and (part := parts[at]) is not None and part.fullmatch(names[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            begun += 1
            at, here = star + 1, begun
        else:
            return False
    return all(part is None for part in parts[at:])


# ---------------------------------------------------------------- a pattern to regular expressions


def _parts(text: str, *, is_path: bool) -> list[_Part]:
    """One for each name. Each piece between two stars of a name has a fixed length, so that atomic groups are exact."""
    names: list[list[str]] = [[]]
    at = 0
    while at < len(text):
        character = text[at]
        token, at = _token(text, at)
        if is_path and token == "/":
            names.append([])
        elif character == "*" and names[-1][-1:] == ["*"]:
            names[-1].append("**")
        else:
            names[-1].append(token)
    parts: list[_Part] = []
    for number, tokens in enumerate(names):
        if not is_path or tokens[:2] != ["*", "**"] or set(tokens) != {"*", "**"}:
            parts.append(_compiled(tokens))
        elif number == len(names) - 1:
            parts += [_ANY, None]  # at the end: whatever is inside, not the folder itself
        else:
            parts.append(None)
    return parts


def _token(text: str, at: int) -> tuple[str, int]:
    """One character's expression, "*" for a star; and where the next begins."""
    character = text[at]
    if character == "*":
        return "*", at + 1
    if character == "?":
        return ".", at + 1
    if character == "[":
        return _class(text, at + 1)
    if character == "\\":
        if at + 1 == len(text):
            raise BadPattern("nothing follows the last \\")
        return re.escape(text[at + 1]), at + 2
    return re.escape(character), at + 1


def _compiled(tokens: list[str]) -> re.Pattern[str]:
    pieces: list[str] = [""]
    for token in tokens:
        if token == "*":
            pieces.append("")
        elif token != "**":
            pieces[-1] += token
    if len(pieces) == 1:
        return re.compile(pieces[0], re.S)
    between = "".join(f"(?>.*?{piece})" for piece in pieces[1:-1])
    return re.compile(f"{pieces[0]}{between}.*{pieces[-1]}", re.S)


def _class(text: str, at: int) -> tuple[str, int]:
    """The expression of the set that begins behind "[", and where it ends. Raises BadPattern."""
    is_negated = text[at : at + 1] in ("!", "^") and text[at : at + 1] != ""
    at += is_negated
    first, members, previous = at, "", ""
    while at == first or text[at : at + 1] != "]":
        if at >= len(text):
            raise BadPattern("a [ has no ]")
        if text.startswith("[:", at) and (name := _NAMED_CLASS.match(text, at)):
            if name[1] not in _CLASSES:
                raise BadPattern(f"there is no class [:{name[1][:20]}:]")
            members, previous, at = members + _CLASSES[name[1]], "", name.end()
        elif text[at] == "-" and previous and text[at + 1 : at + 2] not in ("", "]"):
            last, at = _member(text, at + 1)
            if last < previous:
                raise BadPattern(f"the range {previous}-{last} is empty")
            members, previous = f"{members}-{re.escape(last)}", ""
        else:
            previous, at = _member(text, at)
            members += re.escape(previous)
    return f"[{'^' if is_negated else ''}{members}]", at + 1


def _member(text: str, at: int) -> tuple[str, int]:
    at += text[at] == "\\"
    if at >= len(text):
        raise BadPattern("a [ has no ]")
    return text[at], at + 1
