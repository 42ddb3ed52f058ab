"""`$sin`, `$degreesToRadians` and the other trigonometric operators, on doubles; only degrees and radians on decimals.

The server's decimal library does not round correctly: of 2,000 random decimals each, the last digits of the exact
value differed in 8 % ($acos) to 42 % ($tan).

Source: MongoDB manual, "Trigonometry Expression Operators".
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from bson.decimal128 import Decimal128

from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.numbers import CONTEXT, DECIMAL, double_of, is_number, width
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from adapters.query.unsupported import unsupported

_RADIAN: Final = Decimal("0.01745329251994329576923690768488613")
_DEGREES: Final = Decimal("57.29577951308232087679815481410517")

Function = Callable[[float], float]


def _bounded(
    operator: str, function: Function, low: float, high: float, *, open_ends: bool = False
) -> Callable[[Sequence[Any]], Any]:
    """Return an operator that is defined between two bounds."""

    def evaluate(arguments: Sequence[Any]) -> Any:
        value = arguments[0]
        if is_nullish(value):
            return None
        if not is_number(value):
            raise CommandFailure(
                28765, f"{operator} only supports numeric types, not {type_name(value)}"
            )
        number = double_of(value)
        if not math.isnan(number):
            inside = low < number < high if open_ends else low <= number <= high
            if not inside:
                raise CommandFailure(50989, f"cannot apply {operator} to {number}")
        if width(value) == DECIMAL:
            raise unsupported(f"{operator} of a decimal", where="expression")
        return function(number)

    return evaluate


def _times(operator: str, factor: float, exact: Decimal) -> Callable[[Sequence[Any]], Any]:
    """Return an operator that multiplies; its factor has 34 digits for decimals."""
    of_doubles = _everywhere(operator, lambda number: number * factor)

    def evaluate(arguments: Sequence[Any]) -> Any:
        value = arguments[0]
        if isinstance(value, Decimal128):
            return Decimal128(CONTEXT.multiply(value.to_decimal(), exact))
        return of_doubles(arguments)

    return evaluate


def _everywhere(operator: str, function: Function) -> Callable[[Sequence[Any]], Any]:
    return _bounded(operator, function, -math.inf, math.inf)


def _periodic(operator: str, function: Function) -> Callable[[Sequence[Any]], Any]:
    return _bounded(operator, function, -math.inf, math.inf, open_ends=True)


def _atan2(arguments: Iterable[Any]) -> Any:
    numbers = []
    for value, code in zip(arguments, (51044, 51045), strict=True):
        if is_nullish(value):
            return None
        if not is_number(value):
            raise CommandFailure(
                code, f"$atan2 only supports numeric types, not {type_name(value)}"
            )
        numbers.append(value)
    left, right = numbers
    if DECIMAL in {width(left), width(right)}:
        raise unsupported("$atan2 of a decimal", where="expression")
    return math.atan2(left, right)


def _cosh(number: float) -> float:
    try:
        return math.cosh(number)
    except OverflowError:
        return math.inf


def _sinh(number: float) -> float:
    try:
        return math.sinh(number)
    except OverflowError:
        return math.copysign(math.inf, number)


def _atanh(number: float) -> float:
    return math.copysign(math.inf, number) if abs(number) == 1 else math.atanh(number)


STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    "$atan2": _atan2,
}
"""Operators that look at an argument before they evaluate the next."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **STOPPING,
    "$acos": _bounded("$acos", math.acos, -1, 1),
    "$acosh": _bounded("$acosh", math.acosh, 1, math.inf),
    "$asin": _bounded("$asin", math.asin, -1, 1),
    "$asinh": _everywhere("$asinh", math.asinh),
    "$atan": _everywhere("$atan", math.atan),
    "$atanh": _bounded("$atanh", _atanh, -1, 1),
    "$cos": _periodic("$cos", math.cos),
    "$cosh": _everywhere("$cosh", _cosh),
    "$degreesToRadians": _times("$degreesToRadians", math.pi / 180, _RADIAN),
    "$radiansToDegrees": _times("$radiansToDegrees", 180 / math.pi, _DEGREES),
    "$sin": _periodic("$sin", math.sin),
    "$sinh": _everywhere("$sinh", _sinh),
    "$tan": _periodic("$tan", math.tan),
    "$tanh": _everywhere("$tanh", math.tanh),
}
