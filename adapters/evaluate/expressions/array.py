"""`$arrayElemAt`, `$slice` and the other array operators that take values.

`$map`, `$filter` and `$reduce` bind variables and stand in `compiler.py`.
Source: MongoDB manual, "Array Expression Operators".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

from adapters.evaluate.element_order import element_key
from adapters.evaluate.expressions.comparison import compared
from adapters.evaluate.expressions.extremes import extremes
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.variables import Variables
from adapters.evaluate.numbers import integral, is_number
from adapters.query.element_order import ElementOrder
from adapters.query.failures import CommandFailure
from adapters.query.types import truth, type_name
from adapters.query.unsupported import unsupported
from comparators.canonical import MISSING
from comparators.order import SIMPLE, ValueOrder

Evaluate = Callable[[Variables], Any]

LONGEST_RANGE: Final = 1_000_000


def array_or_null(value: Any, code: int, operator: str) -> list[Any] | None:
    """Return an array; None for null and missing; refuse anything else with the code."""
    if isinstance(value, list):
        return value
    if is_nullish(value):
        return None
    raise CommandFailure(code, f"{operator} requires an array, not {type_name(value)}")


def _array_elem_at(arguments: Sequence[Any]) -> Any:
    array, position = arguments
    if is_nullish(array) or is_nullish(position):
        return None
    if not isinstance(array, list):
        raise CommandFailure(
            28689, f"$arrayElemAt's first argument must be an array, but is {type_name(array)}"
        )
    if not is_number(position):
        raise CommandFailure(28690, "$arrayElemAt's second argument must be a numeric value")
    index = integral(position)
    if index is None:
        raise CommandFailure(28691, "$arrayElemAt's second argument must be a 32-bit integer")
    return element_at(array, index)


def element_at(array: Sequence[Any], index: int) -> Any:
    """Return an element, counted from the end if negative; MISSING outside."""
    return array[index] if -len(array) <= index < len(array) else MISSING


def _end(operator: str, index: int) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        array = array_or_null(arguments[0], 28689, operator)
        return None if array is None else element_at(array, index)

    return evaluate


def concat_arrays(arguments: Iterable[Any]) -> Any:
    joined: list[Any] = []
    for value in arguments:
        array = array_or_null(value, 28664, "$concatArrays")
        if array is None:
            return None
        joined += array
    return joined


def _in(order: ValueOrder, arguments: Sequence[Any]) -> Any:
    value, array = arguments
    if not isinstance(array, list):
        raise CommandFailure(
            40081, f"$in requires an array as a second argument, found: {type_name(array)}"
        )
    return any(compared(value, item, order) == 0 for item in array)


def _index_of_array(order: ValueOrder, arguments: Sequence[Evaluate]) -> Evaluate:
    """The value to look for comes last, behind the bounds."""
    source, wanted, *bounds = arguments

    def evaluate(variables: Variables) -> Any:
        array = array_or_null(source(variables), 40090, "$indexOfArray")
        if array is None:
            return None
        given = (bound(variables) for bound in bounds)
        start, end = search_range("$indexOfArray", given, len(array))
        value = wanted(variables)
        for index in range(start, end):
            if compared(array[index], value, order) == 0:
                return index
        return -1

    return evaluate


def search_range(operator: str, bounds: Iterable[Any], length: int) -> tuple[int, int]:
    """Return where a search starts and ends, the end capped at the length."""
    checked = []
    for bound in bounds:
        position = integral(bound)
        if position is None:
            raise CommandFailure(40096, f"{operator} requires an integral index")
        if position < 0:
            raise CommandFailure(40097, f"{operator} requires a nonnegative index")
        checked.append(position)
    start = checked[0] if checked else 0
    end = min(checked[1], length) if len(checked) > 1 else length
    return start, end


def _is_array(arguments: Sequence[Any]) -> Any:
    return isinstance(arguments[0], list)


def _range(arguments: Iterable[Any]) -> Any:
    values = iter(arguments)
    # Both ends are there before one of them is looked at; the step is not.
    ends = (next(values), next(values))
    codes = ((34443, 34444), (34445, 34446), (34447, 34448))
    bounds = []
    for value, (not_number, not_integer) in zip(chain(ends, values), codes, strict=False):
        if not is_number(value):
            raise CommandFailure(
                not_number, f"$range requires a numeric value, found {type_name(value)}"
            )
        whole = integral(value)
        if whole is None:
            raise CommandFailure(not_integer, "$range requires a 32-bit integer")
        bounds.append(whole)
    if len(bounds) == 3 and bounds[2] == 0:
        raise CommandFailure(34449, "$range requires a non-zero step value")
    numbers = range(*bounds)
    if len(numbers) > LONGEST_RANGE:
        raise unsupported("$range beyond a million numbers", where="expression")
    return list(numbers)


def _reverse_array(arguments: Sequence[Any]) -> Any:
    array = array_or_null(arguments[0], 34435, "$reverseArray")
    return None if array is None else array[::-1]


def _size(arguments: Sequence[Any]) -> Any:
    if not isinstance(arguments[0], list):
        raise CommandFailure(
            17124,
            f"The argument to $size must be an array, but was of type: {type_name(arguments[0])}",
        )
    return len(arguments[0])


def _slice(arguments: Iterable[Any]) -> Any:
    values = iter(arguments)
    array, number = next(values), next(values)
    if is_nullish(array) or is_nullish(number):
        return None
    if not isinstance(array, list):
        raise CommandFailure(28724, "First argument to $slice must be an array")
    first = _whole(number, 28725, 28726)
    size = next(values, ABSENT)
    if size is ABSENT:
        return array[:first] if first >= 0 else array[first:]
    if is_nullish(size):
        return None
    count = _whole(size, 28727, 28728)
    if count <= 0:
        raise CommandFailure(28729, "Third argument to $slice must be positive")
    start = max(len(array) + first, 0) if first < 0 else first
    return array[start : start + count]


def _whole(value: Any, not_number: int, not_integer: int) -> int:
    if not is_number(value):
        raise CommandFailure(not_number, f"$slice requires a numeric value, not {type_name(value)}")
    whole = integral(value)
    if whole is None:
        raise CommandFailure(not_integer, "$slice requires a 32-bit integer")
    return whole


def sorted_array(source: Evaluate, sort: ElementOrder, order: ValueOrder) -> Evaluate:
    """Return the function of `$sortArray`; of equal elements the first stays in front."""
    key = element_key(sort, order)

    def evaluate(variables: Variables) -> Any:
        array = array_or_null(source(variables), 2942504, "$sortArray")
        return None if array is None else sorted(array, key=key)

    return evaluate


def _some(
    operator: str, ascending: bool | None, from_end: bool, order: ValueOrder = SIMPLE
) -> Callable[[Sequence[Evaluate]], Evaluate]:
    """Return `$firstN`, `$lastN` (unsorted), `$minN` or `$maxN`; the number comes first."""

    def compiled(arguments: Sequence[Evaluate]) -> Evaluate:
        source, count = arguments
        return lambda variables: some(element_count(count(variables)), source(variables))

    def some(limit: int, array: Any) -> Any:
        if not isinstance(array, list):
            raise CommandFailure(5788200, f"{operator} requires an array, not {type_name(array)}")
        if ascending is None:
            return array[-limit:] if from_end else array[:limit]
        present = (item for item in array if not is_nullish(item))
        return extremes(present, limit, order, largest=not ascending)

    return compiled


def element_count(value: Any) -> int:
    """Return the `n` of `$firstN` and its like."""
    if not is_number(value):
        raise CommandFailure(5787902, "Value for 'n' must be of integral type")
    whole = integral(value, bits=64)
    if isinstance(value, float) and not -(2.0**63) <= value < 2.0**63:
        raise CommandFailure(31109, f"Can't coerce out-of-range value {value} to long")
    if whole is None:
        raise CommandFailure(5787903, "Value for 'n' must be of integral type")
    if whole <= 0:
        raise CommandFailure(5787908, "'n' must be greater than 0")
    return whole


def zipped(inputs: Sequence[Evaluate], defaults: Sequence[Evaluate], *, longest: bool) -> Evaluate:
    """Return the function of `$zip`: defaults are evaluated only where an array is too short."""

    def evaluate(variables: Variables) -> Any:
        arrays = []
        for source in inputs:
            array = array_or_null(source(variables), 34468, "$zip")
            if array is None:
                return None
            arrays.append(array)
        lengths = {len(array) for array in arrays}
        fill: list[Any] = [None] * len(arrays)
        if len(lengths) > 1:
            for at, default in enumerate(defaults):
                fill[at] = default(variables)
        if any(value is MISSING for value in fill):
            # The server makes an array with a hole, which is there or not as one looks at it.
            raise unsupported("$zip with a missing default", where="expression")
        return [
            [array[i] if i < len(array) else fill[k] for k, array in enumerate(arrays)]
            for i in range((max if longest else min)(lengths, default=0))
        ]

    return evaluate


def _any_element_true(arguments: Sequence[Any]) -> Any:
    return any(truth(item) for item in _elements(arguments[0], 17041, "$anyElementTrue"))


def _all_elements_true(arguments: Sequence[Any]) -> Any:
    return all(truth(item) for item in _elements(arguments[0], 17040, "$allElementsTrue"))


def _elements(value: Any, code: int, operator: str) -> list[Any]:
    if not isinstance(value, list):
        raise CommandFailure(
            code, f"{operator}'s argument must be an array, but is {type_name(value)}"
        )
    return value


STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    "$concatArrays": concat_arrays,
    "$range": _range,
    "$slice": _slice,
}
"""Operators that look at an argument before they evaluate the next."""


def under(order: ValueOrder) -> Mapping[str, Callable[[Sequence[Any]], Any]]:
    """Return the operators that compare values, in an order of values."""
    return {"$in": partial(_in, order)}


def lazy_under(order: ValueOrder) -> Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]:
    """Return those among `LAZY` that compare."""
    return {
        "$indexOfArray": partial(_index_of_array, order),
        "$maxN": _some("$maxN", ascending=False, from_end=False, order=order),
        "$minN": _some("$minN", ascending=True, from_end=False, order=order),
    }


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {
    "$firstN": _some("$firstN", ascending=None, from_end=False),
    "$lastN": _some("$lastN", ascending=None, from_end=True),
    **lazy_under(SIMPLE),
}
"""Operators that evaluate their arguments in an order of their own."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **STOPPING,
    "$allElementsTrue": _all_elements_true,
    "$anyElementTrue": _any_element_true,
    "$arrayElemAt": _array_elem_at,
    "$first": _end("$first", 0),
    "$isArray": _is_array,
    "$last": _end("$last", -1),
    "$reverseArray": _reverse_array,
    "$size": _size,
    **under(SIMPLE),
}
