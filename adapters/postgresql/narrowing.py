"""A filter as a selection: keys of `_id`, and one jsonpath predicate over the body.

The predicate is true for every document that the filter matches, and usually for few others. In lax mode
jsonpath unwraps arrays at each step and in comparisons, as MongoDB's paths do. What cannot be said so
(null and absence, negation, `$expr`, regular expressions …) is left out: the residual decides.
Predicates are positive only, so that an unknown in SQL's logic never hides a match.
Source: PostgreSQL manual, "The SQL/JSON Path Language"; MongoDB manual, "Query an Array".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
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
from adapters.sql.keys import LONGEST_EXACT, class_bounds, key_of
from adapters.sql.plan import EVERYTHING, Selection

MOST_ALTERNATIVES: Final = 256
"""Longer lists are left to the residual."""

MOST_POSITIONS: Final = 2
LONGEST_POSITION: Final = 9
ABOVE_HASH: Final = b"\xff" * 33
ID: Final = ("_id",)
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
    """A jsonpath predicate; `indexed` tells that the index on bodies can find what it selects."""

    text: str
    indexed: bool


NOTHING: Final = Predicate(text="1 == 2", indexed=False)


def selection_of(tree: Filter) -> Selection:
    """Return the documents to look at for a filter."""
    parts = tree.children if isinstance(tree, And) else (tree,)
    if not parts:
        return EVERYTHING
    if len(parts) == 1 and (identities := _identities(parts[0])) is not None:
        return Selection(ids=identities, exact=True)
    selection = Selection()
    rest: list[Filter] = []
    for part in parts:
        narrowed = _by_id(part, selection)
        if narrowed is None:
            rest.append(part)
        else:
            selection = narrowed
    predicate = _all_of(_predicate(part, "$") for part in rest)
    return Selection(
        ids=selection.ids,
        least=selection.least,
        below=selection.below,
        path=predicate.text if predicate else None,
        indexed=predicate.indexed if predicate else False,
        why=("the body is less exact than the document",) if predicate else ("nothing narrows it",),
    )


def identities_of(query: Mapping[str, Any]) -> Sequence[Any] | None:
    """Return the `_id`s one of which a document must have to match, None when they are not given."""
    if "_id" not in query:
        return None
    condition = query["_id"]
    if not isinstance(condition, Mapping) or not next(iter(condition), "").startswith("$"):
        return [condition] if _is_identity(condition) else None
    if "$eq" in condition and _is_identity(condition["$eq"]):
        return [condition["$eq"]]
    among = condition.get("$in")
    if isinstance(among, list) and all(map(_is_identity, among)):
        return among
    return None


def _is_identity(value: Any) -> bool:
    return not isinstance(value, list | Regex | DBRef)


def _by_id(part: Filter, selection: Selection) -> Selection | None:
    """Return the selection narrowed by a condition on `_id`, None when it is no such condition.

    A range is said here, and by the body as well: it does not count as done.
    """
    ids = _identities(part)
    if ids is not None:
        return replace(selection, ids=ids) if selection.ids is None else None
    if isinstance(part, Comparison) and part.path == ID and part.comparator in SIGNS:
        return _range(part.comparator, part.value, selection)
    return None


def _identities(part: Filter) -> tuple[bytes, ...] | None:
    """Return the keys that a condition on `_id` names, None when it is no such condition."""
    if isinstance(part, Comparison):
        if part.path != ID or part.comparator is not Comparator.EQ:
            return None
        return (key_of(part.value),) if _is_identity(part.value) else None
    if not isinstance(part, In) or part.path != ID or part.patterns:
        return None
    if not all(map(_is_identity, part.values)):
        return None
    return tuple(sorted({key_of(value) for value in part.values}))


def _range(comparator: Comparator, value: Any, selection: Selection) -> Selection | None:
    if type(value) not in ORDERED or value != value:  # noqa: PLR0124 - NaN compares with NaN only
        return None
    first, beyond = class_bounds(value)
    # What follows LONGEST_EXACT is a hash, which has no order.
    key = key_of(value)[:LONGEST_EXACT]
    upward = comparator in {Comparator.GT, Comparator.GTE}
    least = key if upward else first
    below = beyond if upward else key + ABOVE_HASH
    return replace(
        selection,
        least=least if selection.least is None else max(least, selection.least),
        below=below if selection.below is None else min(below, selection.below),
    )


def _predicate(part: Filter, base: str) -> Predicate | None:
    """Return the predicate of a part of a filter below `base`, None when it cannot narrow."""
    match part:
        case And(children=children):
            return _all_of(_predicate(child, base) for child in children)
        case Or(children=children):
            return _any_of([_predicate(child, base) for child in children])
        case Comparison(path=path, comparator=comparator, value=value):
            if comparator is Comparator.EQ:
                return _any_of([_equal(found, value) for found in _paths(base, path)])
            return _any_of([_compared(found, comparator, value) for found in _paths(base, path)])
        case In(path=path, values=values, patterns=()):
            return _among(_paths(base, path), values)
        case Exists(path=path):
            return _any_of(
                [Predicate(text=f"exists({p})", indexed=False) for p in _paths(base, path)]
            )
        case ElementSatisfies(path=path, conditions=inner) | ElementMatches(path=path, query=inner):
            return _any_of([_predicate(inner, f"{p}[*]") for p in _paths(base, path)])
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
        return _all_of(_equal(f"{path}.{name_of(name)}", item) for name, item in value.items())
    if isinstance(value, list):
        # The array itself, or an element that is this array: one step more, and comparisons unwrap.
        return _all_of(_equal(f"{path}[*]", item) for item in value if not isinstance(item, list))
    literal = None if value is None or isinstance(value, Regex) else scalar_of(value)
    return None if literal is None else Predicate(text=f"{path} == {literal}", indexed=True)


def _among(paths: Sequence[str], values: Sequence[Any]) -> Predicate | None:
    if not values:
        return NOTHING
    if len(values) > MOST_ALTERNATIVES:
        return None
    return _any_of([_equal(path, value) for value in values for path in paths])


def _compared(path: str, comparator: Comparator, value: Any) -> Predicate | None:
    literal = scalar_of(value) if type(value) in ORDERED else None
    if literal is None or literal == NOT_A_NUMBER:
        return None
    return Predicate(text=f"{path} {SIGNS[comparator]} {literal}", indexed=False)


def _all_of(predicates: Iterable[Predicate | None]) -> Predicate | None:
    """Return what must hold of all that is known; a part that cannot be said is left out."""
    known = [predicate for predicate in predicates if predicate is not None]
    if len(known) <= 1:
        return known[0] if known else None
    return Predicate(
        text=" && ".join(f"({predicate.text})" for predicate in known),
        indexed=any(predicate.indexed for predicate in known),
    )


def _any_of(predicates: Sequence[Predicate | None]) -> Predicate | None:
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
