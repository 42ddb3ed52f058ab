"""Dates from strings: `$dateFromString`, and what `$convert` and `$toDate` make of a string.

Source: MongoDB manual, "$dateFromString".
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson.datetime_ms import DatetimeMS

from adapters.evaluate.expressions.calendar import days_in_month, days_of, milliseconds_of
from adapters.evaluate.expressions.date_draft import REFUSED, finished, refused
from adapters.evaluate.expressions.date_format import check_format, draft_by_format
from adapters.evaluate.expressions.date_notation import draft_of
from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.expressions.timezone import UTC_ZONE, Zone, named_zone, zone_of
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

Evaluate = Callable[[Any], Any]

_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-](?:[01]\d|2[0-4]):?[0-5]\d)?)?",
    re.ASCII,
)
"""The notation that nearly all strings are in: read without the tables of the others."""


def parsed_date(text: str, zone: Zone = UTC_ZONE) -> int:
    """Return milliseconds since 1970; `zone` is that of a string which names none."""
    found = _ISO.fullmatch(text)
    if found is None:
        return finished(draft_of(text), zone)
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    hour, minute, second = int(found[4] or 0), int(found[5] or 0), int(found[6] or 0)
    if not (1 <= month <= 12 and 1 <= day <= days_in_month(year, month)):
        raise refused("the date was invalid")
    if hour > 23 or minute > 59 or second > 59:
        raise refused("the time was invalid")
    fraction = int((found[7] or "0").ljust(3, "0")[:3])
    local = milliseconds_of(days_of(year, month, day), hour, minute, second, fraction)
    if found[8] is None:
        return zone.utc_of(local, saving=zone.saves_daylight(0))
    if zone.is_given:
        raise refused("a time zone in the string beside the argument timezone")
    return local if found[8] == "Z" else local - named_zone(found[8]).fixed_ms


def _date_from_string(arguments: Sequence[Evaluate]) -> Evaluate:
    """`onError` and `onNull` are evaluated only where they are needed."""
    source, timezone, form_of, on_null, on_error = arguments

    def evaluate(variables: Any) -> Any:
        text, form = source(variables), form_of(variables)
        if form is not ABSENT and not is_nullish(form):
            check_format(form)
        zone = zone_of(timezone(variables))
        if is_nullish(text):
            return _instead(on_null, variables)
        try:
            return _date_of(text, form, zone)
        except CommandFailure as failure:
            instead = _instead(on_error, variables, absent=ABSENT)
            if failure.code != REFUSED or instead is ABSENT:
                raise
            return instead

    return evaluate


def _date_of(text: Any, form: Any, zone: Zone | None) -> DatetimeMS | None:
    if not isinstance(text, str):
        raise refused(f"'dateString' must be a string, found: {type_name(text)}")
    if zone is None or is_nullish(form):
        return None
    if form is ABSENT:
        return DatetimeMS(parsed_date(text, zone))
    return DatetimeMS(finished(draft_by_format(text, form), zone))


def _instead(argument: Evaluate, variables: Any, *, absent: Any = None) -> Any:
    value = argument(variables)
    return absent if value is ABSENT else value


LAZY: Final[Mapping[str, Callable[[Sequence[Evaluate]], Evaluate]]] = {
    "$dateFromString": _date_from_string
}
