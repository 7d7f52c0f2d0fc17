"""Filters as other ecosystems write them: into our filter language, or against a document's metadata.

What has no meaning here raises UsageError: a filter that is left out in silence shows other people's documents.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from anyseek.errors import UsageError
from anyseek.filters import FIELDS, And, Comparison, Expression, Not, OneOf, Or, all_of, as_expression
from anyseek.printable import short_repr

# Haystack's and LlamaIndex's operators that the filter language has.
_SIGNS = {"==": "=", "!=": "!=", ">": ">", ">=": ">=", "<": "<", "<=": "<="}
_LANGUAGE = f"Fields of a search: {', '.join(FIELDS)}; `where` takes the filter language itself."


def from_haystack(filters: Mapping[str, Any] | None) -> Expression | None:
    """`{"field": "meta.modality", "operator": "==", "value": "image"}`, and AND, OR, NOT of `conditions`.

    None for no filter at all; within one, nothing may be empty.
    """
    return None if filters is None or filters == {} else _of_haystack(filters)


def _of_haystack(filter_: Any) -> Expression:
    if isinstance(filter_, Mapping) and "conditions" in filter_:
        conditions = filter_["conditions"]
        if not isinstance(conditions, list | tuple):
            raise UsageError(f"`conditions` of a filter is a list, not {short_repr(conditions)}.", _LANGUAGE)
        return _joined(filter_.get("operator"), [_of_haystack(one) for one in conditions])
    if not isinstance(filter_, Mapping) or not {"field", "operator", "value"} <= filter_.keys():
        raise UsageError(f"{short_repr(filter_)} is not a filter of Haystack.", _LANGUAGE)
    name = str(filter_["field"]).removeprefix("meta.")
    return _condition(name, str(filter_["operator"]), filter_["value"])


def from_llama_index(filters: Any) -> Expression | None:
    """A `MetadataFilters`: keys, values, operators and conditions, nested or not.

    None for no filter at all; within one, nothing may be empty.
    """
    is_left_out = filters is None or (not filters.filters and _word(filters.condition) != "NOT")
    return None if is_left_out else _of_llama_index(filters)


def _of_llama_index(filter_: Any) -> Expression:
    if hasattr(filter_, "filters"):
        return _joined(filter_.condition or "and", [_of_llama_index(one) for one in filter_.filters])
    return _condition(filter_.key, getattr(filter_.operator, "value", filter_.operator), filter_.value)


def both(where: str | Expression | None, other: Expression | None) -> Expression | None:
    """What passes both."""
    return all_of(as_expression(where), other)


def _word(word: Any) -> str:
    return str(getattr(word, "value", word)).upper()


def _joined(word: Any, parts: Sequence[Expression]) -> Expression:
    """word: AND, OR or NOT in any case, or an enumeration's member of that value."""
    name = _word(word)
    if name not in ("AND", "OR", "NOT"):
        raise UsageError(f"A filter cannot join conditions by {short_repr(word)}.", "By AND, OR or NOT.")
    if not parts:
        raise UsageError(f"{name} in a filter has no conditions.", "Name at least one, or leave it out.")
    if name == "OR":
        return Or(tuple(parts)) if len(parts) > 1 else parts[0]
    whole = And(tuple(parts)) if len(parts) > 1 else parts[0]
    return Not(whole) if name == "NOT" else whole


def _condition(name: str, sign: str, value: Any) -> Expression:
    if name not in FIELDS:
        raise UsageError(f"A filter has no field {short_repr(name)}.", _LANGUAGE)
    if sign in ("in", "not in", "nin") and isinstance(value, list | tuple | set | frozenset):
        if not value:
            raise UsageError(f"A filter has no values for {name}.", "Name at least one.")
        one_of = OneOf(name, tuple(_text(one) for one in value))
        return one_of if sign == "in" else Not(one_of)
    if sign not in _SIGNS:
        raise UsageError(f"A filter cannot compare {name} by {short_repr(sign)}.", _LANGUAGE)
    return Comparison(name, _SIGNS[sign], _text(value))


def _text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{short_repr(value)} is not a value that a filter compares.", _LANGUAGE)
    return str(value)


# ---------------------------------------------------------------- of a document's metadata

MetadataFilter = Mapping[str, Any] | Callable[..., Any]

_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": operator.eq,
    "$ne": operator.ne,
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
    "$in": lambda value, among: value in among,
    "$nin": lambda value, among: value not in among,
}


def passes(metadata: Mapping[str, Any], filter_: Mapping[str, Any]) -> bool:
    """Whether metadata passes `{"who": "Ann", "year": {"$gte": 2020}}`: all of it; `$and`, `$or` and `$not` join.

    What a document does not have passes `$ne` and `$nin` alone. Raises UsageError for an unknown operator.
    """
    results = [_passes_key(metadata, key, wanted) for key, wanted in filter_.items()]  # each is checked
    return all(results)


def _passes_key(metadata: Mapping[str, Any], key: str, wanted: Any) -> bool:
    if key in ("$and", "$or"):
        parts = [passes(metadata, one) for one in _mappings(key, wanted)]
        return all(parts) if key == "$and" else any(parts)
    if key == "$not":
        return not passes(metadata, _mappings(key, [wanted])[0])
    if key.startswith("$"):
        raise _unknown(key)
    tests = (
        wanted if isinstance(wanted, Mapping) and any(one[:1] == "$" for one in wanted) else {"$eq": wanted}
    )
    results = [_passes_test(metadata, key, name, value) for name, value in tests.items()]
    return all(results)


def _passes_test(metadata: Mapping[str, Any], key: str, name: str, value: Any) -> bool:
    if name not in _TESTS:
        raise _unknown(name)
    if name in ("$in", "$nin") and not isinstance(value, list | tuple | set | frozenset):
        raise UsageError(f"{name} takes a list, not {short_repr(value)}.", '{"who": {"$in": ["Ann", "Bob"]}}')
    if key not in metadata:
        return name in ("$ne", "$nin")
    try:
        return bool(_TESTS[name](metadata[key], value))
    except TypeError:  # a text is neither above nor below a number
        return False


def _mappings(key: str, wanted: Any) -> Sequence[Mapping[str, Any]]:
    """Conditions, none of them empty: that would let everything through, or nothing."""
    if (
        isinstance(wanted, list | tuple)
        and wanted
        and all(one and isinstance(one, Mapping) for one in wanted)
    ):
        return wanted
    raise UsageError(f"{key} takes conditions, not {short_repr(wanted)}.", '{"$or": [{"who": "Ann"}]}')


def _unknown(name: str) -> UsageError:
    return UsageError(
        f"A filter of metadata has no operator {short_repr(name)}.",
        f"It has {', '.join(_TESTS)}, $and, $or, $not.",
    )
