"""A filter as a selection: keys of `_id`, and one predicate over the body in the language of the database."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.objectid import ObjectId
from bson.regex import Regex

from adapters.query.filter import And, Comparator, Comparison, Filter, In
from adapters.sql.jsonpath import ORDERED, SIGNS, Predicate, all_of, predicate
from adapters.sql.keys import LONGEST_EXACT, class_bounds, key_of, next_key_of
from adapters.sql.plan import EVERYTHING, Selection

ABOVE_HASH: Final = b"\xff" * 33
ID: Final = ("_id",)
UPWARD: Final = frozenset({Comparator.GT, Comparator.GTE})
OF_EXACT_RANGES: Final = frozenset({ObjectId, str, DatetimeMS})
"""Of numbers, NaN is in the class and in no range."""


def by_path(parts: Sequence[Filter]) -> Predicate | None:
    """Return the jsonpath predicate that holds wherever all parts of a filter do, None where nothing narrows."""
    return all_of(predicate(part, "$") for part in parts)


def selection_of(
    tree: Filter, narrow: Callable[[Sequence[Filter]], Predicate | None] = by_path
) -> Selection:
    """Return the documents to look at for a filter; `narrow` says what its parts ask of the body."""
    parts = tree.children if isinstance(tree, And) else (tree,)
    if not parts:
        return EVERYTHING
    if len(parts) == 1 and (identities := identities_of_filter(parts[0], key_of)) is not None:
        return Selection(ids=identities, exact=True)
    selection = Selection(exact=True)
    rest: list[Filter] = []
    for part in parts:
        narrowed = _by_id(part, selection)
        if narrowed is None:
            rest.append(part)
        else:
            selection = narrowed
    if selection.exact and selection.ids is None and not rest:
        return selection
    found = narrow(rest)
    return Selection(
        ids=selection.ids,
        least=selection.least,
        below=selection.below,
        path=found.text if found else None,
        indexed=found.indexed if found else False,
        why=("the body is less exact than the document",) if found else ("nothing narrows it",),
    )


def bounds_once(tree: Filter) -> bool:
    """Return whether no bound of the selection of a filter is the closer one of two."""
    parts = tree.children if isinstance(tree, And) else (tree,)
    upward = [part.comparator in UPWARD for part in parts if isinstance(part, Comparison)]
    return len(upward) == len(set(upward))


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
    """Return the selection narrowed by a condition on `_id`, None when it is no such condition."""
    ids = identities_of_filter(part, key_of)
    if ids is not None:
        return replace(selection, ids=ids) if selection.ids is None else None
    if isinstance(part, Comparison) and part.path == ID and part.comparator in SIGNS:
        return _range(part.comparator, part.value, selection)
    return None


def identities_of_filter(part: Filter, key: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """Return the keys that a condition on `_id` names, None when it is no such condition."""
    if isinstance(part, Comparison):
        if part.path != ID or part.comparator is not Comparator.EQ:
            return None
        return (key(part.value),) if _is_identity(part.value) else None
    if not isinstance(part, In) or part.path != ID or part.patterns:
        return None
    if not all(map(_is_identity, part.values)):
        return None
    return tuple(sorted({key(value) for value in part.values}))


def _range(comparator: Comparator, value: Any, selection: Selection) -> Selection | None:
    if type(value) not in ORDERED or value != value:  # noqa: PLR0124 - NaN compares with NaN only
        return None
    first, beyond = class_bounds(value)
    exact = type(value) in OF_EXACT_RANGES and len(key_of(value)) <= LONGEST_EXACT
    least, below = _bounds(comparator, value) if exact else _wide_bounds(comparator, value)
    least, below = least or first, below or beyond
    return replace(
        selection,
        least=least if selection.least is None else max(least, selection.least),
        below=below if selection.below is None else min(below, selection.below),
        exact=selection.exact and exact,
    )


def _bounds(comparator: Comparator, value: Any) -> tuple[bytes | None, bytes | None]:
    """Return the least key that a comparison selects, and the least above all of them."""
    match comparator:
        case Comparator.GTE:
            return key_of(value), None
        case Comparator.GT:
            return next_key_of(value), None
        case Comparator.LT:
            return None, key_of(value)
        case _:
            return None, next_key_of(value)


def _wide_bounds(comparator: Comparator, value: Any) -> tuple[bytes | None, bytes | None]:
    """Return bounds with all keys between them that a comparison may select."""
    # What follows LONGEST_EXACT is a hash, which has no order.
    key = key_of(value)[:LONGEST_EXACT]
    return (key, None) if comparator in UPWARD else (None, key + ABOVE_HASH)
