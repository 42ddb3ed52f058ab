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


class Total:
    """A running sum: exact while it runs, typed and rounded when it is read.

    Source: the server sums doubles with compensation, so that the order of documents does not show.
    """

    __slots__ = ("decimals", "fractions", "whole", "width")

    def __init__(self) -> None:
        self.whole = 0
        self.fractions: list[float] = []
        self.decimals: Decimal | None = None
        self.width = INT

    def add(self, value: Any, of_width: int) -> None:
        """Add a number whose width the caller has looked up."""
        self.width = max(self.width, of_width)
        if of_width <= LONG:
            self.whole += value
        elif of_width == DOUBLE:
            self.fractions.append(value)
        else:
            exact = value.to_decimal()
            self.decimals = exact if self.decimals is None else CONTEXT.add(self.decimals, exact)

    def double(self) -> float:
        """Return the sum of all but the decimals, rounded once."""
        if not self.fractions:
            return _rounded(self.whole)
        return _sum(self._parts())

    def long(self) -> int | None:
        """Return the sum of all but the decimals as a long, None where it does not fit one.

        As the server does it: the double next to the sum is rounded, then what that left out.
        """
        exact = self.double() if self.fractions else self.whole
        if not LONG_MIN <= exact <= LONG_MAX:
            return None
        if not self.fractions:
            return self.whole
        whole = away_from_zero(exact)
        return whole + away_from_zero(math.fsum([*self._parts(), -float(whole)]))

    def _parts(self) -> list[float]:
        high = _rounded(self.whole)
        parts = [*self.fractions, high]
        if math.isfinite(high):
            parts.append(float(self.whole - int(high)))
        return parts

    def decimal(self) -> Decimal:
        """Return the sum of everything as a decimal."""
        rest = self.double() if self.fractions else None
        exact = Decimal(self.whole) if rest is None else CONTEXT.plus(Decimal(rest))
        return exact if self.decimals is None else CONTEXT.add(self.decimals, exact)

    def value(self) -> Any:
        """Return the sum in the narrowest type that holds it and every summand's type."""
        if self.width == DECIMAL:
            return decimal128(self.decimal())
        if self.width == DOUBLE:
            return self.double()
        return integer(self.whole, self.width)


def _sum(parts: list[float]) -> float:
    try:
        return math.fsum(parts)
    except (ValueError, OverflowError):
        # Infinities of both signs, or a partial sum out of range.
        return sum(parts)


def away_from_zero(value: float) -> int:
    """Return the nearest integer, of two the one that is farther from zero."""
    return int(Decimal(value).to_integral_value(ROUND_HALF_UP))


def _rounded(exact: int) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
