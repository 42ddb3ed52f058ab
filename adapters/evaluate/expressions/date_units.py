"""`$dateAdd`, `$dateDiff` and the other operators that count in units of time.

Source: MongoDB manual, "Date Expression Operators".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from adapters.evaluate.expressions.calendar import (
    DAY_MS,
    broken_down,
    days_in_month,
    days_of,
    milliseconds_of,
)
from adapters.evaluate.expressions.date import moment_ms
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.timezone import Zone, given_zone
from adapters.evaluate.expressions.variables import Variables
from adapters.evaluate.numbers import LONG_MAX, LONG_MIN, integral
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

Evaluate = Callable[[Variables], Any]

DURATION_OVERFLOW: Final = 159
FIXED_MS: Final[Mapping[str, int]] = {
    "millisecond": 1,
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
}
MONTHS: Final[Mapping[str, int]] = {"month": 1, "quarter": 3, "year": 12}
WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_DATES: Final = frozenset({"date", "objectId", "timestamp"})
_EVERY_DAY: Final = (2**64 - 1) // DAY_MS + 1
_EVERY_YEAR: Final = _EVERY_DAY // 365 + 1
_MOST: Final[Mapping[str, int]] = {
    "year": _EVERY_YEAR,
    "quarter": _EVERY_YEAR * 4,
    "month": _EVERY_YEAR * 12,
    "week": _EVERY_DAY // 7,
    "day": _EVERY_DAY,
    "hour": _EVERY_DAY * 24,
    "minute": _EVERY_DAY * 24 * 60,
    "second": _EVERY_DAY * 24 * 3600,
}
"""The amount of each unit that is too large whatever the date."""


def is_date(value: Any) -> bool:
    """Return whether a value stands for a moment: a date, a timestamp or an ObjectId."""
    return type_name(value) in _DATES


def unit_of(value: Any, *, operator: str) -> str:
    """Return a unit of time; refuse what is none with the codes of `$dateDiff` and `$dateTrunc`."""
    if not isinstance(value, str):
        raise CommandFailure(5439013, f"{operator} requires 'unit' to be a string")
    if value not in FIXED_MS and value not in MONTHS:
        raise CommandFailure(5439014, f"{operator} does not know the unit {value}")
    return value


def first_day_of(value: Any, *, operator: str) -> int:
    """Return the day that a week begins with, 0 for Sunday."""
    if value is ABSENT:
        return 0
    if not isinstance(value, str):
        raise CommandFailure(5439015, f"{operator} requires 'startOfWeek' to be a string")
    named = value.lower()
    for number, name in enumerate(WEEKDAYS):
        if named in {name, name[:3]}:
            return number
    raise CommandFailure(5439016, f"{operator} does not know the day {value}")


def _shift(operator: str, sign: int) -> Callable[[Iterable[Any]], Any]:
    """Return `$dateAdd` or `$dateSubtract`: days and longer units keep the local time of day."""

    def evaluate(arguments: Iterable[Any]) -> Any:
        given = before_null(arguments, 4)
        if given is None:
            return None
        start, unit, amount, timezone = given
        zone = given_zone(timezone)
        if not is_date(start):
            raise CommandFailure(5166403, f"{operator} requires startDate to be a date")
        if not isinstance(unit, str):
            raise CommandFailure(5166404, f"{operator} expects string defining the time unit")
        if unit not in FIXED_MS and unit not in MONTHS:
            raise CommandFailure(9, f"unknown time unit value: {unit}")
        count = integral(amount, bits=64)
        if count is None:
            raise CommandFailure(5166405, f"{operator} expects integer amount of time units")
        if sign < 0 and count == LONG_MIN:
            raise CommandFailure(6045000, f"invalid {operator} 'amount' parameter value")
        return DatetimeMS(shifted(moment_ms(start), unit, sign * count, zone))

    return evaluate


def shifted(utc: int, unit: str, count: int, zone: Zone) -> int:
    """Return a moment so many units later; CommandFailure where it lies outside of 64 bits."""
    if unit == "millisecond":
        if not LONG_MIN <= utc + count <= LONG_MAX:
            raise CommandFailure(DURATION_OVERFLOW, "dateAdd overflowed")
        return utc + count
    if not -_MOST[unit] < count < _MOST[unit]:
        raise CommandFailure(5976500, f"invalid dateAdd 'amount' parameter value: {count} {unit}")
    if utc < 0 and utc % 1000:
        # The server rounds seconds before 1970 down twice.
        utc -= 1000
    if unit in FIXED_MS and unit not in {"day", "week"}:
        later = utc + count * FIXED_MS[unit]
    else:
        local = _later_on_the_calendar(utc + zone.offset_ms(utc), unit, count)
        later = zone.utc_of(local, saving=zone.saves_daylight(utc))
    if not LONG_MIN <= later // 1000 * 1000 <= LONG_MAX:
        raise CommandFailure(5166406, "dateAdd overflowed")
    return later


def _later_on_the_calendar(local: int, unit: str, count: int) -> int:
    if unit in FIXED_MS:
        return local + count * FIXED_MS[unit]
    at = broken_down(local)
    months = at.year * 12 + at.month - 1 + count * MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    day = min(at.day, days_in_month(year, month))
    clock = local - milliseconds_of(at.days)
    return milliseconds_of(days_of(year, month, day)) + clock


def before_null(arguments: Iterable[Any], count: int) -> list[Any] | None:
    """Return so many arguments; None for a null, behind which none is evaluated."""
    given: list[Any] = []
    for value in islice(arguments, count):
        if is_nullish(value):
            return None
        given.append(value)
    return given


def with_week(
    arguments: Sequence[Evaluate], unit_at: int, variables: Variables
) -> list[Any] | None:
    """Return the values of arguments that end with a time zone and the day that weeks begin with.

    That day is looked at before the time zone, and only if the unit is a week. None is for a null, behind
    which nothing is evaluated.
    """
    *front, zone_of, day_of = arguments
    given = before_null((each(variables) for each in front), len(front))
    if given is None:
        return None
    first_day = day_of(variables) if given[unit_at] == "week" else ABSENT
    if is_nullish(first_day):
        return None
    timezone = zone_of(variables)
    return None if is_nullish(timezone) else [*given, timezone, first_day]


def _date_diff(arguments: Sequence[Evaluate]) -> Evaluate:
    """Count the boundaries of a unit between two dates."""

    def evaluate(variables: Variables) -> Any:
        given = with_week(arguments, 2, variables)
        return None if given is None else _boundaries(*given)

    return evaluate


def _boundaries(start: Any, end: Any, unit: Any, timezone: Any, first_day: Any) -> Int64:
    zone = given_zone(timezone)
    if not (is_date(start) and is_date(end)):
        raise CommandFailure(5166307, "$dateDiff requires two dates")
    named = unit_of(unit, operator="$dateDiff")
    sunday = first_day_of(first_day, operator="$dateDiff") if named == "week" else 0
    low, high = moment_ms(start), moment_ms(end)
    if named == "millisecond":
        if not LONG_MIN <= high - low <= LONG_MAX:
            raise CommandFailure(5166308, "dateDiff overflowed")
        return Int64(high - low)
    offsets = zone.offset_ms(low), zone.offset_ms(high)
    steps = step_of(high + offsets[1], named, sunday) - step_of(low + offsets[0], named, sunday)
    if named in {"second", "minute", "hour"}:
        # Local clocks are read, so that what they were put forward in between is taken back.
        steps += int((offsets[0] - offsets[1]) / FIXED_MS[named])
    return Int64(steps)


def step_of(local: int, unit: str, first_day: int) -> int:
    """Return the number of the unit that a local time lies in."""
    if unit in MONTHS:
        at = broken_down(local)
        return (at.year * 12 + at.month - 1) // MONTHS[unit]
    if unit == "week":
        return (local // DAY_MS + 4 - first_day) // 7
    return local // FIXED_MS[unit]


STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    "$dateAdd": _shift("$dateAdd", 1),
    "$dateSubtract": _shift("$dateSubtract", -1),
}
"""Operators that look at an argument before they evaluate the next."""

LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {"$dateDiff": _date_diff}
"""Operators that evaluate their arguments in an order of their own."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = STOPPING
