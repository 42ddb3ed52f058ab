"""Dates from strings in ISO 8601; other notations are refused as unsupported.

Source: MongoDB manual, "$dateFromString".
"""

import re
from typing import Final

from adapters.evaluate.expressions.calendar import days_in_month, days_of, milliseconds_of
from adapters.evaluate.expressions.timezone import UTC_ZONE, Zone, named_zone
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:?\d\d)?)?",
    re.ASCII,
)


def parsed_date(text: str, zone: Zone | None) -> int:
    """Return milliseconds since 1970; `zone` applies to a string that names none, None means UTC."""
    found = _ISO.fullmatch(text)
    if found is None:
        if not text:
            raise CommandFailure(241, "Error parsing date string ''; 0: Empty string")
        raise unsupported("date string in another notation than ISO 8601", where="expression")
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    hour, minute, second = int(found[4] or 0), int(found[5] or 0), int(found[6] or 0)
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise CommandFailure(241, f"Error parsing date string '{text}': the date was invalid")
    if hour > 23 or minute > 59 or second > 59:
        raise CommandFailure(241, f"Error parsing date string '{text}': the time was invalid")
    fraction = int((found[7] or "0").ljust(3, "0")[:3])
    local = milliseconds_of(days_of(year, month, day), hour, minute, second, fraction)
    if found[8] is not None:
        if zone is not None:
            raise CommandFailure(
                241, "you cannot pass in a date/time string with time zone information"
            )
        return named_zone(found[8]).utc_of(local)
    return (zone or UTC_ZONE).utc_of(local)
