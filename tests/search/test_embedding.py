"""Embedding arithmetic, beside the plain formula in float64."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from fakes import WordEmbedder
from hypothesis import assume, given
from hypothesis import strategies as st

from anyseek.contracts import Modality
from anyseek.errors import UsageError
from anyseek.search.embedding import combined, mean_direction, query_vector
from anyseek.search.query import QueryPart, from_values
from anyseek.search.query_reader import QueryReader


def words(text: str, weight: float = 1.0) -> QueryPart:
    return QueryPart("items", [text], Modality.TEXT, weight, text)


def unit(vector: Any) -> Any:
    return np.asarray(vector, np.float64) / np.linalg.norm(np.asarray(vector, np.float64))


def test_one_part_is_its_own_direction_whatever_its_weight() -> None:
    model = WordEmbedder()
    expected = model.embed(Modality.TEXT, ["red"])[0]
    for weight in (0.01, 1, 50):
        np.testing.assert_allclose(query_vector([words("red", weight)], model), expected, atol=1e-6)


def test_parts_are_unit_vectors_weighted_summed_and_normalised() -> None:
    model = WordEmbedder()
    parts = [words("red"), words("green green blue", 0.5), words("blue", -0.25)]
    rows = [unit(model.embed(Modality.TEXT, part.data)[0]) for part in parts]
    expected = unit(rows[0] + 0.5 * rows[1] - 0.25 * rows[2])
    found = query_vector(parts, model)
    assert found.dtype == np.float32
    assert found.shape == (model.card.dim,)
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.filterwarnings("error")
@given(st.floats(0.01, 1), st.integers(-1000, 1023))
def test_weights_count_by_their_ratio_however_large_or_small(weight: float, exponent: int) -> None:
    rows = np.eye(3, dtype=np.float32)
    scaled = [weight * 2.0**exponent, 2.0**exponent, -(2.0**exponent)]
    np.testing.assert_array_equal(combined(rows, scaled), combined(rows, [weight, 1.0, -1.0]))


def test_a_part_of_many_segments_counts_as_their_mean_with_length_one() -> None:
    """Ten windows of one sound weigh no more than one word."""
    model = WordEmbedder()
    long = QueryPart("items", ["red", "red", "green"], Modality.TEXT, 1.0, "long.txt")
    rows = [unit(row) for row in model.embed(Modality.TEXT, long.data)]
    expected = unit(unit(rows[0] + rows[1] + rows[2]) + unit(model.embed(Modality.TEXT, ["blue"])[0]))
    np.testing.assert_allclose(query_vector([long, words("blue")], model), expected, atol=1e-6)


def test_subtracting_words_turns_the_ranking() -> None:
    model = WordEmbedder()
    gallery = model.embed(Modality.TEXT, ["red", "green", "red green"])
    both = query_vector([words("red green")], model)
    less = query_vector([words("red green"), words("green", -0.5)], model)
    assert (gallery @ both).argmax() == 2
    assert (gallery @ less).argmax() == 0


@pytest.mark.parametrize(
    "parts", [[words("red"), words("red", -1)], [words("red", 3), words("red", -2), words("red", -1)]]
)
def test_parts_that_cancel_out_are_refused(parts: list[QueryPart]) -> None:
    with pytest.raises(UsageError, match="cancel"):
        query_vector(parts, WordEmbedder())


def test_what_rounding_leaves_of_a_sum_is_not_a_query() -> None:
    row = unit(np.arange(1, 9))
    rounded = (row * (1 + 1e-6 * np.array([1, -1] * 4))).astype(np.float32)
    assert 0 < np.linalg.norm(row.astype(np.float64) - rounded) < 1e-5
    with pytest.raises(UsageError, match="cancel"):
        combined(np.stack([row, rounded]).astype(np.float32), [1, -1])


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            st.lists(st.lists(st.floats(-1, 1), min_size=4, max_size=4), min_size=n, max_size=n),
            st.lists(st.floats(-5, 5).filter(lambda w: abs(w) > 0.01), min_size=n, max_size=n),
        )
    )
)
def test_combined_equals_the_formula_and_has_length_one(case: tuple[list[list[float]], list[float]]) -> None:
    rows, weights = case
    lengths = np.linalg.norm(np.asarray(rows), axis=1)
    assume((lengths > 0.1).all())
    vectors = (np.asarray(rows) / lengths[:, None]).astype(np.float32)
    total = sum(weight * row.astype(np.float64) for weight, row in zip(weights, vectors, strict=True))
    assume(np.linalg.norm(total) > 1e-2 * sum(map(abs, weights)))
    found = combined(vectors, weights)
    assert abs(np.linalg.norm(found.astype(np.float64)) - 1) < 1e-6
    np.testing.assert_allclose(found, unit(total), atol=1e-5)


def test_the_mean_of_one_stored_row_has_length_one_again() -> None:
    row = unit(np.arange(1, 9)).astype(np.float16).astype(np.float32)
    assert abs(np.linalg.norm(mean_direction(row[None])) - 1) < 1e-6


def read(values: Any, files: dict[Modality, Any]) -> Sequence[QueryPart]:
    reader = QueryReader(WordEmbedder())
    try:
        return reader.read(from_values(values, files))
    finally:
        reader.close()


def test_words_are_asked_with_their_white_space_in_order() -> None:
    (part,) = read("  a \n red\tcar ", {})
    assert (part.data, part.label, part.modality) == (["a red car"], '"a red car"', Modality.TEXT)
