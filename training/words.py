"""How a name is put into words: the prompts that stand for it in training and in zero-shot measurements."""

from __future__ import annotations

TEMPLATES = ("{}", "a photo of {a}", "a picture of {a}", "{a}", "a photo of {a} in a scene")


def article(name: str) -> str:
    """`dog` -> `a dog`, `apple` -> `an apple`; plurals and names with an article stay as they are."""
    if name.split()[0] in ("a", "an", "the") or (name.endswith("s") and not name.endswith("ss")):
        return name
    return ("an " if name[0].lower() in "aeiou" else "a ") + name


def prompts(name: str) -> list[str]:
    """The name in every template."""
    return [template.replace("{a}", article(name)).replace("{}", name) for template in TEMPLATES]
