"""`$sum`, `$max` and the other accumulators used as expressions: over arguments, or over one array.

Source: MongoDB manual, "Accumulators (in Other Stages)".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.accumulators import ACCUMULATORS, Accumulator
from comparators.canonical import MISSING


def _reduced(make: Callable[[], Accumulator]) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        only = arguments[0] if len(arguments) == 1 else None
        accumulator = make()
        for value in only if isinstance(only, list) else arguments:
            accumulator.add(value)
        result = accumulator.result()
        return None if result is MISSING else result

    return evaluate


EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    operator: _reduced(ACCUMULATORS[operator])
    for operator in ("$avg", "$max", "$min", "$stdDevPop", "$stdDevSamp", "$sum")
}
