"""`$add`, `$round` and the other arithmetic operators.

Source: MongoDB manual, "Arithmetic Expression Operators".
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.numbers import (
    CONTEXT,
    DECIMAL,
    DOUBLE,
    INT,
    INT_MIN,
    LONG,
    LONG_MAX,
    LONG_MIN,
    coerced,
    decimal128,
    decimal_of,
    double_of,
    int_or_long,
    integer,
    integral,
    is_number,
    long_or_double,
    sign_of,
    truncated,
    width,
)
from adapters.evaluate.running_sum import RunningSum
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from adapters.query.unsupported import unsupported

EXACT: Final = Context(prec=12_400, traps=[])
"""Holds the quotient of the largest decimal and the smallest one."""
INVALID: Final = -math.nan
"""What x86 gives for an operation without a result: NaN with its sign set."""


def add(arguments: Iterable[Any]) -> Any:
    """Sum numbers; one of the arguments may be a date, which the others shift by milliseconds."""
    total = RunningSum()
    is_date = False
    for value in arguments:
        of_width = width(value)
        if of_width is not None:
            total.add_of_width(value, of_width)
        elif isinstance(value, DatetimeMS):
            if is_date:
                raise CommandFailure(16612, "only one date allowed in an $add expression")
            is_date = True
            total.add_of_width(int(value), LONG)
        elif is_nullish(value):
            return None
        else:
            raise CommandFailure(
                16554, f"$add only supports numeric or date types, not {type_name(value)}"
            )
    return _date_of(total) if is_date else total.value()


def _date_of(total: RunningSum) -> DatetimeMS:
    if total.width == DECIMAL:
        return DatetimeMS(coerced(Decimal128(total.decimal())))
    whole = total.long()
    if whole is None:
        raise CommandFailure(15, "date overflow in $add")
    return DatetimeMS(whole)


def subtract(arguments: Sequence[Any]) -> Any:
    left, right = arguments
    if is_nullish(left) or is_nullish(right):
        return None
    left_width, right_width = width(left), width(right)
    if left_width is not None and right_width is not None:
        return _difference(left, right, max(left_width, right_width))
    if isinstance(left, DatetimeMS):
        if isinstance(right, DatetimeMS):
            return long_or_double(int(left) - int(right))
        if right_width is not None:
            return DatetimeMS(_in_range(int(left) - coerced(right)))
    raise CommandFailure(14, f"can't $subtract {type_name(right)} from {type_name(left)}")


def _in_range(exact: int) -> int:
    if not LONG_MIN <= exact <= LONG_MAX:
        raise CommandFailure(15, "date overflow in $subtract")
    return exact


def _difference(left: Any, right: Any, of_width: int) -> Any:
    if of_width == DECIMAL:
        return decimal128(CONTEXT.subtract(decimal_of(left), decimal_of(right)))
    if of_width == DOUBLE:
        return float(left) - float(right)
    return integer(left - right, of_width)


def multiply(arguments: Iterable[Any]) -> Any:
    """Multiply from left to right; integers that overflow go on as doubles."""
    of_width = INT
    whole, double, decimal = 1, 1.0, Decimal(1)
    for value in arguments:
        value_width = width(value)
        if value_width is None:
            if is_nullish(value):
                return None
            raise CommandFailure(
                14, f"$multiply only supports numeric types, not {type_name(value)}"
            )
        if value_width == DECIMAL and of_width != DECIMAL:
            decimal = decimal_of(double) if of_width == DOUBLE else Decimal(whole)
        of_width = max(of_width, value_width)
        if of_width == DECIMAL:
            decimal = CONTEXT.multiply(decimal, decimal_of(value))
            continue
        double *= double_of(value)
        if of_width != DOUBLE:
            whole *= int(value)
            if not LONG_MIN <= whole <= LONG_MAX:
                of_width = DOUBLE
    if of_width == DECIMAL:
        return decimal128(decimal)
    return double if of_width == DOUBLE else integer(whole, of_width)


def divide(arguments: Sequence[Any]) -> Any:
    left, right = arguments
    if is_number(left) and is_number(right):
        if sign_of(right) == 0:
            raise CommandFailure(2, "can't $divide by zero")
        if isinstance(left, Decimal128) or isinstance(right, Decimal128):
            return decimal128(CONTEXT.divide(decimal_of(left), decimal_of(right)))
        return _quotient(float(left), float(right))
    if is_nullish(left) or is_nullish(right):
        return None
    raise CommandFailure(14, f"$divide only supports numeric types, not {type_name(left)}")


def _quotient(left: float, right: float) -> float:
    try:
        return left / right
    except OverflowError:
        return math.copysign(math.inf, left) * math.copysign(1, right)


def mod(arguments: Sequence[Any]) -> Any:
    """Return the remainder with the sign of the dividend; a whole divisor makes it an integer."""
    left, right = arguments
    left_width, right_width = width(left), width(right)
    if left_width is None or right_width is None:
        if is_nullish(left) or is_nullish(right):
            return None
        raise CommandFailure(16611, f"$mod only supports numeric types, not {type_name(left)}")
    if max(left_width, right_width) == DECIMAL:
        divisor = decimal_of(right)
        if divisor == 0:
            raise CommandFailure(5733415, "can't $mod by zero")
        return decimal128(EXACT.remainder(decimal_of(left), divisor))
    if right == 0:
        raise CommandFailure(16610, "can't $mod by zero")
    if left_width == DOUBLE or (right_width == DOUBLE and integral(right) is None):
        return _float_remainder(float(left), float(right))
    remainder = abs(int(left)) % abs(int(right))
    return integer(
        -remainder if left < 0 else remainder, LONG if LONG in {left_width, right_width} else INT
    )


def _float_remainder(left: float, right: float) -> float:
    if math.isinf(left) and not math.isnan(right):
        return INVALID
    return math.fmod(left, right)


Single = Callable[[Any, int], Any]
"""An operator of one number, given its width."""


def _single(operator: str, apply: Single) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        value = arguments[0]
        of_width = width(value)
        if of_width is not None:
            return apply(value, of_width)
        if is_nullish(value):
            return None
        raise CommandFailure(
            28765, f"{operator} only supports numeric types, not {type_name(value)}"
        )

    return evaluate


def _abs(value: Any, of_width: int) -> Any:
    if of_width == DECIMAL:
        return decimal128(value.to_decimal().copy_abs())
    if of_width == DOUBLE:
        return abs(value)
    if value == LONG_MIN:
        raise CommandFailure(28680, "can't take $abs of long long min")
    return integer(abs(value), of_width)


def _to_whole(rounding: str, whole: Callable[[float], int]) -> Single:
    def apply(value: Any, of_width: int) -> Any:
        if of_width == DECIMAL:
            return _quantized(value.to_decimal(), Decimal(1), rounding)
        if of_width == DOUBLE:
            return math.copysign(whole(value), value) if math.isfinite(value) else value
        return value

    return apply


def _quantized(exact: Decimal, quantum: Decimal, rounding: str) -> Decimal128:
    """Round to a multiple of a power of ten; NaN where the digits do not hold it."""
    if not exact.is_finite():
        return Decimal128(Decimal("NaN"))
    return decimal128(exact.quantize(quantum, rounding=rounding, context=CONTEXT))


def _sqrt(value: Any, of_width: int) -> Any:
    if of_width == DECIMAL:
        exact = value.to_decimal()
        if sign_of(value) < 0:
            raise CommandFailure(28714, "$sqrt's argument must be greater than or equal to 0")
        return decimal128(CONTEXT.sqrt(exact))
    if value < 0:
        raise CommandFailure(28714, "$sqrt's argument must be greater than or equal to 0")
    return math.sqrt(value)


def _exp(value: Any, of_width: int) -> Any:
    _refuse_decimal("$exp", of_width)
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def _logarithm(operator: str, code: int, log: Callable[[float], float]) -> Single:
    def apply(value: Any, of_width: int) -> Any:
        if sign_of(value) <= 0:
            raise CommandFailure(code, f"{operator}'s argument must be a positive number")
        _refuse_decimal(operator, of_width)
        return log(float(value))

    return apply


def _refuse_decimal(operator: str, of_width: int) -> None:
    # MongoDB keeps digits beyond the 34 correct ones out by a library of its own.
    if of_width == DECIMAL:
        raise unsupported(f"{operator} of a decimal", where="expression")


def log(arguments: Sequence[Any]) -> Any:
    value, base = arguments
    if is_nullish(value) or is_nullish(base):
        return None
    if not is_number(value):
        raise CommandFailure(28756, f"$log's argument must be numeric, not {type_name(value)}")
    if not is_number(base):
        raise CommandFailure(28757, f"$log's base must be numeric, not {type_name(base)}")
    if isinstance(value, Decimal128) or isinstance(base, Decimal128):
        if sign_of(value) > 0 and sign_of(base) > 0 and decimal_of(base) != 1:
            raise unsupported("$log of a decimal", where="expression")
        # What is refused is refused for what it is as a double.
        value, base = double_of(value), double_of(base)
    if value <= 0:
        raise CommandFailure(28758, "$log's argument must be a positive number")
    if base <= 0 or base == 1:
        raise CommandFailure(28759, "$log's base must be a positive number not equal to 1")
    return math.log(value) / math.log(base)


def power(arguments: Sequence[Any]) -> Any:
    base, exponent = arguments
    if is_nullish(base) or is_nullish(exponent):
        return None
    base_width, exponent_width = width(base), width(exponent)
    if base_width is None:
        raise CommandFailure(28762, f"$pow's base must be numeric, not {type_name(base)}")
    if exponent_width is None:
        raise CommandFailure(28763, f"$pow's exponent must be numeric, not {type_name(exponent)}")
    if sign_of(base) == 0 and sign_of(exponent) < 0:
        raise CommandFailure(28764, "$pow cannot take a base of 0 and a negative exponent")
    of_width = max(base_width, exponent_width)
    if of_width == DECIMAL:
        raise unsupported("$pow of a decimal", where="expression")
    if of_width == DOUBLE:
        return _float_power(float(base), float(exponent))
    if exponent < 0 and abs(base) != 1:
        return _float_power(float(base), float(exponent))
    return _whole_power(int(base), abs(int(exponent)), of_width)


def _whole_power(base: int, exponent: int, of_width: int) -> Any:
    if abs(base) > 1 and exponent >= 64:
        return _float_power(float(base), float(exponent))
    exact = base ** (exponent if abs(base) > 1 or exponent == 0 else 2 - exponent % 2)
    if LONG_MIN <= exact <= LONG_MAX:
        return int_or_long(exact) if of_width == INT else Int64(exact)
    return _float_power(float(base), float(exponent))


def _float_power(base: float, exponent: float) -> float:
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return math.inf if base > 0 or math.fmod(exponent, 2) == 0 else -math.inf
    except ValueError:
        return INVALID


def _rounding(operator: str, rounding: str) -> Callable[[Iterable[Any]], Any]:
    """Return `$round` or `$trunc`: to decimal places, or to powers of ten where they are negative."""

    def evaluate(arguments: Iterable[Any]) -> Any:
        values = iter(arguments)
        value = next(values)
        if is_nullish(value):
            return None
        of_width = width(value)
        if of_width is None:
            raise CommandFailure(
                51081, f"{operator} only supports numeric types, not {type_name(value)}"
            )
        place = next(values, 0)
        if is_nullish(place):
            return None
        return _round_to(operator, value, of_width, _place(operator, place), rounding)

    return evaluate


def _place(operator: str, place: Any) -> int:
    if not is_number(place):
        raise CommandFailure(16004, f"can't convert from BSON type {type_name(place)} to long")
    if integral(place, bits=64) is None:
        raise CommandFailure(51082, f"precision argument to {operator} must be a integral value")
    whole = truncated(place)
    if not -20 <= whole <= 100:
        raise CommandFailure(51083, f"cannot apply {operator} with precision value {whole}")
    return whole


def _round_to(operator: str, value: Any, of_width: int, place: int, rounding: str) -> Any:
    if of_width <= LONG and place >= 0:
        return value
    if of_width == DOUBLE and not math.isfinite(value):
        return value
    if of_width == DECIMAL and value.to_decimal().is_infinite():
        return value
    # `plus` would lose the sign of -0.
    exact = value.to_decimal() if of_width == DECIMAL else CONTEXT.create_decimal(Decimal(value))
    # Places for which there are no digits left are not asked for.
    exponent = -place
    if exact.is_finite() and exact:
        exponent = max(exponent, exact.adjusted() - CONTEXT.prec + 1)
    quantum = Decimal(1).scaleb(exponent, context=CONTEXT)
    if of_width == DECIMAL:
        return _quantized(exact, quantum, rounding)
    rounded = exact.quantize(quantum, rounding=rounding, context=CONTEXT)
    if of_width == DOUBLE:
        return float(rounded)
    if not LONG_MIN <= rounded <= LONG_MAX:
        raise CommandFailure(51080, f"invalid conversion from Decimal128 result in {operator}")
    if of_width == INT and rounded < INT_MIN:
        # The server looks for what is too large alone, and lets this one overflow.
        return int(rounded) + 2**32
    return integer(int(rounded), of_width)


STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    "$add": add,
    "$multiply": multiply,
    "$round": _rounding("$round", ROUND_HALF_EVEN),
    "$trunc": _rounding("$trunc", ROUND_DOWN),
}
"""Operators that look at an argument before they evaluate the next."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **STOPPING,
    "$abs": _single("$abs", _abs),
    "$ceil": _single("$ceil", _to_whole(ROUND_CEILING, math.ceil)),
    "$divide": divide,
    "$exp": _single("$exp", _exp),
    "$floor": _single("$floor", _to_whole(ROUND_FLOOR, math.floor)),
    "$ln": _single("$ln", _logarithm("$ln", 28766, math.log)),
    "$log": log,
    "$log10": _single("$log10", _logarithm("$log10", 28761, math.log10)),
    "$mod": mod,
    "$pow": power,
    "$sqrt": _single("$sqrt", _sqrt),
    "$subtract": subtract,
}
