"""`$sum`, `$max` and the other accumulators used as expressions: over arguments, or over one array.

Source: MongoDB manual, "Accumulators (in Other Stages)".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.accumulators import ACCUMULATORS, Accumulator, accumulators_under
from comparators.canonical import MISSING
from comparators.order import SIMPLE, ValueOrder


def _reduced(make: Callable[[], Accumulator]) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        only = arguments[0] if len(arguments) == 1 else None
        accumulator = make()
        for value in only if isinstance(only, list) else arguments:
            accumulator.add(value)
        result = accumulator.result()
        return None if result is MISSING else result

    return evaluate


def under(order: ValueOrder) -> Mapping[str, Callable[[Sequence[Any]], Any]]:
    """Return the operators that compare, in an order of values."""
    makers = accumulators_under(order)
    return {operator: _reduced(makers[operator]) for operator in ("$max", "$min")}


EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **{
        operator: _reduced(ACCUMULATORS[operator])
        for operator in ("$avg", "$stdDevPop", "$stdDevSamp", "$sum")
    },
    **under(SIMPLE),
}
