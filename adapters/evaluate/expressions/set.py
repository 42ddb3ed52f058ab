"""`$setUnion` and the other set operators: equal elements count once, in MongoDB's order.

Source: MongoDB manual, "Set Expression Operators".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from adapters.evaluate.expressions.kinds import is_nullish
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from comparators.order import SIMPLE, OrderKey, ValueOrder

Operator = Callable[[Sequence[Any]], Any]
Stopping = Callable[[Iterable[Any]], Any]


def _keyed(order: ValueOrder, value: Any) -> dict[OrderKey, Any]:
    """Return the distinct elements by their place in the order; the first of equal ones stays."""
    found: dict[OrderKey, Any] = {}
    for item in value:
        found.setdefault(order.key(item, missing_first=True), item)
    return found


def _array(value: Any, code: int, operator: str) -> list[Any]:
    if not isinstance(value, list):
        raise CommandFailure(
            code, f"All operands of {operator} must be arrays, not {type_name(value)}"
        )
    return value


def _in_order(found: Mapping[OrderKey, Any]) -> list[Any]:
    return [found[key] for key in sorted(found)]


def _union(order: ValueOrder, arguments: Iterable[Any]) -> Any:
    found: dict[OrderKey, Any] = {}
    for value in arguments:
        if is_nullish(value):
            return None
        found = {**_keyed(order, _array(value, 17043, "$setUnion")), **found}
    return _in_order(found)


def _intersection(order: ValueOrder, arguments: Iterable[Any]) -> Any:
    common: dict[OrderKey, Any] | None = None
    for value in arguments:
        if is_nullish(value):
            return None
        found = _keyed(order, _array(value, 17047, "$setIntersection"))
        if common is None:
            common = found
            continue
        # Of equal elements those of the smaller set stay.
        fewer, more = (found, common) if len(found) < len(common) else (common, found)
        common = {key: item for key, item in fewer.items() if key in more}
    return _in_order(common or {})


def _difference(order: ValueOrder, arguments: Sequence[Any]) -> Any:
    left, right = arguments
    if is_nullish(left) or is_nullish(right):
        return None
    removed = (
        _keyed(order, _array(right, 17049, "$setDifference")) if isinstance(left, list) else {}
    )
    kept = _keyed(order, _array(left, 17048, "$setDifference"))
    return [value for key, value in kept.items() if key not in removed]


def _equals(order: ValueOrder, arguments: Iterable[Any]) -> Any:
    """The first argument is compared with each of the others, until one differs."""
    sets = (set(_keyed(order, _array(value, 17044, "$setEquals"))) for value in arguments)
    first = next(sets)
    return all(other == first for other in sets)


def _subset(order: ValueOrder, arguments: Sequence[Any], *, left_refusal: int) -> Any:
    left = _array(arguments[0], left_refusal, "$setIsSubset")
    right = _array(arguments[1], 17042, "$setIsSubset")
    return set(_keyed(order, left)) <= set(_keyed(order, right))


def under(order: ValueOrder) -> Mapping[str, Operator]:
    """Return the operators in an order of values."""
    return {
        "$setDifference": partial(_difference, order),
        "$setIsSubset": partial(_subset, order, left_refusal=17046),
        **stopping_under(order),
    }


def stopping_under(order: ValueOrder) -> Mapping[str, Stopping]:
    """Return the operators that look at an argument before they evaluate the next."""
    return {
        "$setEquals": partial(_equals, order),
        "$setIntersection": partial(_intersection, order),
        "$setUnion": partial(_union, order),
    }


def with_constant_under(order: ValueOrder) -> Mapping[str, Operator]:
    """Return those that MongoDB refuses with another code where the last argument is constant."""
    return {"$setIsSubset": partial(_subset, order, left_refusal=17310)}


STOPPING: Final = stopping_under(SIMPLE)
EXPRESSIONS: Final = under(SIMPLE)
