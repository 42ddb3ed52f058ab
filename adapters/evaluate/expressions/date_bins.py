"""`$dateTrunc`: the bin of a unit of time that a date lies in, counted from the beginning of 2000.

Source: MongoDB manual, "$dateTrunc".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.evaluate.expressions.calendar import DAY_MS, days_of, milliseconds_of
from adapters.evaluate.expressions.date import moment_ms
from adapters.evaluate.expressions.date_units import (
    FIXED_MS,
    first_day_of,
    is_date,
    shifted,
    step_of,
    unit_of,
    with_week,
)
from adapters.evaluate.expressions.kinds import ABSENT
from adapters.evaluate.expressions.timezone import Zone, given_zone
from adapters.evaluate.expressions.variables import Variables
from adapters.evaluate.numbers import LONG_MAX, LONG_MIN, integral
from adapters.query.failures import CommandFailure

Evaluate = Callable[[Variables], Any]

_BEGINNING: Final = milliseconds_of(days_of(2000, 1, 1))
_SATURDAY: Final = 6
"""The day that 2000 began with."""
_LARGEST_BIN: Final = 100_000_000_000


def _date_trunc(arguments: Sequence[Evaluate]) -> Evaluate:
    def evaluate(variables: Variables) -> Any:
        given = with_week(arguments, 1, variables)
        return None if given is None else _bin_of(*given)

    return evaluate


def _bin_of(date: Any, unit: Any, size: Any, timezone: Any, first_day: Any) -> DatetimeMS:
    zone = given_zone(timezone)
    if not is_date(date):
        raise CommandFailure(5439012, "$dateTrunc requires 'date' to be a date")
    named = unit_of(unit, operator="$dateTrunc")
    bin_size = _bin_size(size)
    sunday = first_day_of(first_day, operator="$dateTrunc") if named == "week" else 0
    utc = moment_ms(date)
    if named in FIXED_MS and FIXED_MS[named] < DAY_MS:
        return DatetimeMS(_by_the_clock(utc, bin_size * FIXED_MS[named], zone))
    return DatetimeMS(_by_the_calendar(utc, named, bin_size, zone, sunday))


def _bin_size(size: Any) -> int:
    whole = 1 if size is ABSENT else integral(size, bits=64)
    if whole is None:
        raise CommandFailure(5439017, "$dateTrunc requires 'binSize' to be a 64-bit integer")
    if whole <= 0:
        raise CommandFailure(5439018, "$dateTrunc requires 'binSize' to be greater than 0")
    return whole


def _by_the_clock(utc: int, bin_ms: int, zone: Zone) -> int:
    if bin_ms > LONG_MAX:
        raise CommandFailure(5439002, "dateTrunc overflowed")
    since = utc - (_BEGINNING - zone.offset_ms(_BEGINNING))
    if not LONG_MIN <= since <= LONG_MAX:
        raise CommandFailure(5439000, "dateTrunc overflowed")
    if utc - since % bin_ms < LONG_MIN:
        raise CommandFailure(5439001, "dateTrunc overflowed")
    return utc - since % bin_ms


def _by_the_calendar(utc: int, unit: str, size: int, zone: Zone, first_day: int) -> int:
    if size > _LARGEST_BIN:
        raise CommandFailure(5439006, "dateTrunc unsupported binSize value")
    begins = _BEGINNING
    if unit == "week":
        begins += (first_day - _SATURDAY) % 7 * DAY_MS
    passed = step_of(utc + zone.offset_ms(utc), unit, first_day) - step_of(begins, unit, first_day)
    # As the server does it: the offset is that of the first moment of 2000.
    return shifted(begins - zone.offset_ms(_BEGINNING), unit, passed - passed % size, zone)


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {"$dateTrunc": _date_trunc}
"""Operators that evaluate their arguments in an order of their own."""
