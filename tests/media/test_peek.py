"""Header readers meet any bytes: they answer, and soon."""

from __future__ import annotations

import contextlib
import io
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyseek.errors import MediaError
from anyseek.media import peek
from anyseek.media.formats import FORMATS
from anyseek.media.readers import subtitles, texts
from anyseek.media.segments import passages

MAGICS = st.sampled_from(
    [
        b"",
        b"\xff\xfb",
        b"\xff\xf1",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
        b"II*\0",
        b"MM\0+",
        b"\xff\xfe",
    ]
)


@pytest.mark.thorough
@given(MAGICS, st.binary(max_size=200))
def test_any_bytes_are_answered(magic: bytes, rest: bytes) -> None:
    head = magic + rest
    for row in FORMATS:
        assert row.matches(head) in (True, False)
    assert peek.looks_like_text(head) in (True, False)
    peek.looks_like_html(head)
    peek.png_layout(head)
    peek.webp_size(head)
    peek.tiff_layout(io.BytesIO(head))
    with contextlib.suppress(MediaError):
        assert isinstance(texts.decoded_text(head, "x", is_html=True), str)


@given(st.text(max_size=300))
def test_any_text_has_cues_or_none(text: str) -> None:
    for kind in ("srt", "vtt"):
        for cue in subtitles.cues(text, kind):
            assert cue.text


@pytest.mark.parametrize(
    "text",
    [
        "<!--a-->" * 500,
        " " * 4096,
        "<!--" * 1000,
        "." * 200_000,
        "\n" * 200_000,
        ". " * 100_000,
        ".\"'" * 70_000,
        "00:00:01,000 --> 00:00:02,000\nx\n" * 10_000,
        "00:00:01.000 --> 00:00:02.000\n" + "<a" * 50_000 + "{" * 50_000,
        "00:00:01.000 --> 00:00:02.000\nx" + "\n" * 100_000 + "1 " * 50_000,
        "<" * 100_000,
        "<p>" * 3_000,
    ],
)
def test_hostile_texts_take_no_time(text: str) -> None:
    start = time.process_time()
    peek.looks_like_html(text.encode())
    assert sum(1 for _ in passages(text, 600)) >= 0
    for kind in ("srt", "vtt"):
        assert sum(len(cue.text) for cue in subtitles.cues(text, kind)) <= len(text)
    texts.visible_text(text)
    assert time.process_time() - start < 3
