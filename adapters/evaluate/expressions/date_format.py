"""A date from a string and the format it is in.

Source: MongoDB manual, "$dateFromString", "Format Specifiers"; what a server takes was observed on 6.0.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from adapters.evaluate.expressions.calendar import DAY_MS, broken_down
from adapters.evaluate.expressions.date_draft import Draft, refused
from adapters.evaluate.expressions.date_parts import days_of_week
from adapters.evaluate.expressions.date_reading import Reading
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name


def check_format(form: Any) -> None:
    """Refuse what is no string, and what no `%` may stand before."""
    if not isinstance(form, str):
        raise CommandFailure(
            40684, f"$dateFromString requires that 'format' be a string, found: {type_name(form)}"
        )
    position = form.find("%")
    while position >= 0:
        if position + 1 == len(form):
            raise CommandFailure(18535, "Unmatched '%' at end of format string")
        if form[position + 1] != "%" and form[position + 1] not in _SPECIFIERS:
            raise CommandFailure(18536, f"Invalid format character '%{form[position + 1]}'")
        position = form.find("%", position + 2)


def draft_by_format(text: str, form: str) -> Draft:
    """Return what a string says in a checked format."""
    # The server reads both up to the first U+0000.
    reading, form = Reading(text.partition("\0")[0]), form.partition("\0")[0]
    draft, iso = Draft(), _IsoDate()
    position = 0
    while position < len(form) and not reading.ended:
        character = form[position]
        if character == "%" and form[position + 1] != "%":
            _SPECIFIERS[form[position + 1]](reading, draft, iso)
            position += 2
            continue
        if not reading.skip(character):
            raise refused("Format literal not found")
        position += 2 if character == "%" else 1
    if not reading.ended:
        raise refused("Trailing data")
    if position < len(form):
        raise refused("Not enough data available to satisfy format")
    iso.complete(draft)
    _fill_the_clock(draft)
    return draft


class _IsoDate:
    """Year, week and day of a date by weeks; None for one that was not named."""

    __slots__ = ("day", "week", "year")

    def __init__(self) -> None:
        self.year: int | None = None
        self.week: int | None = None
        self.day: int | None = None

    def complete(self, draft: Draft) -> None:
        """Turn it into a date of the calendar, if there is one."""
        if self.year is None and self.week is None and self.day is None:
            return
        if self.year is None:
            raise refused("The parsed date was invalid")
        if (draft.year, draft.month, draft.day) != (None, None, None):
            raise refused("Mixing of ISO dates with natural dates is not allowed")
        week, day = 1 if self.week is None else self.week, 1 if self.day is None else self.day
        at = broken_down(days_of_week(self.year, week, day) * DAY_MS)
        draft.year, draft.month, draft.day = at.year, at.month, at.day


def _fill_the_clock(draft: Draft) -> None:
    draft.has_date = True
    parts = (draft.hour, draft.minute, draft.second, draft.micros)
    if parts == (None,) * 4:
        return
    draft.times = 1
    draft.hour, draft.minute, draft.second = draft.hour or 0, draft.minute or 0, draft.second or 0
    draft.micros = draft.micros or 0


def _year(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.year = reading.digits(4)


def _month(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.month = reading.digits(2)


def _day(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.day = reading.digits(2)


def _hour(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.hour = reading.digits(2)


def _minute(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.minute = reading.digits(2, least=2)


def _second(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.second = reading.digits(2, least=2)


def _millisecond(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    before = reading.at
    number = reading.digits(3)
    draft.micros = number * 10 ** (3 - (reading.at - before)) * 1000


def _iso_year(reading: Reading, _draft: Draft, iso: _IsoDate) -> None:
    iso.year = _wanted(reading.number(4))


def _iso_week(reading: Reading, _draft: Draft, iso: _IsoDate) -> None:
    iso.week = _wanted(reading.number(2))
    if not 1 <= iso.week <= 53:
        raise refused("ISO Week must be between 1 and 53")


def _iso_day(reading: Reading, _draft: Draft, iso: _IsoDate) -> None:
    iso.day = _wanted(reading.number(1))
    if not 1 <= iso.day <= 7:
        raise refused("Day of week must be between 1 and 7")


def _wanted(number: int | None) -> int:
    if number is None:
        raise refused("a number could not be found")
    return number


def _offset(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.offset_s = reading.zone()


def _offset_minutes(reading: Reading, draft: Draft, _iso: _IsoDate) -> None:
    draft.offset_s = reading.minutes_offset()


_SPECIFIERS: Final[Mapping[str, Callable[[Reading, Draft, _IsoDate], None]]] = {
    "d": _day,
    "G": _iso_year,
    "H": _hour,
    "L": _millisecond,
    "m": _month,
    "M": _minute,
    "S": _second,
    "u": _iso_day,
    "V": _iso_week,
    "Y": _year,
    "z": _offset,
    "Z": _offset_minutes,
}
"""What follows a `%`."""
