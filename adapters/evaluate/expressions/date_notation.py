"""Dates in the notations that people write: the longest element that fits is read, then the next.

What a server takes is the grammar of its library timelib; which elements stand in each other's way, and which of
two that fit alike comes first, was observed on 6.0. Elements that count from a date (`+1 day`, `next monday`) are
refused as unsupported. Source: MongoDB manual, "$dateFromString"; PHP manual, "Supported Date and Time Formats".
"""

from collections.abc import Callable
from functools import cache
from typing import Final

import regex

from adapters.evaluate.expressions.calendar import days_of
from adapters.evaluate.expressions.date_draft import Draft, refused
from adapters.evaluate.expressions.date_parts import iso_week_begins
from adapters.evaluate.expressions.date_reading import MONTHS, Reading
from adapters.query.unsupported import unsupported

Take = Callable[[Reading, Draft], None]

DAYS: Final = "sun mon tue wed thu fri sat".split()
_MOST_DIGITS: Final = 15
_TRIMMED: Final = " \t\n\v\f\r"


def draft_of(text: str) -> Draft:
    """Return what a string says of a date."""
    text = text.strip(_TRIMMED)
    if not text:
        raise refused("Empty string")
    draft = Draft()
    # An end that some of the elements ask for.
    padded = text + "\0"
    position = 0
    while position < len(text):
        if padded[position] in " .,\t\n\0":
            position += 1
            continue
        end, take = _longest(padded, position)
        take(Reading(padded[position:end].rstrip("\0")), draft)
        position = end
    return draft


def _longest(text: str, position: int) -> tuple[int, Take]:
    best, chosen = position, None
    for pattern, take in _elements():
        found = pattern.match(text, position)
        if found is not None and found.end() > best:
            best, chosen = found.end(), take
    if chosen is None:
        raise refused("Unexpected character")
    return best, chosen


def _now(_reading: Reading, _draft: Draft) -> None:
    """Name nothing."""


def _midnight(_reading: Reading, draft: Draft) -> None:
    draft.clear_time()


def _noon(_reading: Reading, draft: Draft) -> None:
    draft.clear_time()
    draft.times = 1
    draft.hour = 12


def _yesterday(_reading: Reading, draft: Draft) -> None:
    draft.clear_time()
    draft.later_days = -1


def _tomorrow(_reading: Reading, draft: Draft) -> None:
    draft.clear_time()
    draft.later_days = 1


def _epoch(reading: Reading, draft: Draft) -> None:
    draft.has_date = False
    draft.begin_zone()
    draft.clear_time()
    draft.year, draft.month, draft.day = 1970, 1, 1
    seconds, _dot, fraction = reading.text[1:].partition(".")
    draft.later_s += int(seconds)
    if fraction:
        micros = int(fraction.ljust(6, "0"))
        draft.later_micros = -micros if seconds.startswith("-") else micros
    draft.offset_s = 0


def _counted(_reading: Reading, _draft: Draft) -> None:
    raise unsupported("date string that counts from a date", where="expression")


def _clock(reading: Reading, draft: Draft) -> None:
    draft.hour = reading.number(2)
    if reading.next in set(":."):
        draft.minute = reading.number(2)
        if reading.next in set(":."):
            draft.second = reading.number(2)


def _half_day_clock(reading: Reading, draft: Draft) -> None:
    draft.begin_time()
    _clock(reading, draft)
    if reading.next in set(":."):
        draft.micros = reading.micros()
    draft.hour = reading.half_day(draft.hour or 0)


def _full_day_clock(reading: Reading, draft: Draft) -> None:
    draft.begin_time()
    _clock(reading, draft)
    if reading.next == ".":
        draft.micros = reading.micros()


def _four_digits(reading: Reading, draft: Draft) -> None:
    if draft.times == 0:
        draft.hour, draft.minute, draft.second = reading.number(2), reading.number(2), 0
    elif draft.times == 1:
        draft.year = reading.number(4)
    else:
        raise refused("Double time specification")
    draft.times += 1


def _six_digits(reading: Reading, draft: Draft) -> None:
    draft.begin_time()
    draft.hour, draft.minute, draft.second = (reading.number(2) for _ in range(3))


