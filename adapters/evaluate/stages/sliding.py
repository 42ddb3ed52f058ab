"""Window operators from whose state the server takes again what leaves the window.

With no lower bound nothing leaves, and the accumulators of `$group` are used but for covariance.
Source: MongoDB manual, "$setWindowFields (aggregation)"; the roundings were observed on a server 6.0.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from bson.decimal128 import Decimal128
from bson.int64 import Int64

from adapters.evaluate.expressions.arithmetic import add, divide, multiply, subtract
from adapters.evaluate.numbers import DECIMAL, double_of, is_number, width
from adapters.evaluate.running_sum import RemovableSum, RunningSum


class Removable(Protocol):
    """The state of one window."""

    def add(self, value: Any) -> None:
        """Take the value of one more document."""

    def remove(self, value: Any) -> None:
        """Take out the value of the first document of the window."""

    def result(self) -> Any:
        """Return the value of the field."""


def slid(
    make: Callable[[], Removable], read: Callable[[int], Any], windows: Iterable[range]
) -> Iterator[Any]:
    """Give the result for each window; windows only ever move to the right.

    A value is read when its document comes in: what is in no window is not evaluated.
    """
    state = make()
    inside: deque[Any] = deque()
    first = end = 0
    for window in windows:
        if not inside:
            # What lies before the window was never in it, or has left with all the rest.
            first = end = window.start
        for at in range(end, window.stop):
            value = read(at)
            state.add(value)
            inside.append(value)
            end = at + 1
        while inside and (first < window.start or not len(window)):
            state.remove(inside.popleft())
            first += 1
        yield state.result()


class RemovableAverage:
    """`$avg`."""

    def __init__(self) -> None:
        self._sum = RemovableSum()
        self._count = 0

    def add(self, value: Any) -> None:
        if is_number(value):
            self._sum.add(value)
            self._count += 1

    def remove(self, value: Any) -> None:
        if is_number(value):
            self._sum.remove(value)
            self._count -= 1

    def result(self) -> Any:
        if not self._count:
            return None
        total = self._sum.result()
        if not isinstance(total, Decimal128):
            return float(total) / self._count
        return divide((total, self._count)) if total.to_decimal().is_finite() else total


class RemovableDeviation:
    """`$stdDevPop` or `$stdDevSamp`, on doubles."""

    def __init__(self, less: int) -> None:
        self._less = less
        self._count = 0
        self._not_finite = 0
        self._sum = RunningSum()
        self._squares = RunningSum()

    def add(self, value: Any) -> None:
        self._update(value, 1)

    def remove(self, value: Any) -> None:
        self._update(value, -1)

    def _update(self, value: Any, quantity: int) -> None:
        of_width = width(value)
        if of_width is None:
            return
        number = double_of(value)
        if not math.isfinite(value.to_decimal() if of_width == DECIMAL else number):
            self._not_finite += quantity
            self._count += quantity
        elif self._count == 0:
            self._count = 1
            self._sum.add(value)
        elif self._count + quantity == 0:
            self._count = self._not_finite = 0
            self._sum, self._squares = RunningSum(), RunningSum()
        else:
            before = self._count
            distance = before * number - double_of(self._sum.value())
            self._count += quantity
            self._sum.add(number * quantity)
            self._squares.add(distance * distance * quantity / (self._count * before))

    def result(self) -> Any:
        divisor = self._count - self._less
        if self._not_finite > 0 or divisor == 0:
            return None
        squares = double_of(self._squares.value())
        if squares < 0 or (not self._less and self._count == 1):
            self._squares = RunningSum()
            return 0
        # Of an empty window this is the root of -0.
        variance = squares / divisor
        return math.sqrt(variance) if variance >= 0 else math.nan


class Covariance:
    """`$covariancePop` or `$covarianceSamp`, of pairs of numbers."""

    def __init__(self, less: int) -> None:
        self._less = less
        self._reset()

    def _reset(self) -> None:
        self._count = 0
        self._left, self._right = RemovableAverage(), RemovableAverage()
        self._products = RemovableSum()

    def add(self, value: Any) -> None:
        pair = _pair(value)
        if pair is None:
            return
        special = _special(pair)
        if special is not None:
            self._products.add(special)
            return
        left, right = pair
        self._count += 1
        left_delta = subtract((left, self._left.result()))
        self._left.add(left)
        self._right.add(right)
        right_delta = subtract((right, self._right.result()))
        self._products.add(multiply((left_delta, right_delta)))

    def remove(self, value: Any) -> None:
        pair = _pair(value)
        if pair is None:
            return
        special = _special(pair)
        if special is not None:
            self._products.remove(special)
            return
        left, right = pair
        self._count -= 1
        if not self._count:
            self._reset()
            return
        self._left.remove(left)
        left_delta = subtract((left, self._left.result()))
        right_delta = subtract((right, self._right.result()))
        self._products.remove(multiply((left_delta, right_delta)))
        self._right.remove(right)

    def result(self) -> Any:
        if self._count == 1 and not self._less:
            return 0.0
        divisor = self._count - self._less
        if divisor <= 0:
            return None
        total = self._products.result()
        if isinstance(total, Decimal128):
            return divide((total, float(divisor)))
        return float(total) / divisor


def _pair(value: Any) -> list[Any] | None:
    if isinstance(value, list) and len(value) == 2 and all(map(is_number, value)):
        return value
    return None


def _special(pair: Sequence[Any]) -> Any:
    """Return what a pair with a number that is not finite counts for, None for any other pair."""
    numbers = [each.to_decimal() if isinstance(each, Decimal128) else each for each in pair]
    infinite = [number > 0 for number in numbers if not math.isnan(number) and math.isinf(number)]
    if any(map(math.isnan, numbers)) or len(set(infinite)) == 2:
        text = "NaN"
    elif infinite:
        text = "Infinity" if infinite[0] else "-Infinity"
    else:
        return None
    decimal = any(isinstance(each, Decimal) and not each.is_nan() for each in numbers)
    return Decimal128(text) if decimal else float(text)


class Integral:
    """`$integral`, of pairs of what is sorted by and a value: the areas between neighbours."""

    def __init__(self, unit_ms: int | None) -> None:
        self._unit_ms = unit_ms
        self._points: deque[Any] = deque()
        self._not_numbers = 0
        self._areas = RemovableSum()

    def add(self, value: Any) -> None:
        self._not_numbers += _has_nan(value)
        if self._points:
            self._areas.add(_area(self._points[-1], value))
        self._points.append(value)

    def remove(self, value: Any) -> None:
        self._not_numbers -= _has_nan(value)
        self._points.popleft()
        if self._points:
            self._areas.remove(_area(value, self._points[0]))

    def result(self) -> Any:
        if not self._points:
            return None
        if self._not_numbers:
            return math.nan
        total = self._areas.result()
        return total if self._unit_ms is None else divide((total, Int64(self._unit_ms)))


def _has_nan(point: Sequence[Any]) -> bool:
    return any(is_number(each) and math.isnan(double_of(each)) for each in point)


def _area(left: Sequence[Any], right: Sequence[Any]) -> Any:
    if _has_nan(left) or _has_nan(right):
        return 0
    height = add((right[1], left[1]))
    return divide((multiply((height, subtract((right[0], left[0])))), 2.0))


REMOVABLE: Final[Mapping[str, Callable[[], Removable]]] = {
    "$avg": RemovableAverage,
    "$covariancePop": lambda: Covariance(0),
    "$covarianceSamp": lambda: Covariance(1),
    "$stdDevPop": lambda: RemovableDeviation(0),
    "$stdDevSamp": lambda: RemovableDeviation(1),
    "$sum": RemovableSum,
}
"""Window operators over numbers, by name."""
COVARIANCES: Final = frozenset({"$covariancePop", "$covarianceSamp"})
"""Those that are the same where nothing leaves the window."""
