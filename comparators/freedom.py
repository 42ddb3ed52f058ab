"""What follows from an order that is open: which arrays, values and results are left to chance.

What is computed from something with a freedom takes the freedom over, or makes chance of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, TypeVar

from comparators.dependence import depends_on_order, is_under, kept_array, reads
from comparators.ordering import (
    FIELD_ORDER,
    INPUT_ORDER,
    NO_ORDER,
    NOWHERE,
    RANDOM,
    TIES,
    Ordering,
    Rows,
)

T = TypeVar("T")


def reshaped(ordering: Ordering, computed: Mapping[str, Any]) -> Ordering:
    """Return the ordering behind a stage that computes fields; each takes over what it is made of."""
    loose = outside(ordering.loose, computed)
    vague = outside(ordering.vague, computed)
    for path, expression in computed.items():
        kept = kept_array(expression, ordering.loose)
        reason = chance_of(ordering, expression)
        if kept is not None and not reads(expression, ordering.vague):
            loose[path] = ordering.loose[kept]
        elif reason is not None:
            # Inside of an array the path of a difference names the array as well.
            above = next((each for each in loose if is_under(path, each)), path)
            vague[above] = reason
    unique = ordering.unique and "_id" not in computed
    return replace(ordering, unique=unique, loose=loose, vague=vague)


def outside(free: Mapping[str, T], written: Collection[str]) -> dict[str, T]:
    """Return the freedoms that are not overwritten."""
    return {
        path: why for path, why in free.items() if not any(is_under(path, each) for each in written)
    }


def chance_of(ordering: Ordering, expression: Any) -> str | None:
    """Return why the value of an expression is left to chance, None where it is not."""
    for path, why in ordering.vague.items():
        if reads(expression, [path]):
            return why
    if ordering.scattered and reads(expression, [NOWHERE]):
        return FIELD_ORDER
    if depends_on_order(expression, ordering.loose):
        return next(filter(None, ordering.loose.values()), INPUT_ORDER)
    return None


def or_arbitrary(ordering: Ordering, reason: str | None) -> Ordering:
    return replace(ordering, arbitrary=ordering.arbitrary or reason)


def fewer(ordering: Ordering) -> Ordering:
    """Return the ordering behind a stage that gives another number of documents than it takes."""
    if ordering.rows is Rows.FIXED:
        return replace(ordering, skips=False, limit=0)
    return replace(ordering, arbitrary=ordering.arbitrary or why_arbitrary(ordering))


def why_arbitrary(ordering: Ordering) -> str | None:
    """Return why what is computed from all documents may differ."""
    if ordering.arbitrary is None and ordering.rows is not Rows.FIXED:
        if ordering.sample:
            return RANDOM
        return TIES if ordering.rows is Rows.TIES else NO_ORDER
    return ordering.arbitrary


def only(free: Mapping[str, T], written: Collection[str]) -> dict[str, T]:
    return {path: why for path, why in free.items() if path in written}
