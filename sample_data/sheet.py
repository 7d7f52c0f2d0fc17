"""The contact sheet: each question with its three best hits, as one picture 1,400 pixels wide."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cards import PAGE, QUESTION, WAVE_BACK, card, font, words
from PIL import Image, ImageDraw
from questions import Question

Colour = tuple[int, int, int]
CARD = (150, 113)
GAP = 10
ROW = CARD[1] + 62
BLOCK = 4 * CARD[0] + 3 * GAP + 18
MARGIN = 22
WIDTH = 1400
HEADER = 92
PAPER, INK, FAINT = (246, 246, 243), (34, 38, 46), (112, 116, 126)
GREEN, GREY = (38, 150, 84), (196, 198, 202)
FLAT = (PAPER, INK, FAINT, GREEN, GREY, PAGE, QUESTION, WAVE_BACK)


@dataclass(frozen=True)
class Found:
    """One hit as the sheet shows it: path relative to the samples, and for sounds where it begins."""

    path: str
    score: float
    span: str = ""
    start_s: float = 0.0


@dataclass(frozen=True)
class Answer:
    """A question and what came back, best first."""

    question: Question
    hits: tuple[Found, ...]

    @property
    def rank(self) -> int | None:
        """Where the first right answer stands, from 1; None when it is not among the hits."""
        for number, hit in enumerate(self.hits, 1):
            if hit.path in self.question.right:
                return number
        return None


def shortened(text: str, width_px: float, pen: ImageDraw.ImageDraw, size_px: int) -> str:
    """The end of a path, as long as fits."""
    type_ = font(size_px)
    if pen.textlength(text, type_) <= width_px:
        return text
    while text and pen.textlength("..." + text, type_) > width_px:
        text = text[1:]
    return "..." + text


def framed(sheet: Image.Image, picture: Image.Image, at: tuple[int, int], colour: Colour) -> None:
    """A card on the sheet with a coloured frame."""
    pen = ImageDraw.Draw(sheet)
    x, y = at
    pen.rounded_rectangle((x - 4, y - 4, x + CARD[0] + 3, y + CARD[1] + 3), 5, fill=colour)
    sheet.paste(picture, at)


def draw_answer(sheet: Image.Image, answer: Answer, samples: Path, at: tuple[int, int]) -> None:
    """A question's title, its card, and the cards of its hits."""
    pen = ImageDraw.Draw(sheet)
    asked = answer.question
    x, y = at
    pen.text((x, y), asked.direction.replace("->", "to"), INK, font(16))
    if asked.source == "text":
        query = words(asked.query, CARD)
    else:
        query = card(samples / asked.query, asked.source, CARD)
    framed(sheet, query, (x, y + 27), QUESTION)
    label = "words" if asked.source == "text" else shortened(asked.query, CARD[0], pen, 12)
    pen.text((x, y + 33 + CARD[1]), label, FAINT, font(12))
    x += CARD[0] + GAP + 18
    for hit in answer.hits:
        picture = card(samples / hit.path, asked.target, CARD, hit.start_s)
        framed(sheet, picture, (x, y + 27), GREEN if hit.path in asked.right else GREY)
        name = shortened(Path(hit.path).name, CARD[0] - 38, pen, 12)
        pen.text((x, y + 33 + CARD[1]), name, FAINT, font(12))
        score = f"{hit.score:.2f}"
        pen.text((x + CARD[0] - pen.textlength(score, font(12)), y + 33 + CARD[1]), score, INK, font(12))
        x += CARD[0] + GAP


def draw_sheet(answers: Sequence[Answer], samples: Path, headline: str) -> Image.Image:
    """All answers in two columns, in the order of reading."""
    rows = (len(answers) + 1) // 2
    sheet = Image.new("RGB", (WIDTH, HEADER + rows * ROW + MARGIN), PAPER)
    pen = ImageDraw.Draw(sheet)
    pen.text((MARGIN, 20), "Anyseek: ask with anything, find anything", INK, font(28))
    pen.text((MARGIN, 58), headline, FAINT, font(16))
    for number, answer in enumerate(answers):
        column, row = number % 2, number // 2
        draw_answer(sheet, answer, samples, ((MARGIN, WIDTH - MARGIN - BLOCK)[column], HEADER + row * ROW))
    return sheet


def palette_of(sheet: Image.Image, colours: int) -> Image.Image:
    """The colours to use for a sheet; those of its flat parts are among them, so that they stay flat."""
    chosen = sheet.quantize(colours - len(FLAT), Image.Quantize.MAXCOVERAGE).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*chosen[: 3 * (colours - len(FLAT))], *(part for colour in FLAT for part in colour)])
    return palette


def save_sheet(sheet: Image.Image, path: Path, max_bytes: int = 1_000_000) -> None:
    """Write a PNG, with as many colours as its size limit allows."""
    for colours in (256, 192, 128, 96, 64):
        sheet.quantize(palette=palette_of(sheet, colours), dither=Image.Dither.FLOYDSTEINBERG).save(
            path, optimize=True
        )
        if path.stat().st_size <= max_bytes:
            return
