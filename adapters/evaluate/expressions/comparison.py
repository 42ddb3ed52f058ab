"""`$eq`, `$cmp` and the other comparisons: across all types, missing before null.

Source: MongoDB manual, "Comparison Expression Operators".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from comparators.order import compare

_FAST: Final = frozenset({int, str, float, bool})


def compared(left: Any, right: Any) -> int:
    """Return -1, 0 or 1 as `left` comes before, with or after `right`."""
    if type(left) is type(right) and type(left) in _FAST and left == right:
        return 0
    return compare(left, right, missing_first=True)


def _holds(condition: Callable[[int], bool]) -> Callable[[Sequence[Any]], Any]:
    return lambda arguments: condition(compared(arguments[0], arguments[1]))


EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$cmp": lambda arguments: compared(arguments[0], arguments[1]),
    "$eq": _holds(lambda order: order == 0),
    "$gt": _holds(lambda order: order > 0),
    "$gte": _holds(lambda order: order >= 0),
    "$lt": _holds(lambda order: order < 0),
    "$lte": _holds(lambda order: order <= 0),
    "$ne": _holds(lambda order: order != 0),
}
