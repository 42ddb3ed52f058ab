"""`$derivative`, `$integral` and `$linearFill`: what relates a value to the one it is sorted by.

Source: MongoDB manual, "$derivative", "$integral", "$linearFill" (window operators).
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from adapters.evaluate.expressions.arithmetic import subtract
from adapters.evaluate.expressions.kinds import is_nullish
from adapters.evaluate.numbers import is_number
from adapters.evaluate.stages.sliding import Integral, slid
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

Read = Callable[[int], Any]
"""Gives the value of the document at a place, which is evaluated only if it is asked for."""
Curve = Callable[[Sequence[Any], Read, Sequence[range], int | None], list[Any]]
"""From sort keys, values, windows and a unit in milliseconds to a value for each document."""


def _derivative(
    keys: Sequence[Any], read: Read, windows: Sequence[range], unit_ms: int | None
) -> list[Any]:
    return [_slope(keys, read, window, unit_ms) for window in windows]


def _slope(keys: Sequence[Any], read: Read, window: range, unit_ms: int | None) -> float | None:
    if not len(window):
        return None
    first, last = window[0], window[-1]
    left, right = (_moment(keys[at], unit_ms) for at in (first, last))
    rise = _rise(read(first), read(last))
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


def _rise(first: Any, last: Any) -> Any:
    """Return the difference of two values as `$subtract` has it, which takes dates too."""
    rise = subtract((_exact(last), _exact(first)))
    if not is_number(rise):
        code = 5624903 if rise is None else 14
        raise CommandFailure(code, "$derivative input must be a number")
    return rise


def _exact(number: Any) -> Any:
    if isinstance(number, Decimal128):
        raise unsupported("a curve of decimals", where="$setWindowFields")
    return number


def _integral(
    keys: Sequence[Any], read: Read, windows: Sequence[range], unit_ms: int | None
) -> list[Any]:
    def point(at: int) -> tuple[Any, Any]:
        return _point(keys[at], read(at), unit_ms)

    return list(slid(lambda: Integral(unit_ms), point, windows))


def _point(key: Any, value: Any, unit_ms: int | None) -> tuple[Any, Any]:
    if not is_number(value):
        raise CommandFailure(5423900, "The input value of $integral must be numeric")
    if unit_ms is None and not is_number(key):
        raise CommandFailure(5423902, "$integral (with no 'unit') expects a number to sort by")
    if unit_ms is not None and not isinstance(key, DatetimeMS):
        raise CommandFailure(5423901, "$integral with 'unit' expects a Date to sort by")
    return key if isinstance(key, DatetimeMS) else _exact(key), _exact(value)


def _linear_fill(
    keys: Sequence[Any], read: Read, _windows: Sequence[range], _unit: int | None
) -> list[Any]:
    places: list[Any] = []
    values: list[Any] = []
    for at, key in enumerate(keys):
        places.append(_place(key))
        value = read(at)
        values.append(None if is_nullish(value) else value)
        if isinstance(value, DatetimeMS):
            raise unsupported("$linearFill of a date", where="$setWindowFields")
        if not (is_nullish(value) or is_number(value)):
            raise CommandFailure(14, "Value to be filled must be numeric or nullish")
        if at and places[at] == places[at - 1]:
            raise CommandFailure(6050106, "There can be no repeated values in the sort field")
    known = [at for at, value in enumerate(values) if value is not None]
    filled = list(values)
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
        raise CommandFailure(14, "$linearFill expects a number or a date to sort by")
    return _exact(key)


CURVES: Final[Mapping[str, Curve]] = {
    "$derivative": _derivative,
    "$integral": _integral,
    "$linearFill": _linear_fill,
}