def _american(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.month, draft.day = reading.number(2), reading.number(2)
    if reading.next == "/":
        draft.year = reading.year()


def _signed_date(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    year, _dash, _rest = reading.text[1:].partition("-")
    if len(year) > _MOST_DIGITS:
        raise unsupported("date string with a year of more than 15 digits", where="expression")
    sign = -1 if reading.next == "-" else 1
    draft.year = sign * (reading.number(_MOST_DIGITS) or 0)
    draft.month, draft.day = reading.number(2), reading.number(2)


def _year_month_day(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.year, draft.month, draft.day = reading.year(), reading.number(2), reading.number(2)


def _year_month(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.year, draft.month, draft.day = reading.year(), reading.number(2), 1


def _skip_ordinal(reading: Reading) -> None:
    if reading.text[reading.at : reading.at + 2].lower() in {"st", "nd", "rd", "th"}:
        reading.at += 2


def _day_name_year(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.day = reading.number(2)
    _skip_ordinal(reading)
    draft.month, draft.year = reading.month(), reading.year()


def _day_month_year(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.day, draft.month, draft.year = reading.number(2), reading.number(2), reading.year()


def _name_year(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.month, draft.year, draft.day = reading.month(), reading.year(), 1


def _year_name(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.year, draft.month, draft.day = reading.year(), reading.month(), 1


def _name_day_year(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.month, draft.day = reading.month(), reading.number(2)
    draft.year = reading.year()


def _day_name(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.day = reading.number(2)
    _skip_ordinal(reading)
    draft.month = reading.month()


def _eight_digits(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.year, draft.month, draft.day = reading.number(4), reading.number(2), reading.number(2)


def _date_and_time(reading: Reading, draft: Draft) -> None:
    draft.begin_time()
    _eight_digits(reading, draft)
    _six = (reading.number(2) for _ in range(3))
    draft.hour, draft.minute, draft.second = _six
    if reading.next == ".":
        draft.micros = reading.micros()
        if not reading.ended:
            draft.offset_s = reading.zone()


def _year_day(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.year, draft.day, draft.month = reading.year(), reading.number(3), 1


def _iso_week(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    year, week = reading.number(4) or 0, reading.number(2) or 0
    weekday = reading.number(1)
    draft.year, draft.month, draft.day = year, 1, 1
    days = iso_week_begins(year) + (week - 1) * 7 + (1 if weekday is None else weekday) - 1
    draft.later_days = days - days_of(year, 1, 1)


def _year_name_day(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.year, draft.month, draft.day = reading.year(), reading.month(), reading.number(2)


def _of_a_web_server(reading: Reading, draft: Draft) -> None:
    draft.begin_time()
    draft.begin_date()
    draft.day, draft.month, draft.year = reading.number(2), reading.month(), reading.number(4)
    draft.hour, draft.minute, draft.second = (reading.number(2) for _ in range(3))
    draft.offset_s = reading.zone()


def _year(reading: Reading, draft: Draft) -> None:
    draft.year = reading.number(4)


def _weekday(reading: Reading, draft: Draft) -> None:
    draft.clear_time()
    if reading.text.lower().startswith("weekd"):
        _counted(reading, draft)
    draft.weekday = DAYS.index(reading.text[:3].lower())


def _name(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.month = reading.month()


def _zone(reading: Reading, draft: Draft) -> None:
    draft.begin_zone()
    draft.offset_s = reading.zone()


def _name_day_clock(reading: Reading, draft: Draft) -> None:
    draft.begin_date()
    draft.month, draft.day = reading.month(), reading.number(2)
    draft.begin_time()
    draft.hour, draft.minute = reading.number(2), reading.number(2)
    if reading.next in set(":."):
        draft.second = reading.number(2)
        if reading.next == ".":
            draft.micros = reading.micros()


def _name_day_half_day(reading: Reading, draft: Draft) -> None:
    _name_day_clock(reading, draft)
    draft.hour = reading.half_day(draft.hour or 0)


def _name_day_full_day(reading: Reading, draft: Draft) -> None:
    _name_day_clock(reading, draft)
    if not reading.ended:
        draft.offset_s = reading.zone()


_FULL_NAMES: Final = "|".join(MONTHS)
_SHORT_NAMES: Final = "|".join([*(name[:3] for name in MONTHS), "sept"])
_FULL_DAYS: Final = "sunday|monday|tuesday|wednesday|thursday|friday|saturday"
_PARTS: Final[dict[str, str]] = {
    "SP": r"[ \t]+",
    "H": r"(?:[01]?[0-9]|2[0-4])",
    "HH": r"(?:[01][0-9]|2[0-4])",
    "H12": r"(?:0?[1-9]|1[0-2])",
    "MIN": r"(?:[0-5]?[0-9])",
    "MM": r"(?:[0-5][0-9])",
    "SEC": r"(?:[0-5]?[0-9]|60)",
    "SS": r"(?:[0-5][0-9]|60)",
    "AMPM": r"(?:[AaPp]\.?[Mm]\.?[\0\t ])",
    "TZ": r"(?:\(?[A-Za-z]{1,6}\)?|[A-Z][a-z]+(?:[_/-][A-Za-z]+)+)",
    "COR": r"(?:(?:GMT)?[+-](?:<H>(?::?<MIN>)?|<HH><MM><SS>|<HH>:<MM>:<SS>))",
    "MONTH": r"(?:0?[0-9]|1[0-2])",
    "DAY": r"(?:(?:[0-2]?[0-9]|3[01])(?:st|nd|rd|th)?)",
    "YEAR": r"(?:[0-9]{1,4})",
    "Y4": r"(?:[0-9]{4})",
    "MO": r"(?:0[0-9]|1[0-2])",
    "DD": r"(?:0[0-9]|[1-2][0-9]|3[01])",
    "DOY": r"(?:00[1-9]|0[1-9][0-9]|[12][0-9][0-9]|3[0-5][0-9]|36[0-6])",
    "WEEK": r"(?:0[1-9]|[1-4][0-9]|5[0-3])",
    "ABBR": rf"(?i:{_SHORT_NAMES})",
    "NAME": rf"(?:(?i:{_FULL_NAMES}|{_SHORT_NAMES})|I|II|III|IV|V|VI|VII|VIII|IX|X|XI|XII)",
    "NODAY": r"(?:<NAME>[ .\t-]*<DAY>(?:[,.stndrh\t ]+|\0))",
    "T": r"(?i:t)?",
    "FULL": rf"(?i:(?:{_FULL_DAYS})s?)",
    "WEEKDAY": rf"(?i:(?:{_FULL_DAYS})s?|sun|mon|tue|wed|thu|fri|sat|weekdays?)",
    "NTH": (
        "(?i:first|second|third|fourth|fifth|sixth|seventh|eighth?|ninth|tenth|eleventh|twelfth"
        "|next|last|previous|this)"
    ),
    "UNIT": (
        "(?:(?i:ms|µs|(?:msec|millisecond|µsec|microsecond|usec|sec|second|min|minute|hour|day"
        "|fortnight|forthnight|month|year)s?|weeks?)|<WEEKDAY>)"
    ),
}  # fmt: skip
_NOTATIONS: Final[tuple[tuple[Take, tuple[str, ...]], ...]] = (
    (_yesterday, (r"(?i:yesterday)",)),
    (_now, (r"(?i:now)",)),
    (_noon, (r"(?i:noon)",)),
    (_midnight, (r"(?i:midnight|today)",)),
    (_tomorrow, (r"(?i:tomorrow)",)),
    (_epoch, (r"@-?[0-9]+(?:\.[0-9]{0,6})?",)),
    (_counted, (r"(?i:first day of|last day of)", r"(?i:back of |front of )<H>(?:[ \t]*<AMPM>)?")),
    (_counted, (r"<NTH><SP>(?:<FULL>|(?i:sun|mon|tue|wed|thu|fri|sat))<SP>(?i:of)",)),
    (
        _half_day_clock,
        (r"<H12>[ \t]*<AMPM>", r"<H12>[:.]<MM>[ \t]*<AMPM>", r"<H12>[:.]<MIN>[:.]<SS>[ \t]*<AMPM>"),
    ),
    (_half_day_clock, (r"<H12>:<MM>:<SS>[:.][0-9]+<AMPM>",)),
    (
        _full_day_clock,
        (r"(?i:t)<H>", r"<T><H>[:.]<MIN>", r"<T><H>[:.]<MIN>[:.]<SEC>(?:\.[0-9]+)?"),
    ),
    (_four_digits, (r"<T><HH><MM>",)),
    (_six_digits, (r"<T><HH><MM><SS>",)),
    (_american, (r"<MONTH>/<DAY>(?:/<YEAR>)?",)),
    (_signed_date, (r"[+-]?<Y4>-<MO>-<DD>",)),
    (_year_month_day, (r"<Y4>/<MO>/<DD>/?", r"<Y4>/<MONTH>/<DAY>", r"[0-9]{2}-<MO>-<DD>")),
    (_signed_date, (r"[+-][0-9]{5,19}-<MO>-<DD>",)),
    (_year_month, (r"<Y4>-<MONTH>",)),
    (_year_month_day, (r"<YEAR>-<MONTH>-<DAY>",)),
    (_day_name_year, (r"<DAY>[ \t.-]*<NAME>[ \t.-]*<YEAR>",)),
    (_day_month_year, (r"<DAY>[.\t-]<MONTH>[.-]<Y4>", r"<DAY>[.\t]<MONTH>\.[0-9]{2}")),
    (_name_year, (r"<NAME>[ .\t-]*<Y4>",)),
    (_year_name, (r"<Y4>[ .\t-]*<NAME>",)),
    (_name_day_year, (r"<NAME>[ .\t-]*<DAY>[,.stndrh\t ]+<YEAR>", r"<NODAY>")),
    (_day_name, (r"<DAY>[ .\t-]*<NAME>",)),
    (_eight_digits, (r"<Y4><MO><DD>",)),
    (
        _date_and_time,
        (
            r"<Y4><MO><DD>T<H>:<MM>:<SS>",
            r"<Y4><MO><DD>(?i:t)<H><MM><SS>",
            r"<Y4>-<MO>-<DD>T<HH>:<MM>:<SS>\.[0-9]+<COR>?",
            r"<Y4>-<MONTH>-<DAY>T<H>:<MIN>:<SEC>",
            r"<Y4>:<MO>:<DD> <HH>:<MM>:<SS>",
        ),
    ),
    (_year_day, (r"<Y4>[.-]?<DOY>",)),
    (_iso_week, (r"<Y4>-?W<WEEK>(?:-?[0-7])?",)),
    (_name_day_year, (r"<ABBR>-<DD>-<YEAR>",)),
    (_year_name_day, (r"<YEAR>-<ABBR>-<DD>",)),
    (_of_a_web_server, (r"<DAY>/<ABBR>/<Y4>:<HH>:<MM>:<SS><SP><COR>",)),
    (_year, (r"<Y4>",)),
    (_counted, (r"(?i:ago)",)),
    (_weekday, (r"<WEEKDAY>",)),
    (_counted, (r"<NTH><SP>(?:<UNIT>|(?i:week))",)),
    (_name, (rf"(?i:{_FULL_NAMES}|{_SHORT_NAMES})",)),
    (_zone, (r"<COR>", r"<TZ>")),
    (
        _name_day_half_day,
        (r"<NODAY><H12>[:.]<MM>[ \t]*<AMPM>", r"<NODAY><H12>[:.]<MIN>[:.]<SS>[ \t]*<AMPM>"),
    ),
    (
        _name_day_full_day,
        (
            r"<NODAY><T><H>[:.]<MIN>",
            r"<NODAY><T><H>[:.]<MIN>[:.]<SEC>",
            r"<NODAY><T><H>[:.]<MIN>[:.]<SS>[ \t]*(?:<COR>|<TZ>)",
        ),
    ),
    (_counted, (r"[+-]*[ \t]*[0-9]{1,13}[ \t]*<UNIT>",)),
)
"""What is read, and the notations it stands in; of two that are as long the first."""


def _spelled_out(notation: str) -> str:
    while "<" in notation:
        notation = regex.sub(r"<([A-Z0-9]+)>", lambda name: _PARTS[name[1]], notation)
    return notation


@cache
def _elements() -> tuple[tuple["regex.Pattern[str]", Take], ...]:
    """Return the notations as patterns; made when the first string asks for them, which takes a tenth of a second."""
    return tuple(
        (
            regex.compile("|".join(f"(?:{_spelled_out(each)})" for each in notations), regex.POSIX),
            take,
        )
        for take, notations in _NOTATIONS
    )
