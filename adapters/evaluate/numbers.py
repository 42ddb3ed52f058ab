"""MongoDB's arithmetic on its four number types.

Integers widen to long and then to double instead of overflowing; a decimal makes all others decimal.
Source: MongoDB manual, "BSON Types"; the roundings were observed on a server 6.0.
"""

import math
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Context, Decimal
from typing import Any, Final

from bson.decimal128 import Decimal128, create_decimal128_context
from bson.int64 import Int64

INT, LONG, DOUBLE, DECIMAL = 0, 1, 2, 3
"""Widths of number types: the wider of two is the type of their result."""

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
LONG_MIN, LONG_MAX = -(2**63), 2**63 - 1

CONTEXT: Final[Context] = create_decimal128_context()


def width(value: Any) -> int | None:
    """Return the width of a number; None for anything else, booleans included."""
    kind = type(value)
    if kind is int:
        return INT if INT_MIN <= value <= INT_MAX else LONG
    return _WIDTHS.get(kind)


_WIDTHS: Final[dict[type, int]] = {Int64: LONG, float: DOUBLE, Decimal128: DECIMAL}


def is_number(value: Any) -> bool:
    return type(value) in _NUMBERS


_NUMBERS: Final = frozenset({int, Int64, float, Decimal128})


def int_or_long(exact: int) -> Any:
    """Return the narrowest integer; a double where even a long is too narrow."""
    if INT_MIN <= exact <= INT_MAX:
        return int(exact)
    return Int64(exact) if LONG_MIN <= exact <= LONG_MAX else float(exact)


def long_or_double(exact: int) -> Any:
    return Int64(exact) if LONG_MIN <= exact <= LONG_MAX else float(exact)


def integer(exact: int, of_width: int) -> Any:
    """Return an integer in the given width, or the next one that holds it."""
    return int_or_long(exact) if of_width == INT else long_or_double(exact)


def decimal_of(value: Any) -> Decimal:
    """Return a number as an exact operand of decimal arithmetic; of a double 15 digits count."""
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if isinstance(value, float):
        return _fifteen_digits(value)
    return Decimal(int(value))


def _fifteen_digits(value: float) -> Decimal:
    if not math.isfinite(value) or value == 0:
        return Decimal(repr(value)) if value != 0 else Decimal("-0" if _negative(value) else "0")
    return Decimal(f"{value:.14e}")


def _negative(value: float) -> bool:
    return math.copysign(1, value) < 0


def double_of(value: Any) -> float:
    """Return a number as a double."""
    if isinstance(value, Decimal128):
        return float(value.to_decimal())
    return float(value)


def sign_of(value: Any) -> int:
    """Return -1, 0 or 1 for a number below zero, zero, and one above; NaN counts as above."""
    # As a double the least decimals would be zero.
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if math.isnan(exact):
        return 1
    return (exact > 0) - (exact < 0)


def decimal128(exact: Decimal) -> Decimal128:
    """Return a decimal rounded to the 34 digits MongoDB keeps."""
    # `plus` would lose the sign of -0.
    return Decimal128(CONTEXT.create_decimal(exact) if not exact.is_nan() else Decimal("NaN"))


def truncated(value: Any) -> int:
    """Return a number as a long: the fraction is cut.

    Of what is too large a double is capped (NaN is 0), and a decimal becomes the lowest long.
    """
    if isinstance(value, Decimal128):
        exact = value.to_decimal()
        if not exact.is_finite() or not LONG_MIN <= int(exact) <= LONG_MAX:
            return LONG_MIN
        return int(exact)
    if isinstance(value, float):
        if math.isnan(value):
            return 0
        if math.isinf(value):
            return LONG_MAX if value > 0 else LONG_MIN
    return min(max(int(value), LONG_MIN), LONG_MAX)


def coerced(value: Any) -> int:
    """Return a number as a long where an expression needs one: of a decimal it is the nearest.

    Of two that are equally near it is the even one. Anything else is `truncated`.
    """
    if isinstance(value, Decimal128) and value.to_decimal().is_finite():
        value = Decimal128(value.to_decimal().to_integral_value(ROUND_HALF_EVEN))
    return truncated(value)


def integral(value: Any, *, bits: int = 32) -> int | None:
    """Return a number that is whole and fits a signed integer of that many bits; None for others."""
    of_width = width(value)
    if of_width is None:
        return None
    if of_width == DOUBLE:
        if not value.is_integer():
            return None
    elif of_width == DECIMAL:
        exact = value.to_decimal()
        if not exact.is_finite() or exact != exact.to_integral_value():
            return None
        value = exact
    whole = int(value)
    limit = 1 << (bits - 1)
    return whole if -limit <= whole < limit else None


def away_from_zero(value: float) -> int:
    """Return the nearest integer, of two the one that is farther from zero."""
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))
