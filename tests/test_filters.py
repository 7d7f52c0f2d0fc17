"""The filter language: what it parses to, what it writes, and what it refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ran import unmeasured

from anyseek.errors import UsageError
from anyseek.filters import (
    FIELDS,
    MOST_CHARACTERS,
    MOST_LEVELS,
    And,
    Comparison,
    Expression,
    Not,
    OneOf,
    Or,
    all_of,
    as_expression,
    parse,
    size_in_bytes,
)

JPG, OLD, BIG = Comparison("type", "=", "jpg"), Comparison("tag", "=", "old"), Comparison("size", ">", "5MB")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("type = jpg", JPG),
        ('TYPE == "jpg"', JPG),
        ("type=jpg", JPG),
        ("type in (jpg, 'p n g')", OneOf("type", ("jpg", "p n g"))),
        ("type = jpg and tag = old and size > 5MB", And((JPG, OLD, BIG))),
        ("type = jpg or tag = old and size > 5MB", Or((JPG, And((OLD, BIG))))),
        ("(type = jpg or tag = old) AND size > 5MB", And((Or((JPG, OLD)), BIG))),
        ("not tag = old and type = jpg", And((Not(OLD), JPG))),
        ("NOT (tag = old and type = jpg)", Not(And((OLD, JPG)))),
        ("not not tag = old", Not(Not(OLD))),
        ("(((tag = old)))", OLD),
        ("tag != old", Comparison("tag", "!=", "old")),
        ("tag = and", Comparison("tag", "=", "and")),
        (r"""tag = "a \"quoted\" \\ word" """, Comparison("tag", "=", r'a "quoted" \ word')),
        ('tag = "two\nlines"', Comparison("tag", "=", "two\nlines")),
    ],
)
def test_text_becomes_an_expression(text: str, expected: Expression) -> None:
    assert parse(text) == expected
    assert hash(parse(text)) == hash(expected)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("", "at its end: a field or a value is expected"),
        ("colour = red", "no field 'colour'"),
        ("colour", "no field 'colour'"),
        ("type", "is expected"),
        ("type =", "a field or a value is expected"),
        ("type = jpg png", "'png'"),
        ("type in jpg", r"'\('"),
        ("type in ()", "a field or a value is expected"),
        ("(type = jpg", r"'\)'"),
        ("type = jpg)", r"'\)'"),
        ("size < big", "'big' is not a size"),
        ("size < -1", "not a size"),
        ("size < 5ib", "not a size"),
        ("size > \u0663MB", "not a size"),
        ("size > \uff13", "not a size"),
        ("duration > \u0967min", "not a duration"),
        ("duration > 1:\u0663\u0660", "not a duration"),
        ("date > \u0662023", "not a date"),
        ("duration > 1:60", "not a duration"),
        ("duration > 1:60:00", "not a duration"),
        ("type = 'txt\0'", "NUL"),
        ("tag in (a, 'b\0c')", "NUL"),
        ("name ~ '[z-a]*'", "not a name"),
        ("name ~ '[Z-a]*'", "not a name"),
        ("path ~ 'x[a-c9-0]'", "not a path"),
        ("tag ~ 'x['", "not a tag"),
        ("tag ~ '[]'", "not a tag"),
        ("name ~ '[!]'", "not a name"),
        ("name ~ '[a-'", "not a name"),
        ("date = yesterday", "not a date"),
        ("date = 2023-13", "not a date"),
        ("date in (2023, soon)", "'soon' is not a date"),
        ("duration > 1:2:3:4", "not a duration"),
        ("modality = smell", "not a modality"),
        ("modality < image", "cannot compare modality by '<'"),
        ("tag > a", "cannot compare tag"),
        ("type = jpg and", "its end"),
        ("type = 'jpg", 'at "\'jpg": this is not part of a filter'),
        ("!", "not part of a filter"),
    ],
)
def test_what_is_refused_names_its_place(where: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse(where)
    assert caught.value.hint


@pytest.mark.parametrize("name", FIELDS)
def test_the_hint_of_a_wrong_sign_names_signs_that_work(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        Comparison(name, "?", "1")
    signs = caught.value.hint.partition(f"compares {name} by ")[2].split()
    value = {"modality": "image", "date": "2023"}.get(name, "1")
    assert [str(Comparison(name, sign, value)).split()[1] for sign in signs] == signs


# ---------------------------------------------------------------- text and back


def _leaves() -> st.SearchStrategy[Expression]:
    words = st.text(st.characters(exclude_characters="\0["), max_size=12)
    named = st.sampled_from(["path", "name", "tag"])
    return st.one_of(
        st.builds(Comparison, named, st.sampled_from(["=", "!=", "~", "=="]), words),
        st.builds(Comparison, st.sampled_from(["folder", "TYPE"]), st.sampled_from(["=", "!="]), words),
        st.builds(OneOf, named, st.lists(words, min_size=1, max_size=4).map(tuple)),
        st.builds(Comparison, st.just("size"), st.sampled_from(["<", ">=", "!="]), st.just("3.5 MB")),
        st.sampled_from(
            [JPG, Comparison("date", "<=", "2023-06-01T12:30"), OneOf("tag", ("or", "in", "not"))]
        ),
    )


def _trees(part: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
    several = st.lists(part, min_size=2, max_size=4).map(tuple)
    return st.one_of(several.map(And), several.map(Or), part.map(Not))


@given(st.recursive(_leaves(), _trees, max_leaves=30))
def test_an_expression_as_text_parses_to_an_equal_one(expression: Expression) -> None:
    assert parse(str(expression)) == expression


@given(
    st.lists(st.sampled_from(["(", ")", "not", "and", "or", "tag", "=", "in", "a", ",", '"b c"', "~", "\\"]))
)
def test_any_text_is_parsed_or_refused_in_words(words: list[str]) -> None:
    text = " ".join(words)
    with suppress(UsageError):
        assert parse(str(parse(text))) == parse(text)


# ---------------------------------------------------------------- bounds


@pytest.mark.thorough
@pytest.mark.parametrize("opening", ["(", "not ", "(not "])
def test_levels_are_bounded_and_a_long_text_is_refused_in_a_sentence(opening: str) -> None:
    each = opening.count("(") + opening.count("not")
    fitting = MOST_LEVELS // each
    parse(opening * fitting + "tag = a" + ")" * opening.count("(") * fitting)
    for too_many in (fitting + 1, 100_000):
        with pytest.raises(UsageError, match=f"at most {MOST_LEVELS} levels"):
            parse(opening * too_many + "tag = a" + ")" * opening.count("(") * too_many)


def test_an_expression_of_a_program_is_as_deep_as_its_text() -> None:
    deep: Expression = OLD
    while deep.levels < MOST_LEVELS - 1:
        deep = Not(And((deep, Or((JPG, Or((OLD, deep)))))) if deep.levels < 20 else deep)
    deep = And((Or((deep, JPG)), OLD))
    assert deep.levels == MOST_LEVELS
    assert parse(str(deep)) == deep
    for deeper in (Not, lambda part: And((part, OLD)), lambda part: Or((Or((part, OLD)), OLD))):
        with pytest.raises(UsageError, match="levels"):
            deeper(deep)


@pytest.mark.thorough
def test_flat_lists_have_no_bound() -> None:
    n = 100_000
    assert len(parse(" or ".join(["tag = a"] * n)).parts) == n  # type: ignore[union-attr]
    assert len(parse(" and ".join(["not tag = a"] * n)).parts) == n  # type: ignore[union-attr]
    assert len(parse(f"tag in ({', '.join(['a'] * n)})").values) == n  # type: ignore[union-attr]
    assert len(parse(" or ".join(["(tag = a)"] * n)).parts) == n  # type: ignore[union-attr]


def test_a_value_is_bounded() -> None:
    Comparison("name", "~", "*" * MOST_CHARACTERS)
    with pytest.raises(UsageError, match="at most 4,096 characters"):
        Comparison("name", "~", "*" * (MOST_CHARACTERS + 1))


@pytest.mark.parametrize("kind", [And, Or])
@pytest.mark.parametrize("parts", [(), (JPG,)])
def test_one_condition_is_no_list(kind: type[And] | type[Or], parts: tuple[Expression, ...]) -> None:
    with pytest.raises(UsageError, match="at least two"):
        kind(parts)


def test_no_value_is_no_choice() -> None:
    with pytest.raises(UsageError, match="no values for type"):
        OneOf("type", ())


# ---------------------------------------------------------------- put together


def test_filters_are_joined() -> None:
    assert all_of() is None
    assert all_of(None, None) is None
    assert all_of(None, JPG) is JPG
    assert all_of(And((JPG, OLD)), None, Or((OLD, BIG))) == And((JPG, OLD, Or((OLD, BIG))))


def test_a_filter_may_be_text_an_expression_or_none() -> None:
    assert as_expression(None) is None
    for blank in ("", "  "):
        with pytest.raises(UsageError, match="empty"):
            as_expression(blank)
    assert as_expression("type = jpg") == JPG
    assert as_expression(OLD) is OLD


def test_the_language_is_cheap_to_import() -> None:
    code = "import sys, anyseek.filters; print('numpy' in sys.modules, 'sqlite3' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=unmeasured(os.environ)
    )
    assert run.stdout.split() == ["False", "False"]


@pytest.mark.parametrize(
    ("text", "n_bytes"),
    [
        ("9" * 5000 + "MB", 1 << 62),
        ("0" * 5000 + "2kB", 2000),
        ("1." + "0" * 5000 + "kB", 1000),
        ("0.5" + "0" * 5000, 0),
        ("1." + "9" * 5000 + "TB", 2 * 10**12 - 1),
    ],
)
def test_a_size_of_any_number_of_digits_is_read(text: str, n_bytes: int) -> None:
    assert size_in_bytes(text) == n_bytes


@given(st.integers(0, 10**6), st.integers(0, 6), st.sampled_from(["kB", "MB", "GB", "KiB"]))
def test_a_size_is_the_bytes_that_it_says_to_the_last(number: int, decimals: int, unit: str) -> None:
    """2.01 kB are 2,010, although no float is 2.01."""
    text = f"{number:0{decimals + 1}}"
    whole, part = text[: len(text) - decimals], text[len(text) - decimals :]
    one = {"kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 1024}[unit]
    assert (
        size_in_bytes(f"{whole}.{part}{unit}" if part else f"{whole}{unit}") == number * one // 10**decimals
    )
