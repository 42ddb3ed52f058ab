"""`$derivative`, `$integral` and `$linearFill`: what relates a value to the one it is sorted by.

Source: MongoDB manual, "$derivative", "$integral", "$linearFill" (window operators).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, pairwise
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.numbers import is_number
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

COARSE: Final = 2.0**20
"""Small multiples of its inverse add up exactly."""

Curve = Callable[[Sequence[Any], Sequence[Any], Sequence[range], int | None], list[Any]]
"""From sort keys, values, windows and a unit in milliseconds to a value for each document."""


def _derivative(
    keys: Sequence[Any], values: Sequence[Any], windows: Sequence[range], unit_ms: int | None
) -> list[Any]:
    return [_slope(keys, values, window, unit_ms) for window in windows]


def _slope(
    keys: Sequence[Any], values: Sequence[Any], window: range, unit_ms: int | None
) -> float | None:
    if not len(window):
        return None
    first, last = window[0], window[-1]
    left, right = (_moment(keys[at], unit_ms) for at in (first, last))
    rise = _height(values[last]) - _height(values[first])
    if right == left:
        return None
    slope: float = rise / (right - left)
    return slope if unit_ms is None else slope * unit_ms


def _moment(key: Any, unit_ms: int | None) -> Any:
    if unit_ms is not None:
        if not isinstance(key, DatetimeMS):
            raise CommandFailure(5624900, "$derivative with 'unit' expects a Date to sort by")
        return int(key)
    if isinstance(key, DatetimeMS):
        raise CommandFailure(5624901, "$derivative where the sortBy is a Date requires an 'unit'")
    if not is_number(key):
        raise CommandFailure(5624902, "$derivative expects a number to sort by")
    return _exact(key)


def _height(value: Any) -> Any:
    if not is_number(value):
        raise CommandFailure(5624903, "$derivative input must be a number")
    return _exact(value)


def _exact(number: Any) -> Any:
    if isinstance(number, Decimal128):
        raise unsupported("a curve of decimals", where="$setWindowFields")
    return number


def _integral(
    keys: Sequence[Any], values: Sequence[Any], windows: Sequence[range], unit_ms: int | None
) -> list[Any]:
    points = [_point(key, value, unit_ms) for key, value in zip(keys, values, strict=True)]
    if any(window.start for window in windows) and not all(map(is_coarse, chain(*points))):
        raise unsupported("$integral of fractions in a sliding window", where="$setWindowFields")
    found: list[Any] = []
    for window in windows:
        areas = [
            (points[at][0] - points[at - 1][0]) * (points[at][1] + points[at - 1][1]) / 2
            for at in window[1:]
        ]
        area: Any = math.fsum(areas) if areas else 0
        found.append(area if unit_ms is None else area / unit_ms)
    return found


def _point(key: Any, value: Any, unit_ms: int | None) -> tuple[Any, Any]:
    if not is_number(value):
        raise CommandFailure(5423900, "The input value of $integral must be numeric")
    if unit_ms is None and not is_number(key):
        raise CommandFailure(5423902, "$integral (with no 'unit') expects a number to sort by")
    if unit_ms is not None and not isinstance(key, DatetimeMS):
        raise CommandFailure(5423901, "$integral with 'unit' expects a Date to sort by")
    return int(key) if isinstance(key, DatetimeMS) else _exact(key), _exact(value)


def is_coarse(number: Any) -> bool:
    """Return whether numbers like this one add up without rounding, in any order and back again.

    The server takes what leaves a sliding window from a running sum, whose rounding errors stay.
    """
    if not isinstance(number, float):
        return True
    return math.isfinite(number) and abs(number) < COARSE and (number * COARSE).is_integer()


def _linear_fill(
    keys: Sequence[Any], values: Sequence[Any], _windows: Sequence[range], _unit: int | None
) -> list[Any]:
    places = [_place(key) for key in keys]
    if any(left == right for left, right in pairwise(places)):
        raise CommandFailure(6050106, "There can be no repeated values in the sort field")
    known = [at for at, value in enumerate(values) if not is_nullish(value)]
    for at in known:
        if not is_number(values[at]):
            raise CommandFailure(6050201, "Value to be filled must be numeric or nullish")
    filled = [None if is_nullish(value) else value for value in values]
    for left, right in pairwise(known):
        for at in range(left + 1, right):
            slope_up = _exact(values[left]) * (places[right] - places[at])
            slope_down = _exact(values[right]) * (places[at] - places[left])
            filled[at] = (slope_up + slope_down) / (places[right] - places[left])
    return filled


def _place(key: Any) -> Any:
    if isinstance(key, DatetimeMS):
        return int(key)
    if not is_number(key):
        raise CommandFailure(6050202, "$linearFill expects a number or a date to sort by")
    return _exact(key)


CURVES: Final[Mapping[str, Curve]] = {
    "$derivative": _derivative,
    "$integral": _integral,
    "$linearFill": _linear_fill,
}
