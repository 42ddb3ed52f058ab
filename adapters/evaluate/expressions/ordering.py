"""Arrays in MongoDB's order: by whole values, or by paths into their elements."""

from collections.abc import Callable, Mapping
from typing import Any

from adapters.evaluate.numbers import integral
from adapters.query.failures import CommandFailure
from comparators.order import order_key, sort_key

Order = Callable[[list[Any]], list[Any]]


def by_value(array: list[Any], *, ascending: bool) -> list[Any]:
    """Return the elements in order; equal ones keep their places."""
    return sorted(array, key=_missing_first, reverse=not ascending)


def _missing_first(value: Any) -> Any:
    return order_key(value, missing_first=True)


def compile_sort_by(sort_by: Any) -> Order:
    """Return the order that `sortBy` asks for: 1, -1 or a document of paths."""
    if isinstance(sort_by, Mapping):
        for direction in sort_by.values():
            if integral(direction) not in {1, -1}:
                raise CommandFailure(15975, "$sort key ordering must be 1 or -1")
        directions = {path: int(direction) for path, direction in sort_by.items()}
        return lambda array: sorted(
            array, key=lambda item: sort_key(item if isinstance(item, dict) else {}, directions)
        )
    whole = integral(sort_by)
    if whole not in {1, -1}:
        raise CommandFailure(2942505, "$sortArray's sortBy must be 1, -1 or an object")
    return lambda array: by_value(array, ascending=whole == 1)
