"""`$dateFromParts`: a date from the numbers of its year, month, day and clock, or of its ISO week.

Source: MongoDB manual, "$dateFromParts".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.evaluate.expressions.calendar import days_of, milliseconds_of
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.timezone import Zone, zone_of
from adapters.evaluate.numbers import LONG_MAX, LONG_MIN, integral
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

_CARRIED: Final = 2**15
"""Parts on the other side of this are refused; seconds and milliseconds may be any number."""
_DURATION_OVERFLOW: Final = 159

Evaluate = Callable[[Any], Any]


def _date_from_parts(arguments: Sequence[Evaluate]) -> Evaluate:
    """The parts behind one that is null are not evaluated."""
    *parts, timezone = arguments
    natural, clock, iso = parts[:3], parts[3:7], parts[7:]

    def evaluate(variables: Any) -> Any:
        # In this order: a null or an error ends it.
        time = _numbers(_CLOCK, clock, variables)
        zone = None if time is None else zone_of(timezone(variables))
        if time is None or zone is None:
            return None
        names, given = _NATURAL, natural
        year = natural[0](variables)
        if year is ABSENT:
            names, given = _ISO, iso
            year = iso[0](variables)
        date = _numbers(names, (lambda _variables: year, *given[1:]), variables)
        if date is None:
            return None
        _check_year(names[0], date[0])
        days = (days_of_week if given is iso else days_of)(*date)
        return DatetimeMS(_moment(milliseconds_of(days, *time), zone))

    return evaluate


def _numbers(names: Sequence[str], parts: Sequence[Evaluate], variables: Any) -> list[int] | None:
    """Return the parts as numbers; None for a null, behind which none is evaluated."""
    numbers = []
    for name, part in zip(names, parts, strict=True):
        value = part(variables)
        if is_nullish(value):
            return None
        numbers.append(_number(name, value))
    return numbers


_NATURAL: Final = ("year", "month", "day")
_ISO: Final = ("isoWeekYear", "isoWeek", "isoDayOfWeek")
_CLOCK: Final = ("hour", "minute", "second", "millisecond")
_FROM_ZERO: Final = frozenset(_CLOCK)
_UNBOUNDED: Final = frozenset({"year", "isoWeekYear", "second", "millisecond"})


def _number(name: str, value: Any) -> int:
    if value is ABSENT:
        return 0 if name in _FROM_ZERO else 1
    whole = integral(value, bits=64)
    if whole is None:
        raise CommandFailure(
            40515, f"'{name}' must evaluate to an integer, found {type_name(value)}"
        )
    if name not in _UNBOUNDED and not -_CARRIED <= whole < _CARRIED:
        raise CommandFailure(31034, f"'{name}' must evaluate to a value in the range of 16 bits")
    if name == "millisecond" and not LONG_MIN <= whole * 1000 <= LONG_MAX:
        # The server counts in microseconds.
        raise CommandFailure(_DURATION_OVERFLOW, "Overflow casting a duration")
    return whole


def _check_year(name: str, year: int) -> None:
    if not 1 <= year <= 9999:
        code = 40523 if name == "year" else 31095
        raise CommandFailure(code, f"'{name}' must evaluate to an integer in the range 1 to 9999")


def days_of_week(year: int, week: int, weekday: int) -> int:
    """Return days since 1970-01-01; week and day may lie outside of their usual ranges."""
    return iso_week_begins(year) + (week - 1) * 7 + weekday - 1


def iso_week_begins(year: int) -> int:
    """Return the Monday of the first ISO week of a year, which is that of the 4th of January."""
    fourth = days_of(year, 1, 4)
    return fourth - (fourth + 3) % 7


def _moment(local: int, zone: Zone) -> int:
    if not LONG_MIN <= local <= LONG_MAX:
        raise CommandFailure(_DURATION_OVERFLOW, "Overflow casting a duration")
    return zone.utc_of(local, saving=zone.saves_daylight(0))


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {
    "$dateFromParts": _date_from_parts
}
