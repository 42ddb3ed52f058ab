"""Time zones by Olson name or offset.

Source: MongoDB manual, "$dateToString", `timezone`.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.evaluate.expressions.calendar import (
    ERA_DAYS,
    as_datetime,
    broken_down,
    days_of,
    milliseconds_of,
)
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

_OFFSET: Final = re.compile(r"([+-])(\d\d)(?::?(\d\d))?", re.ASCII)
_NEAR_MS: Final = 2 * 3_600_000
_ERA_YEARS: Final = 400
_ERA_MS: Final = milliseconds_of(ERA_DAYS)
_FIRST_YEAR, _LAST_YEAR = 2, 9_000
_FIRST_MS: Final = milliseconds_of(days_of(_FIRST_YEAR, 1, 1))


class Zone:
    """A time zone: a fixed offset, or rules by name."""

    __slots__ = ("fixed_ms", "is_given", "rules")

    def __init__(
        self, *, fixed_ms: int = 0, rules: ZoneInfo | None = None, is_given: bool = True
    ) -> None:
        self.fixed_ms = fixed_ms
        self.rules = rules
        self.is_given = is_given
        """Whether the server takes note of it: not if it was left out, or is an offset of zero."""

    def offset_ms(self, utc_ms: int) -> int:
        """Return what to add to UTC at a moment."""
        if self.rules is None:
            return self.fixed_ms
        offset = self._local(utc_ms, self.rules).utcoffset()
        return (offset or timedelta()) // timedelta(milliseconds=1)

    def saves_daylight(self, utc_ms: int) -> bool:
        """Return whether the clocks show daylight saving time at a moment."""
        return self.rules is not None and bool(self._local(utc_ms, self.rules).dst())

    def utc_of(self, local_ms: int, *, saving: bool) -> int:
        """Return the moment of a local time.

        A repeated hour is the first or the second as the server takes it: that depends on whether the time it
        came from was daylight saving time (`saving`), and on which side of Greenwich the zone lies.
        """
        if self.rules is None:
            return local_ms - self.fixed_ms
        return local_ms - self._offset_of_local(local_ms, saving=saving)

    def _offset_of_local(self, local_ms: int, *, saving: bool) -> int:
        """Return the offset that the server finds: it first takes the local time for UTC."""
        first = self.offset_ms(local_ms)
        then = self.offset_ms(local_ms - first)
        if then == first:
            return self._repeated(local_ms, first, saving=saving)
        is_past = then < first or self.offset_ms(local_ms - then) == then
        return then if is_past else first

    def _repeated(self, local_ms: int, offset_ms: int, *, saving: bool) -> int:
        """Return the offset before or after the clocks go back, if that is near."""
        saves_now = self.saves_daylight(local_ms)
        if offset_ms >= 0 and saving and not saves_now:
            near = self.offset_ms(local_ms - offset_ms - _NEAR_MS)
        elif offset_ms <= 0 and saves_now and not saving:
            near = self.offset_ms(local_ms - offset_ms + _NEAR_MS)
        else:
            return offset_ms
        return near if self.offset_ms(local_ms - near) == near else offset_ms

    def _local(self, utc_ms: int, rules: ZoneInfo) -> datetime:
        # The calendar repeats itself every 400 years, and so do the rules; before the first of them nothing changes.
        years = broken_down(utc_ms).year
        if years > _LAST_YEAR:
            utc_ms -= ((years - _LAST_YEAR) // _ERA_YEARS + 1) * _ERA_MS
        elif years < _FIRST_YEAR:
            utc_ms = _FIRST_MS
        return as_datetime(utc_ms).astimezone(rules)


UTC_ZONE: Final = Zone(is_given=False)
_NAMED_UTC: Final = Zone()


def zone_of(value: Any, *, refusal: int = 40517) -> Zone | None:
    """Return the zone an argument asks for, UTC if it was left out; None where it is null."""
    return None if is_nullish(value) else given_zone(value, refusal=refusal)


def given_zone(value: Any, *, refusal: int = 40517) -> Zone:
    """Return the zone that an argument other than null asks for, UTC if it was left out."""
    if value is ABSENT:
        return UTC_ZONE
    if not isinstance(value, str):
        raise CommandFailure(
            refusal, f"timezone must evaluate to a string, found {type_name(value)}"
        )
    return named_zone(value)


def named_zone(name: str) -> Zone:
    if name == "UTC":
        return _NAMED_UTC
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        fixed_ms = minutes * (-60_000 if offset[1] == "-" else 60_000)
        return Zone(fixed_ms=fixed_ms, is_given=fixed_ms != 0)
    try:
        return Zone(rules=ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise CommandFailure(40485, f"unrecognized time zone identifier: {name!r}") from unknown
