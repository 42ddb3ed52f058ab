"""Sort the elements of an array, as `$push` and `$sortArray` do."""

from collections.abc import Callable, Iterable
from functools import cmp_to_key
from typing import Any

from bson.dbref import DBRef

from adapters.query.element_order import ElementOrder
from adapters.query.paths import split_path
from comparators.order import SIMPLE, ValueOrder, position_of


def element_key(order: ElementOrder, comparing: ValueOrder = SIMPLE) -> Callable[[Any], Any]:
    """Return the key to sort the elements of an array by."""
    compare = comparing.compare
    if order.by is None:
        sign = -1 if order.descending else 1
        return cmp_to_key(lambda a, b: sign * compare(a, b))
    keys = [(split_path(path), direction) for path, direction in order.by.items()]

    def by_fields(a: Any, b: Any) -> int:
        for path, direction in keys:
            order = compare(_at(a, path), _at(b, path))
            if order:
                return direction * order
        return 0

    return cmp_to_key(by_fields)


def _at(value: Any, path: Iterable[str]) -> Any:
    """Return what lies at a path where a number names a position and arrays are not searched."""
    if not isinstance(value, dict | DBRef):
        return None
    for name in path:
        if isinstance(value, DBRef):
            value = value.as_doc()
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list):
            position = position_of(name)
            if position is None or position >= len(value):
                return None
            value = value[position]
        else:
            return None
    return value
