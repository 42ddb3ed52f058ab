"""The smallest or largest elements of an array in MongoDB's order."""

from bisect import insort_right
from collections.abc import Iterable
from operator import itemgetter
from typing import Any

from comparators.order import ValueOrder


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
