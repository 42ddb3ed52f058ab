"""A filter as one jsonpath predicate over a JSON with losses (`adapters/sql/body.py`).

The predicate is true for every document that the filter matches, and usually for few others. In lax mode
jsonpath unwraps arrays at each step and in comparisons, as MongoDB's paths do. What cannot be said so
(null and absence, negation, `$expr`, regular expressions …) is left out: the residual decides.
Predicates are positive only, so that an unknown in SQL's logic never hides a match.
Source: PostgreSQL manual, "The SQL/JSON Path Language"; MongoDB manual, "Query an Array".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex

from adapters.query.filter import (
    And,
    Comparator,
    Comparison,
    ElementMatches,
    ElementSatisfies,
    Exists,
    Filter,
    In,
    Or,
)
from adapters.query.paths import Path
from adapters.sql.body import NOT_A_NUMBER, name_of, scalar_of

MOST_ALTERNATIVES: Final = 256
"""Longer lists are left to the residual."""

MOST_POSITIONS: Final = 2
LONGEST_POSITION: Final = 9
ORDERED: Final = frozenset({str, int, Int64, float, Decimal128, DatetimeMS, ObjectId})
"""The classes whose order survives in the body."""

# The body rounds numbers and cuts strings, both without changing their order: the bound itself may stand
# for a value beyond it, so it always belongs to the selection.
SIGNS: Final[Mapping[Comparator, str]] = {
    Comparator.GT: ">=",
    Comparator.GTE: ">=",
    Comparator.LT: "<=",
    Comparator.LTE: "<=",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicate:
    """A predicate over bodies; `indexed` tells that the index on bodies can find what it selects."""

    text: Any
    indexed: bool


NOTHING: Final = Predicate(text="1 == 2", indexed=False)


def predicate(part: Filter, base: str) -> Predicate | None:
    """Return the predicate of a part of a filter below `base`, None when it cannot narrow."""
    match part:
        case And(children=children):
            return all_of(predicate(child, base) for child in children)
        case Or(children=children):
            return any_of([predicate(child, base) for child in children])
        case Comparison(path=path, comparator=comparator, value=value):
            if comparator is Comparator.EQ:
                return any_of([_equal(found, value) for found in _paths(base, path)])
            return any_of([_compared(found, comparator, value) for found in _paths(base, path)])
        case In(path=path, values=values, patterns=()):
            return _among(_paths(base, path), values)
        case Exists(path=path):
            return any_of(
                [Predicate(text=f"exists({p})", indexed=False) for p in _paths(base, path)]
            )
        case ElementSatisfies(path=path, conditions=inner) | ElementMatches(path=path, query=inner):
            return any_of([predicate(inner, f"{p}[*]") for p in _paths(base, path)])
        case _:
            return None


def _paths(base: str, path: Path) -> list[str]:
    """Return the jsonpaths of a path, of which a number is a position or a name; none if too many."""
    found = [base]
    positions = 0
    for segment in path:
        steps = [f".{name_of(segment)}"]
        if segment.isdecimal() and segment.isascii() and len(segment) <= LONGEST_POSITION:
            positions += 1
            steps.append(f"[{int(segment)}]")
        found = [f"{start}{step}" for start in found for step in steps]
    return found if positions <= MOST_POSITIONS else []


def _equal(path: str, value: Any) -> Predicate | None:
    if isinstance(value, Mapping):
        return all_of(_equal(f"{path}.{name_of(name)}", item) for name, item in value.items())
    if isinstance(value, list):
        # The array itself, or an element that is this array: one step more, and comparisons unwrap.
        return all_of(_equal(f"{path}[*]", item) for item in value if not isinstance(item, list))
    literal = None if value is None or isinstance(value, Regex) else scalar_of(value)
    return None if literal is None else Predicate(text=f"{path} == {literal}", indexed=True)


def _among(paths: Sequence[str], values: Sequence[Any]) -> Predicate | None:
    if not values:
        return NOTHING
    if len(values) > MOST_ALTERNATIVES:
        return None
    return any_of([_equal(path, value) for value in values for path in paths])


def _compared(path: str, comparator: Comparator, value: Any) -> Predicate | None:
    literal = scalar_of(value) if type(value) in ORDERED else None
    if literal is None or literal == NOT_A_NUMBER:
        return None
    return Predicate(text=f"{path} {SIGNS[comparator]} {literal}", indexed=False)


def all_of(predicates: Iterable[Predicate | None]) -> Predicate | None:
    """Return what must hold of all that is known; a part that cannot be said is left out."""
    known = [predicate for predicate in predicates if predicate is not None]
    if len(known) <= 1:
        return known[0] if known else None
    return Predicate(
        text=" && ".join(f"({predicate.text})" for predicate in known),
        indexed=any(predicate.indexed for predicate in known),
    )


def any_of(predicates: Sequence[Predicate | None]) -> Predicate | None:
    """Return what must hold of one at least; None when one of them cannot be said."""
    known = [predicate for predicate in predicates if predicate is not None]
    if len(known) < len(predicates):
        return None
    if len(known) <= 1:
        return known[0] if known else None
    return Predicate(
        text=" || ".join(f"({predicate.text})" for predicate in known),
        indexed=all(predicate.indexed for predicate in known),
    )
