"""A running sum as the server keeps it: two doubles beside a decimal, of which something may be taken again.

What leaves the sum is added with the opposite sign, so that its rounding errors stay. The two doubles are those of
Boldo, Graillat and Muller, "On the robustness of the 2Sum and Fast2Sum algorithms", 2016.
"""

import math
from decimal import Decimal
from typing import Any, Final

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from adapters.evaluate.numbers import (
    CONTEXT,
    DECIMAL,
    DOUBLE,
    INT,
    LONG,
    LONG_MAX,
    LONG_MIN,
    away_from_zero,
    decimal128,
    int_or_long,
    width,
)

_HALF_OF_LONG: Final = 2**32
MOST_WHOLE: Final = 2**53
"""Up to here a double holds all whole numbers."""


class RunningSum:
    """The sum of numbers of all types; it is as wide as the widest of them."""

    __slots__ = ("_decimals", "_high", "_low", "_simple", "_whole", "width")

    def __init__(self) -> None:
        self._high = self._low = self._simple = 0.0
        self._decimals = Decimal(0)
        self._whole: int | None = 0
        """The sum as long as it is whole and a double holds it; None from then on."""
        self.width = INT

    def add(self, value: Any) -> None:
        """Add a number; what is none counts for nothing."""
        of_width = width(value)
        if of_width is not None:
            self.add_of_width(value, of_width)

    def add_of_width(self, value: Any, of_width: int) -> None:
        """Add a number whose width the caller has looked up."""
        self.width = max(self.width, of_width)
        if of_width == DECIMAL:
            self._decimals = CONTEXT.add(self._decimals, value.to_decimal())
        elif (
            of_width <= LONG
            and self._whole is not None
            and abs(whole := self._whole + value) <= MOST_WHOLE
        ):
            self._whole = whole
        elif of_width == DOUBLE or (of_width == INT and abs(value) <= MOST_WHOLE):
            self._end_of_whole()
            self._add_double(float(value))
        else:
            self._end_of_whole()
            # In two parts, each of which is a double.
            high = _cut(int(value))
            self._add_double(float(int(value) - high * _HALF_OF_LONG))
            self._add_double(float(high * _HALF_OF_LONG))

    def _end_of_whole(self) -> None:
        if self._whole:
            self._add_double(float(self._whole))
        self._whole = None

    def _add_double(self, value: float) -> None:
        self._simple += value
        total = value + self._low
        rest = self._low - (total - value)
        high = self._high + total
        part = high - total
        error = (self._high - part) + (total - (high - part))
        self._high, self._low = high, rest + error

    def value(self) -> Any:
        """Return the sum in its own width, or the next one that holds it."""
        if self.width == DECIMAL:
            return decimal128(self.decimal())
        if self.width <= LONG:
            whole = self.long()
            if whole is not None:
                return int_or_long(whole) if self.width == INT else Int64(whole)
        return self.double()

    def double(self) -> float:
        """Return the sum without decimals, as a double."""
        if self._whole is not None:
            return float(self._whole)
        return self._simple if math.isnan(self._high) else self._high

    def decimal(self) -> Decimal:
        """Return the sum of everything as a decimal."""
        return CONTEXT.add(self._decimals, self._of_doubles())

    def _of_doubles(self) -> Decimal:
        if self._whole is not None:
            return Decimal(self._whole)
        if not math.isfinite(self._high):
            return Decimal(self._simple)
        return CONTEXT.add(
            CONTEXT.create_decimal(Decimal(self._high)), CONTEXT.create_decimal(Decimal(self._low))
        )

    def long(self) -> int | None:
        """Return the sum without decimals as a long, None where it does not fit one."""
        if self._whole is not None:
            return self._whole
        if not math.isfinite(self._high):
            return None
        whole = away_from_zero(self._high)
        whole += away_from_zero((self._high - float(whole)) + self._low)
        return whole if LONG_MIN <= whole <= LONG_MAX else None


def _cut(value: int) -> int:
    """Return a whole quotient without its fraction, also below zero."""
    return value // _HALF_OF_LONG if value >= 0 else -(-value // _HALF_OF_LONG)


class RemovableSum:
    """`$sum` over a sliding window: what is not finite is counted, so that it can leave again."""

    __slots__ = ("_counts", "_sum")

    def __init__(self) -> None:
        self._sum = RunningSum()
        self._counts = {"nan": 0, "inf": 0, "-inf": 0, DOUBLE: 0, DECIMAL: 0}

    def add(self, value: Any) -> None:
        """Take a value in; what is no number counts for nothing."""
        self._update(value, 1)

    def remove(self, value: Any) -> None:
        """Take a value out that was taken in."""
        self._update(value, -1)

    def _update(self, value: Any, quantity: int) -> None:
        of_width = width(value)
        if of_width is None:
            return
        if of_width >= DOUBLE:
            self._counts[of_width] += quantity
            kind = _not_finite(value)
            if kind is not None:
                self._counts[kind] += quantity
                return
        if quantity > 0:
            self._sum.add(value)
            return
        for part in _opposite(value, of_width):
            self._sum.add(part)

    def result(self) -> Any:
        """Return the sum in the narrowest type that the values in the window allow."""
        # What leaves need not be what came, so that there may be less than none.
        counts = {name: max(count, 0) for name, count in self._counts.items()}
        special = None
        if counts["nan"] or (counts["inf"] and counts["-inf"]):
            special = "NaN"
        elif counts["inf"]:
            special = "Infinity"
        elif counts["-inf"]:
            special = "-Infinity"
        if special is not None:
            return Decimal128(special) if counts[DECIMAL] else float(special)
        return self._narrowed(self._sum.value())

    def _narrowed(self, total: Any) -> Any:
        if isinstance(total, Decimal128) and not self._counts[DECIMAL]:
            if self._counts[DOUBLE]:
                return float(total.to_decimal())
            exact = total.to_decimal()
            return int_or_long(int(exact)) if exact == int(exact) else float(exact)
        if isinstance(total, float) and not self._counts[DOUBLE] and LONG_MIN <= total < LONG_MAX:
            return int_or_long(away_from_zero(total))
        return int_or_long(total) if isinstance(total, Int64) else total


def _not_finite(value: Any) -> str | None:
    number = value.to_decimal() if isinstance(value, Decimal128) else value
    if math.isfinite(number):
        return None
    return "nan" if math.isnan(number) else ("inf" if number > 0 else "-inf")


def _opposite(value: Any, of_width: int) -> tuple[Any, ...]:
    """Return what takes a number out of a sum; there is no opposite of the lowest integers."""
    if of_width == DECIMAL:
        return (Decimal128(value.to_decimal().copy_negate()),)
    if of_width == DOUBLE:
        return (-value,)
    if value == LONG_MIN:
        return (Int64(LONG_MAX), 1)
    return (Int64(-value),) if of_width == LONG else (-value,)
