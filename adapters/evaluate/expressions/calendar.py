"""Days and clock times of a moment, in years 0 to 9999 and beyond.

Python's own dates begin with year 1; MongoDB's do not, and its clock knows no leap seconds.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from adapters.query.failures import CommandFailure

DAY_MS: Final = 86_400_000
ERA_DAYS: Final = 146_097
_EPOCH_SHIFT: Final = 719_468
"""Days from 0000-03-01 to 1970-01-01."""
_DAYS_BEFORE: Final = (0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)


class Moment(NamedTuple):
    """A moment on the calendar and the clock."""

    year: int
    month: int
    day: int
    hour: int
    minute: int
    second: int
    millisecond: int
    days: int
    """Days since 1970-01-01."""


def days_of(year: int, month: int, day: int) -> int:
    """Return days since 1970-01-01; `month` and `day` may lie outside of their usual ranges."""
    year += (month - 1) // 12
    month = (month - 1) % 12 + 1
    year -= month <= 2
    era, year_of_era = divmod(year, 400)
    day_of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    return era * ERA_DAYS + day_of_era - _EPOCH_SHIFT + day - 1


def milliseconds_of(
    days: int, hour: int = 0, minute: int = 0, second: int = 0, millisecond: int = 0
) -> int:
    return days * DAY_MS + hour * 3_600_000 + minute * 60_000 + second * 1000 + millisecond


def broken_down(milliseconds: int) -> Moment:
    """Return the moment that lies so many milliseconds after 1970 began."""
    days, rest = divmod(milliseconds, DAY_MS)
    era, day_of_era = divmod(days + _EPOCH_SHIFT, ERA_DAYS)
    year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = shifted_month + (3 if shifted_month < 10 else -9)
    return Moment(
        year=year_of_era + era * 400 + (month <= 2),
        month=month,
        day=day_of_year - (153 * shifted_month + 2) // 5 + 1,
        hour=rest // 3_600_000,
        minute=rest // 60_000 % 60,
        second=rest // 1000 % 60,
        millisecond=rest % 1000,
        days=days,
    )


def is_leap(year: int) -> bool:
    return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)


def days_in_month(year: int, month: int) -> int:
    return days_of(year, month + 1, 1) - days_of(year, month, 1)


def day_of_year(at: Moment) -> int:
    """Return 1 to 366."""
    return _DAYS_BEFORE[at.month - 1] + at.day + (at.month > 2 and is_leap(at.year))


def weekday(at: Moment) -> int:
    """Return 0 for Sunday to 6 for Saturday."""
    return (at.days + 4) % 7


def iso_week(at: Moment) -> tuple[int, int]:
    """Return year and number of the ISO 8601 week."""
    thursday = broken_down((at.days - (weekday(at) + 6) % 7 + 3) * DAY_MS)
    return thursday.year, (day_of_year(thursday) - 1) // 7 + 1


def sunday_week(at: Moment) -> int:
    """Return the week of the year, 0 before its first Sunday."""
    return (day_of_year(at) + 6 - weekday(at)) // 7


def iso_text(milliseconds: int) -> str:
    """Return `2023-11-14T22:13:20.123Z`."""
    at = broken_down(milliseconds)
    check_year(at.year)
    return (
        f"{at.year:04d}-{at.month:02d}-{at.day:02d}"
        f"T{at.hour:02d}:{at.minute:02d}:{at.second:02d}.{at.millisecond:03d}Z"
    )


def check_year(year: int) -> None:
    """Refuse a year that has not four digits."""
    if not 0 <= year <= 9999:
        raise CommandFailure(18537, f"date component was outside the supported range: {year}")


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def as_datetime(milliseconds: int) -> datetime:
    """Return an aware datetime; OverflowError outside of years 1 to 9999."""
    return _EPOCH + timedelta(milliseconds=milliseconds)
