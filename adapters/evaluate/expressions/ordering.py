"""Arrays in MongoDB's order: by whole values, or by paths into their elements."""

from bisect import insort_right
from collections.abc import Callable, Iterable, Mapping
from operator import itemgetter
from typing import Any

from adapters.evaluate.numbers import integral
from adapters.query.failures import CommandFailure
from comparators.order import SIMPLE, ValueOrder

Order = Callable[[list[Any]], list[Any]]


def by_value(array: list[Any], order: ValueOrder = SIMPLE, *, ascending: bool) -> list[Any]:
    """Return the elements in order; equal ones keep their places."""

    def key(value: Any) -> Any:
        return order.key(value, missing_first=True)

    return sorted(array, key=key, reverse=not ascending)


def extremes(array: Iterable[Any], count: int, order: ValueOrder, *, largest: bool) -> list[Any]:
    """Return the smallest or largest elements in order, as the server keeps them in a sorted bag.

    An element that is equal to the last one that fits is not let in. Of equal ones the largest come
    last one first.
    """
    kept: list[tuple[Any, Any]] = []
    for value in array:
        key = order.key(value, missing_first=True)
        if len(kept) == count:
            edge = kept[0][0] if largest else kept[-1][0]
            if not (key > edge if largest else key < edge):
                continue
            kept.pop(0 if largest else -1)
        insort_right(kept, (key, value), key=itemgetter(0))
    return [value for _key, value in (reversed(kept) if largest else kept)]


def compile_sort_by(sort_by: Any, order: ValueOrder = SIMPLE) -> Order:
    """Return the order that `sortBy` asks for: 1, -1 or a document of paths."""
    if isinstance(sort_by, Mapping):
        for direction in sort_by.values():
            if integral(direction) not in {1, -1}:
                raise CommandFailure(15975, "$sort key ordering must be 1 or -1")
        directions = {path: int(direction) for path, direction in sort_by.items()}
        return lambda array: sorted(
            array,
            key=lambda item: order.sort_key(item if isinstance(item, dict) else {}, directions),
        )
    whole = integral(sort_by)
    if whole not in {1, -1}:
        raise CommandFailure(2942505, "$sortArray's sortBy must be 1, -1 or an object")
    return lambda array: by_value(array, order, ascending=whole == 1)
