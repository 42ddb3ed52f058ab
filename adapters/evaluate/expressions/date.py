"""`$dateToString`, `$year` and the other date operators; arithmetic on dates stands in `date_units.py`.

Source: MongoDB manual, "Date Expression Operators".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.timestamp import Timestamp

from adapters.evaluate.expressions.calendar import (
    Moment,
    broken_down,
    check_year,
    day_of_year,
    iso_week,
    sunday_week,
    weekday,
)
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.timezone import zone_of
from adapters.evaluate.expressions.variables import Variables
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

DEFAULT_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%LZ"

Part = Callable[[Moment], Any]
Evaluate = Callable[[Variables], Any]

_FORMATS: Final[Mapping[str, Callable[[Moment, int], str]]] = {
    "%": lambda _at, _offset: "%",
    "Y": lambda at, _offset: f"{_checked(at.year):04d}",
    "m": lambda at, _offset: f"{at.month:02d}",
    "d": lambda at, _offset: f"{at.day:02d}",
    "H": lambda at, _offset: f"{at.hour:02d}",
    "M": lambda at, _offset: f"{at.minute:02d}",
    "S": lambda at, _offset: f"{at.second:02d}",
    "L": lambda at, _offset: f"{at.millisecond:03d}",
    "j": lambda at, _offset: f"{day_of_year(at):03d}",
    "w": lambda at, _offset: str(weekday(at) + 1),
    "u": lambda at, _offset: str((weekday(at) + 6) % 7 + 1),
    "U": lambda at, _offset: f"{sunday_week(at):02d}",
    "V": lambda at, _offset: f"{iso_week(at)[1]:02d}",
    "G": lambda at, _offset: f"{_checked(iso_week(at)[0]):04d}",
    "z": lambda _at, offset: (
        f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02d}{abs(offset) % 60:02d}"
    ),
    "Z": lambda _at, offset: str(offset),
}
"""What follows a `%`; the second argument is the offset of the time zone in minutes."""

_PARTS: Final[Mapping[str, Part]] = {
    "$dayOfMonth": lambda at: at.day,
    "$dayOfWeek": lambda at: weekday(at) + 1,
    "$dayOfYear": day_of_year,
    "$hour": lambda at: at.hour,
    "$isoDayOfWeek": lambda at: (weekday(at) + 6) % 7 + 1,
    "$isoWeek": lambda at: iso_week(at)[1],
    "$isoWeekYear": lambda at: Int64(iso_week(at)[0]),
    "$millisecond": lambda at: at.millisecond,
    "$minute": lambda at: at.minute,
    "$month": lambda at: at.month,
    "$second": lambda at: at.second,
    "$week": sunday_week,
    "$year": lambda at: at.year,
}


def _checked(year: int) -> int:
    check_year(year)
    return year


def moment_ms(value: Any) -> int:
    """Return the moment of a date, timestamp or ObjectId; refuse other types."""
    if isinstance(value, DatetimeMS):
        return int(value)
    if isinstance(value, Timestamp):
        return value.time * 1000
    if isinstance(value, ObjectId):
        return int.from_bytes(value.binary[:4], "big", signed=True) * 1000
    raise CommandFailure(16006, f"can't convert from BSON type {type_name(value)} to Date")


def _part(part: Part) -> Callable[[Iterable[Any]], Any]:
    def evaluate(arguments: Iterable[Any]) -> Any:
        values = iter(arguments)
        value = next(values)
        if is_nullish(value):
            return None
        milliseconds = moment_ms(value)
        zone = zone_of(next(values), refusal=40533)
        if zone is None:
            return None
        return part(broken_down(milliseconds + zone.offset_ms(milliseconds)))

    return evaluate


def _date_to_string(arguments: Sequence[Evaluate]) -> Evaluate:
    """`onNull` is evaluated only where it is needed."""
    source, form_of, timezone, on_null = arguments

    def evaluate(variables: Variables) -> Any:
        value, form = source(variables), form_of(variables)
        if form is not ABSENT and not is_nullish(form):
            check_format(form)
        zone = zone_of(timezone(variables))
        if is_nullish(value):
            instead = on_null(variables)
            return None if instead is ABSENT else instead
        if zone is None or is_nullish(form):
            return None
        milliseconds = moment_ms(value)
        offset_ms = zone.offset_ms(milliseconds)
        at = broken_down(milliseconds + offset_ms)
        return formatted(at, DEFAULT_FORMAT if form is ABSENT else form, offset_ms)

    return evaluate


def check_format(form: Any) -> None:
    """Refuse what is no string, and what no `%` may stand before."""
    if not isinstance(form, str):
        raise CommandFailure(18533, f"'format' must be a string, found: {type_name(form)}")
    position = form.find("%")
    while position >= 0:
        if position + 1 == len(form):
            raise CommandFailure(18535, "Unmatched '%' at end of format string")
        if form[position + 1] not in _FORMATS:
            raise CommandFailure(18536, f"Invalid format character '%{form[position + 1]}'")
        position = form.find("%", position + 2)


def formatted(at: Moment, form: str, offset_ms: int) -> str:
    """Return a moment in a checked format."""
    parts = []
    position = 0
    while position < len(form):
        if form[position] == "%":
            parts.append(_FORMATS[form[position + 1]](at, offset_ms // 60_000))
            position += 2
        else:
            parts.append(form[position])
            position += 1
    return "".join(parts)


def _date_to_parts(arguments: Iterable[Any]) -> Any:
    values = iter(arguments)
    value, zone = next(values), zone_of(next(values))
    if zone is None:
        return None
    iso = next(values)
    if is_nullish(iso):
        return None
    if iso is not ABSENT and not isinstance(iso, bool):
        raise CommandFailure(40521, f"iso8601 must evaluate to a bool, found {type_name(iso)}")
    if is_nullish(value):
        return None
    milliseconds = moment_ms(value)
    at = broken_down(milliseconds + zone.offset_ms(milliseconds))
    clock = {
        "hour": at.hour,
        "minute": at.minute,
        "second": at.second,
        "millisecond": at.millisecond,
    }
    if iso is True:
        year, week = iso_week(at)
        day = (weekday(at) + 6) % 7 + 1
        return {"isoWeekYear": year, "isoWeek": week, "isoDayOfWeek": day, **clock}
    return {"year": at.year, "month": at.month, "day": at.day, **clock}


def _of_timestamp(
    operator: str, code: int, part: Callable[[Timestamp], int]
) -> Callable[[Sequence[Any]], Any]:
    def evaluate(arguments: Sequence[Any]) -> Any:
        if is_nullish(arguments[0]):
            return None
        if not isinstance(arguments[0], Timestamp):
            raise CommandFailure(
                code,
                f"Argument to {operator} must be a timestamp, but is {type_name(arguments[0])}",
            )
        return Int64(part(arguments[0]))

    return evaluate


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {
    "$dateToString": _date_to_string
}
"""Operators that do not evaluate all of their arguments."""

STOPPING: Final[Mapping[str, Callable[[Iterable[Any]], Any]]] = {
    **{operator: _part(part) for operator, part in _PARTS.items()},
    "$dateToParts": _date_to_parts,
}
"""Operators that look at an argument before they evaluate the next."""

EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    **STOPPING,
    "$tsIncrement": _of_timestamp("$tsIncrement", 5687302, lambda value: value.inc),
    "$tsSecond": _of_timestamp("$tsSecond", 5687301, lambda value: value.time),
}
