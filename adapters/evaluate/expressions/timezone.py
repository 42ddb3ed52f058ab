"""Time zones by Olson name or offset.

Source: MongoDB manual, "$dateToString", `timezone`.
"""

import re
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from adapters.evaluate.expressions.calendar import as_datetime
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name
from adapters.query.unsupported import unsupported

_OFFSET: Final = re.compile(r"([+-])(\d\d):?(\d\d)?")


class Zone:
    """A time zone: a fixed offset, or rules by name."""

    __slots__ = ("fixed_ms", "rules")

    def __init__(self, *, fixed_ms: int = 0, rules: ZoneInfo | None = None) -> None:
        self.fixed_ms = fixed_ms
        self.rules = rules

    def offset_ms(self, utc_ms: int) -> int:
        """Return what to add to UTC at a moment."""
        if self.rules is None:
            return self.fixed_ms
        try:
            offset = as_datetime(utc_ms).astimezone(self.rules).utcoffset()
        except OverflowError as outside:
            raise unsupported(
                "timezone outside of the years 1 to 9999", where="expression"
            ) from outside
        return (offset or timedelta()) // timedelta(milliseconds=1)

    def utc_of(self, local_ms: int) -> int:
        """Return the moment of a local time; of a repeated hour the first."""
        if self.rules is None:
            return local_ms - self.fixed_ms
        try:
            local: datetime = as_datetime(local_ms).replace(tzinfo=self.rules)
            offset = local.utcoffset()
        except OverflowError as outside:
            raise unsupported(
                "timezone outside of the years 1 to 9999", where="expression"
            ) from outside
        return local_ms - (offset or timedelta()) // timedelta(milliseconds=1)


UTC_ZONE: Final = Zone()


def zone_of(value: Any) -> Zone | None:
    """Return the zone an argument asks for, UTC if it was left out; None where it is null."""
    if value is ABSENT:
        return UTC_ZONE
    if is_nullish(value):
        return None
    if not isinstance(value, str):
        raise CommandFailure(40517, f"timezone must evaluate to a string, found {type_name(value)}")
    return named_zone(value)


def named_zone(name: str) -> Zone:
    if name in {"UTC", "GMT", "Z"}:
        return UTC_ZONE
    offset = _OFFSET.fullmatch(name)
    if offset is not None:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return Zone(fixed_ms=minutes * (-60_000 if offset[1] == "-" else 60_000))
    try:
        return Zone(rules=ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as unknown:
        raise CommandFailure(40485, f"unrecognized time zone identifier: {name!r}") from unknown
