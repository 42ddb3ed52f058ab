"""`$setUnion` and the other set operators: equal elements count once, in MongoDB's order.

Source: MongoDB manual, "Set Expression Operators".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.expressions.kinds import is_nullish
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from comparators.order import OrderKey, order_key


def _keyed(value: Any) -> dict[OrderKey, Any]:
    """Return the distinct elements by their place in the order; the first of equal ones stays."""
    found: dict[OrderKey, Any] = {}
    for item in value:
        found.setdefault(order_key(item, missing_first=True), item)
    return found


def _array(value: Any, code: int, operator: str) -> list[Any]:
    if not isinstance(value, list):
        raise CommandFailure(
            code, f"All operands of {operator} must be arrays, not {type_name(value)}"
        )
    return value


def _in_order(found: Mapping[OrderKey, Any]) -> list[Any]:
    return [found[key] for key in sorted(found)]


def union(arguments: Iterable[Any]) -> Any:
    found: dict[OrderKey, Any] = {}
    for value in arguments:
        if is_nullish(value):
            return None
        found = {**_keyed(_array(value, 17043, "$setUnion")), **found}
    return _in_order(found)


def intersection(arguments: Iterable[Any]) -> Any:
    common: dict[OrderKey, Any] | None = None
    for value in arguments:
        if is_nullish(value):
            return None
        found = _keyed(_array(value, 17047, "$setIntersection"))
        common = found if common is None else {k: v for k, v in common.items() if k in found}
    return _in_order(common or {})


def _difference(arguments: Sequence[Any]) -> Any:
    left, right = arguments
    if is_nullish(left) or is_nullish(right):
        return None
    removed = _keyed(_array(right, 17049, "$setDifference")) if isinstance(left, list) else {}
    kept = _keyed(_array(left, 17048, "$setDifference"))
    return [value for key, value in kept.items() if key not in removed]


def _equals(arguments: Iterable[Any]) -> Any:
    sets = (set(_keyed(_array(value, 17044, "$setEquals"))) for value in arguments)
    first = next(sets)
    return all(other == first for other in sets)


def _subset(left_refusal: int) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        left = _array(arguments[0], left_refusal, "$setIsSubset")
        right = _array(arguments[1], 17042, "$setIsSubset")
        return set(_keyed(left)) <= set(_keyed(right))

    return evaluate


STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    "$setEquals": _equals,
    "$setIntersection": intersection,
    "$setUnion": union,
}
"""Operators that look at an argument before they evaluate the next."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **STOPPING,
    "$setDifference": _difference,
    "$setIsSubset": _subset(17046),
}

WITH_CONSTANT: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$setIsSubset": _subset(17310)
}
"""The same operators where the last argument is constant: MongoDB then refuses with another code."""
