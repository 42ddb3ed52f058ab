"""`$dateAdd`, `$dateDiff` and the other operators that count in units of time.

Source: MongoDB manual, "Date Expression Operators".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64

from adapters.evaluate.expressions.calendar import (
    Moment,
    broken_down,
    days_in_month,
    days_of,
    milliseconds_of,
)
from adapters.evaluate.expressions.date import moment_ms
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.timezone import zone_of
from adapters.evaluate.numbers import integral
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from adapters.query.unsupported import unsupported

FIXED_MS: Final[Mapping[str, int]] = {
    "millisecond": 1,
    "second": 1_000,
    "minute": 60_000,
    "hour": 3_600_000,
    "day": 86_400_000,
    "week": 604_800_000,
}
MONTHS: Final[Mapping[str, int]] = {"month": 1, "quarter": 3, "year": 12}
_DATES: Final = frozenset({"date", "objectId", "timestamp"})


def _shift(operator: str, sign: int) -> Callable[[Sequence[Any]], Any]:
    """Return `$dateAdd` or `$dateSubtract`: days and longer units keep the local time of day."""

    def evaluate(arguments: Sequence[Any]) -> Any:
        start, unit, amount, timezone = arguments
        zone = zone_of(timezone)
        if zone is None or is_nullish(start) or is_nullish(unit) or is_nullish(amount):
            return None
        if type_name(start) not in _DATES:
            raise CommandFailure(5166403, f"{operator} requires startDate to be a date")
        if not isinstance(unit, str):
            raise CommandFailure(5166404, f"{operator} expects string defining the time unit")
        if unit not in FIXED_MS and unit not in MONTHS:
            raise CommandFailure(9, f"unknown time unit value: {unit}")
        count = integral(amount, bits=64)
        if count is None:
            raise CommandFailure(5166405, f"{operator} expects integer amount of time units")
        if abs(count) > 10_000_000:
            raise unsupported(f"{operator} by ten millions", where="expression")
        utc = moment_ms(start)
        if unit == "millisecond":
            return DatetimeMS(utc + sign * count)
        if utc < 0 and utc % 1000 and count:
            # The server rounds seconds before 1970 down twice.
            utc -= 1000
        if unit in FIXED_MS and unit not in {"day", "week"}:
            return DatetimeMS(utc + sign * count * FIXED_MS[unit])
        local = _shifted(utc + zone.offset_ms(utc), unit, sign * count)
        return DatetimeMS(zone.utc_of(local))

    return evaluate


def _shifted(local: int, unit: str, count: int) -> int:
    if unit in FIXED_MS:
        return local + count * FIXED_MS[unit]
    at = broken_down(local)
    months = at.year * 12 + at.month - 1 + count * MONTHS[unit]
    year, month = months // 12, months % 12 + 1
    day = min(at.day, days_in_month(year, month))
    clock = local - milliseconds_of(at.days)
    return milliseconds_of(days_of(year, month, day)) + clock


def _date_diff(arguments: Sequence[Any]) -> Any:
    """Count the boundaries of a unit between two dates."""
    start, end, unit, timezone, first_day = arguments
    zone = zone_of(timezone)
    if zone is None or any(is_nullish(value) for value in (start, end, unit)):
        return None
    for value in (start, end):
        if type_name(value) not in _DATES:
            raise CommandFailure(5166307, "$dateDiff requires two dates")
    if not isinstance(unit, str):
        raise CommandFailure(5439013, "$dateDiff requires 'unit' to be a string")
    if unit not in FIXED_MS and unit not in MONTHS:
        raise CommandFailure(5439014, f"$dateDiff does not know the unit {unit}")
    if unit == "week" and first_day is not ABSENT:
        raise unsupported("$dateDiff with startOfWeek", where="expression")
    low, high = moment_ms(start), moment_ms(end)
    if unit in {"millisecond", "second", "minute", "hour"} and timezone is not ABSENT:
        raise unsupported("$dateDiff in hours with timezone", where="expression")
    steps = [
        _step(broken_down(value + zone.offset_ms(value)), value, unit) for value in (low, high)
    ]
    return Int64(steps[1] - steps[0])


def _step(at: Moment, utc: int, unit: str) -> int:
    """Return the number of the unit that a moment lies in; weeks begin on Sunday."""
    if unit in MONTHS:
        return (at.year * 12 + at.month - 1) // MONTHS[unit]
    if unit == "week":
        return (at.days + 4) // 7
    return at.days if unit == "day" else utc // FIXED_MS[unit]


EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$dateAdd": _shift("$dateAdd", 1),
    "$dateDiff": _date_diff,
    "$dateSubtract": _shift("$dateSubtract", -1),
}
