"""What a string has said of a date so far, and the moment it comes to."""

from dataclasses import dataclass
from typing import Final

from adapters.evaluate.expressions.calendar import days_in_month, days_of, milliseconds_of
from adapters.evaluate.expressions.timezone import Zone
from adapters.evaluate.numbers import LONG_MAX, LONG_MIN
from adapters.query.failures import CommandFailure

REFUSED: Final = 241
DURATION_OVERFLOW: Final = 159
FRACTION_UNKNOWN: Final = -99_999
"""The microseconds that the server takes where hour and minute stand without a colon: it forgets to clear them."""


def refused(reason: str) -> CommandFailure:
    """Return the error that no date could be read."""
    return CommandFailure(REFUSED, f"Error parsing date string: {reason}")


@dataclass(slots=True, kw_only=True)
class Draft:
    """The parts of a date and of a time of day; None for one not yet named.

    `has_date` and `has_time` tell whether a date or time was named as such, and so may not be named again;
    `times` counts numbers of four digits that were taken for a time or a year. `weekday` (0 for Sunday) moves
    the date forward to the next such day.
    """

    year: int | None = None
    month: int | None = None
    day: int | None = None
    hour: int | None = None
    minute: int | None = None
    second: int | None = None
    micros: int | None = None
    offset_s: int | None = None
    has_date: bool = False
    times: int = 0
    zones: int = 0
    later_days: int = 0
    later_s: int = 0
    later_micros: int = 0
    weekday: int | None = None

    def begin_date(self) -> None:
        """Note that a date follows; one only."""
        if self.has_date:
            raise refused("Double date specification")
        self.has_date = True

    def begin_time(self) -> None:
        """Note that a time of day follows; one only."""
        if self.times:
            raise refused("Double time specification")
        self.clear_time()
        self.times = 1

    def begin_zone(self) -> None:
        """Note that a time zone follows; one only."""
        if self.zones:
            raise refused("Double timezone specification")
        self.zones = 1

    def clear_time(self) -> None:
        """Set the clock to midnight, and let a time of day follow."""
        self.times = 0
        self.hour = self.minute = self.second = self.micros = 0


def finished(draft: Draft, zone: Zone) -> int:
    """Return milliseconds since 1970, in `zone` unless the string named one itself."""
    if draft.hour is None and draft.minute is None and draft.second is None:
        draft.hour = draft.minute = draft.second = draft.micros = 0
    year, month, day = draft.year, draft.month, draft.day
    hour, minute, second = draft.hour, draft.minute, draft.second
    if draft.times and not _is_time(hour, minute, second):
        raise refused("The parsed time was invalid")
    if year is None or month is None or day is None:
        raise refused("an incomplete date/time string has been found")
    if draft.has_date and not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise refused("The parsed date was invalid")
    if hour is None or minute is None or second is None:
        raise refused("an incomplete date/time string has been found")
    if draft.offset_s is not None and zone.is_given:
        raise refused("a time zone in the string beside the argument timezone")
    days = days_of(year, month, day)
    if draft.weekday is not None:
        days += (draft.weekday - (days + 4)) % 7
    micros = FRACTION_UNKNOWN if draft.micros is None else draft.micros
    local = milliseconds_of(days + draft.later_days, hour, minute, second + draft.later_s)
    micros = local * 1000 + micros + draft.later_micros
    if not LONG_MIN <= micros <= LONG_MAX:
        raise CommandFailure(DURATION_OVERFLOW, "Overflow casting a duration")
    # Cut, not rounded down.
    local = -(-micros // 1000) if micros < 0 else micros // 1000
    if draft.offset_s is not None:
        return local - draft.offset_s * 1000
    return zone.utc_of(local, saving=zone.saves_daylight(0))


def _is_time(hour: int | None, minute: int | None, second: int | None) -> bool:
    return (hour or 0) < 24 and (minute or 0) < 60 and (second or 0) < 60
