from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anyseek.media.segments import EXCERPT_CHARS, excerpt, n_windows, passages

TEXTS = st.text(st.sampled_from("ab .!?\n\t。\u2026\"'é\u0301"), max_size=300)


@given(st.integers(0, 500), st.integers(1, 60), st.integers(1, 60))
def test_windows_cover_what_they_should(n_samples: int, window: int, hop: int) -> None:
    # The plain rule: begin at 0, hop on while there is a sample left that the last window has not had.
    begins, begin = [], 0
    while begin < n_samples and (begin == 0 or begin - hop + window < n_samples):
        begins.append(begin)
        begin += hop
    assert n_windows(n_samples, window, hop) == len(begins)


def test_windows_by_hand() -> None:
    assert n_windows(0, 10, 10) == 0
    assert n_windows(1, 10, 10) == 1
    assert n_windows(10, 10, 10) == 1
    assert n_windows(11, 10, 10) == 2  # the last partial window is kept
    assert n_windows(20, 10, 5) == 3  # 0, 5, 10: what 15 would hold, 10 has
    assert n_windows(35, 10, 30) == 2
    assert n_windows(25, 10, 30) == 1


@given(TEXTS, st.integers(1, 80))
def test_passages_hold_all_that_is_not_space_once_and_in_order(text: str, most: int) -> None:
    spans = list(passages(text, most))
    at = 0
    for start, end in spans:
        assert text[at:start].strip() == ""
        assert 0 < end - start <= most
        assert text[start:end].strip() == text[start:end]
        at = end
    assert text[at:].strip() == ""


def test_passages_end_at_sentence_ends_where_they_can() -> None:
    text = 'One two. "Three four!" Five six? Seven'
    assert [text[a:b] for a, b in passages(text, 24)] == ['One two. "Three four!"', "Five six? Seven"]
    assert [text[a:b] for a, b in passages(text, 12)] == [
        "One two.",
        '"Three',
        'four!"',
        "Five six?",
        "Seven",
    ]


def test_passages_without_sentence_ends_are_cut_at_words_then_anywhere() -> None:
    assert [*passages("aaaa bbbb cccc", 10)] == [(0, 9), (10, 14)]
    assert [*passages("aaaa\nbbbb cccc", 10)] == [(0, 4), (5, 14)]
    assert [*passages("abcdefghij", 4)] == [(0, 4), (4, 8), (8, 10)]


def test_passages_end_at_empty_lines_and_at_chinese_full_stops() -> None:
    text = "Title\n\nThe body is longer"
    assert [text[a:b] for a, b in passages(text, 20)] == ["Title", "The body is longer"]
    text = "狐狸跑了。河很深。没有人知道。"
    assert [text[a:b] for a, b in passages(text, 10)] == ["狐狸跑了。河很深。", "没有人知道。"]


def test_a_number_does_not_end_a_sentence() -> None:
    text = "Pi is 3.14 about. Yes"
    assert [text[a:b] for a, b in passages(text, 18)] == ["Pi is 3.14 about.", "Yes"]


@given(st.text(max_size=500))
def test_excerpts_are_one_short_printable_line(text: str) -> None:
    line = excerpt(text)
    assert len(line) <= EXCERPT_CHARS
    assert all(c.isprintable() for c in line)


def test_an_excerpt_ends_at_a_word() -> None:
    assert excerpt("hello\n\x1b[31mworld") == "hello [31mworld"
    assert excerpt("seven w " * 100) == ("seven w " * 25).rstrip() + "…"
