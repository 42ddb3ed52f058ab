"""`$eq`, `$cmp` and the other comparisons: across all types, missing before null.

Source: MongoDB manual, "Comparison Expression Operators".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from comparators.order import SIMPLE, ValueOrder

_FAST: Final = frozenset({int, str, float, bool})


def compared(left: Any, right: Any, order: ValueOrder = SIMPLE) -> int:
    """Return -1, 0 or 1 as `left` comes before, with or after `right`."""
    if type(left) is type(right) and type(left) in _FAST and left == right:
        return 0
    return order.compare(left, right, missing_first=True)


def under(order: ValueOrder) -> Mapping[str, Callable[[Sequence[Any]], Any]]:
    """Return the operators in an order of values."""

    def holds(condition: Callable[[int], bool]) -> Callable[[Sequence[Any]], Any]:
        return lambda arguments: condition(compared(arguments[0], arguments[1], order))

    return {
        "$cmp": lambda arguments: compared(arguments[0], arguments[1], order),
        "$eq": holds(lambda sign: sign == 0),
        "$gt": holds(lambda sign: sign > 0),
        "$gte": holds(lambda sign: sign >= 0),
        "$lt": holds(lambda sign: sign < 0),
        "$lte": holds(lambda sign: sign <= 0),
        "$ne": holds(lambda sign: sign != 0),
    }


EXPRESSIONS: Final = under(SIMPLE)
