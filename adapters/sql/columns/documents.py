"""The leaves of a filter on a jsonb column and on paths in it: mostly a superset, as for bodies.

The column is NULL exactly where the field is missing or null. Its JSON has losses
(`adapters/entities/json_values.py`), so that only the residual knows what it matches.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey

from adapters.entities.entity import Column
from adapters.query.filter import Comparison, Exists, In, Leaf, TypeIs
from adapters.query.paths import Path
from adapters.query.types import is_number
from adapters.sql.columns.condition import Absent, Constant, ExplicitNull, JsonPath
from adapters.sql.columns.parameters import (
    UNSAID,
    Parameters,
    Part,
    any_part,
    exactly,
    roughly,
)
from adapters.sql.columns.scalars import NULL_TYPE, holds_for_all, is_null_test
from adapters.sql.jsonpath import predicate

MOST_EXACT: Final = 2**53
NULL_ELEMENT: Final = "$[*] == null"
"""An array with null in it. The column itself never holds the JSON null."""


def json_part(leaf: Leaf, column: Column, rest: Path, parameters: Parameters) -> Part:
    """Return the condition for a leaf at a path below a jsonb column, or on the column itself."""
    present = Absent(column=column.name, absent=False)
    if not rest:
        known = _known(leaf, column, parameters)
        if known is not None:
            return known
    elif _may_match_missing(leaf):
        return UNSAID
    if _holds_large_number(leaf):
        return roughly(present)
    found = predicate(replace(leaf, path=rest), "$")
    if found is None:
        return roughly(present)
    path = JsonPath(
        column=column.name, parameter=parameters.take(found.text), indexed=found.indexed
    )
    return roughly(path)


def _known(leaf: Leaf, column: Column, parameters: Parameters) -> Part | None:
    """Return what the column itself tells of a leaf: whether the field is there, and whether it is null."""
    present = Absent(column=column.name, absent=False)
    match leaf:
        case Exists():
            return any_part([exactly(present), _null(column, parameters)])
        case Comparison(value=MinKey() | MaxKey()):
            return _extreme(leaf, column)
        case Comparison(value=None):
            if not is_null_test(leaf.comparator):
                return exactly(Constant(column=column.name, holds=False))
            return _null_or_element(column, parameters)
        case In() if None in leaf.values:
            others = tuple(value for value in leaf.values if value is not None)
            return any_part(
                [
                    _null_or_element(column, parameters),
                    json_part(replace(leaf, values=others), column, (), parameters),
                ]
            )
        case TypeIs(types=types) if NULL_TYPE in types:
            return any_part([roughly(present), _null(column, parameters)])
        case _:
            return None


def _null(column: Column, parameters: Parameters) -> Part:
    return exactly(ExplicitNull(column=column.name, name=parameters.take(column.name)))


def _extreme(leaf: Comparison, column: Column) -> Part:
    holds = holds_for_all(leaf.comparator, leaf.value)
    # The field itself, or an element of its array, may be MinKey or MaxKey.
    return roughly(Absent(column=column.name, absent=False)) if not holds else UNSAID


def _null_or_element(column: Column, parameters: Parameters) -> Part:
    path = JsonPath(column=column.name, parameter=parameters.take(NULL_ELEMENT), indexed=False)
    return any_part([exactly(Absent(column=column.name)), exactly(path)])


def _may_match_missing(leaf: Leaf) -> bool:
    match leaf:
        case Comparison(value=None):
            return True
        case Comparison(value=MinKey() | MaxKey()):
            return True
        case In():
            return None in leaf.values
        case _:
            return False


def _holds_large_number(leaf: Any) -> bool:
    """Return whether a leaf names a number beyond what doubles tell apart.

    The JSON of some documents holds it exactly, that of others rounded.
    """
    match leaf:
        case Comparison(value=value):
            return _is_large(value)
        case In(values=values):
            return any(map(_is_large, values))
        case _:
            # `$elemMatch` holds filters.
            return any(map(_holds_large_number, _inner(leaf)))


def _inner(leaf: Any) -> tuple[Any, ...]:
    for name in ("query", "conditions", "child"):
        if hasattr(leaf, name):
            return (getattr(leaf, name),)
    return getattr(leaf, "children", ())


def _is_large(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_is_large, value.values()))
    if isinstance(value, list):
        return any(map(_is_large, value))
    if not is_number(value):
        return False
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    return not -MOST_EXACT <= exact <= MOST_EXACT if exact == exact else False  # noqa: PLR0124
