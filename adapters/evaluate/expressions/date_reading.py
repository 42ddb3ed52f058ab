"""The elements that dates in strings are made of: numbers, names of months, offsets and zones."""

import re
from typing import Final

from adapters.evaluate.expressions.date_draft import refused

MONTHS: Final = (
    "january february march april may june july august september october november december".split()
)
ROMAN: Final = "i ii iii iv v vi vii viii ix x xi xii".split()
_SECONDS_BY_ABBREVIATION: Final[dict[str, int]] = {
    name: offset_s
    for offset_s, names in (
        (-43200, "y"),
        (-39600, "sst x"),
        (-36000, "ahst bdt hst w"),
        (-34200, "hdt hpt hwt"),
        (-32400, "ahdt akst v yst"),
        (-28800, "akdt pst u ydt ypt ywt"),
        (-26248, "emt"),
        (-25200, "mst pdt ppt pwt t yddt"),
        (-21600, "cst mdt mpt mwt pddt s"),
        (-20173, "sjmt"),
        (-19776, "hmt"),
        (-18840, "qmt"),
        (-18000, "cdt cpt cwt est mddt r"),
        (-17340, "ppmt"),
        (-16800, "sdmt"),
        (-15408, "cmt"),
        (-14660, "ffmt"),
        (-14400, "ast cddt edt ept ewt q"),
        (-14309, "bmt"),
        (-13884, "smt"),
        (-13840, "amt"),
        (-13236, "pmt"),
        (-12600, "nst"),
        (-10800, "adt apt awt eddt p"),
        (-9052, "ndt"),
        (-9000, "npt nwt"),
        (-7200, "addt o"),
        (-5400, "nddt"),
        (-4056, "fmt"),
        (-3600, "n"),
        (-1521, "dmt"),
        (0, "gmt uct utc wet z"),
        (3600, "a bst cet met wat west"),
        (5040, "wmt"),
        (5736, "kmt"),
        (5794, "rmt"),
        (7200, "b bdst cat cest eet ist mest sast wast wemt"),
        (8440, "jmt"),
        (9017, "mmt"),
        (9394, "lst"),
        (10751, "tbmt"),
        (10800, "c cemt eat eest idt msk"),
        (12344, "tmt"),
        (14400, "d iddt msd"),
        (16279, "mdst"),
        (18000, "e pkt"),
        (21600, "f pkst"),
        (25025, "imt"),
        (25200, "g wib"),
        (25590, "plmt"),
        (28800, "awst h hkt wita"),
        (30600, "kst"),
        (32400, "awdt hkst i jst wit"),
        (34200, "acst cast"),
        (36000, "aest chst gst jdt k kdt"),
        (37800, "acdt"),
        (39600, "aedt gdt l"),
        (41400, "nzmt"),
        (43200, "m nzst"),
        (46800, "nzdt"),
    )
    for name in names.split()
}
"""What a server 6.0 takes each abbreviation for, in seconds to be added to UTC."""

_DIGITS: Final = re.compile(r"[0-9]+")
_NOT_DIGITS: Final = re.compile(r"[^0-9]*")
_FRACTION: Final = re.compile(r"[.:]([0-9]+)")
_WORD: Final = re.compile(r"[^\0 )]*")
_MONTH: Final = re.compile(r"[ \t./-]*([A-Za-z]*)")
_CORRECTION: Final = re.compile(r"[0-9:]*")


class Reading:
    """A string with the place up to which it has been read."""

    __slots__ = ("at", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    @property
    def ended(self) -> bool:
        return self.at >= len(self.text)

    @property
    def next(self) -> str:
        """The character that comes next; empty at the end."""
        return self.text[self.at : self.at + 1]

    def skip(self, character: str) -> bool:
        """Pass over a character, if it is the next."""
        found = self.next == character
        self.at += found
        return found

    def number(self, most: int) -> int | None:
        """Return the next number, of no more than so many digits; what stands before it is passed over."""
        begins = self._found(_NOT_DIGITS).end()
        digits = _DIGITS.match(self.text, begins)
        if digits is None:
            self.at = len(self.text)
            return None
        self.at = min(digits.end(), begins + most)
        return int(self.text[begins : self.at])

    def digits(self, most: int, *, least: int = 1) -> int:
        """Return the number that stands here; refuse one of too few digits."""
        before = self.at
        number = self.number(most) if self.next in set("0123456789") else None
        if number is None or self.at - before < least:
            raise refused("a number could not be found")
        return number

    def year(self) -> int | None:
        """Return the next number as a year: one of two digits lies between 1970 and 2069."""
        before = self._found(_NOT_DIGITS).end()
        year = self.number(4)
        if year is None or self.at - before >= 4 or year >= 100:
            return year
        return year + (2000 if year < 70 else 1900)

    def micros(self) -> int:
        """Return a fraction of a second as microseconds."""
        digits = _FRACTION.match(self.text, self.at)
        if digits is None:
            return 0
        self.at = digits.end()
        return int(float(digits[1]) * 10.0 ** (6 - len(digits[1])))

    def month(self) -> int:
        """Return the month whose name, abbreviation or Roman number comes next."""
        found = self._found(_MONTH)
        self.at = found.end()
        return month_named(found[1])

    def half_day(self, hour: int) -> int:
        """Return an hour of a clock with twelve of them, by the a or p that comes next."""
        while self.next and self.next not in "AaPp":
            self.at += 1
        if self.next in set("Aa"):
            return 0 if hour == 12 else hour
        return hour if hour == 12 else hour + 12

    def zone(self) -> int:
        """Return the offset of a zone in seconds: a correction of UTC or an abbreviation."""
        while self.next and self.next in " \t(":
            self.at += 1
        if re.compile(r"GMT[+-]").match(self.text, self.at):
            self.at += 3
        sign = self.next
        if sign and sign in "+-":
            self.at += 1
            offset = self._correction() * (-1 if sign == "-" else 1)
        else:
            word = self._found(_WORD)
            self.at = word.end()
            if word[0].lower() not in _SECONDS_BY_ABBREVIATION or not word[0].isascii():
                raise refused("no such time zone")
            offset = _SECONDS_BY_ABBREVIATION[word[0].lower()]
        while self.skip(")"):
            pass
        return offset

    def minutes_offset(self) -> int:
        """Return an offset that is written in minutes, in seconds."""
        sign = self.next
        if not sign or sign not in "+-":
            raise refused("Invalid timezone offset in minutes")
        self.at += 1
        digits = _DIGITS.match(self.text, self.at)
        if digits is None:
            return 0
        self.at = digits.end()
        return int(digits[0]) * (-60 if sign == "-" else 60)

    def _correction(self) -> int:
        found = self._found(_CORRECTION)
        self.at = found.end()
        parts = found[0].split(":")
        if len(parts) == 1:
            parts = _PARTS_BY_LENGTH.get(len(found[0]), lambda _digits: [])(found[0])
        if not parts or "" in parts or len(found[0]) not in _LENGTHS:
            raise refused("no such offset")
        return sum(int(part) * unit for part, unit in zip(parts, (3600, 60, 1), strict=False))

    def _found(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.at)
        assert found is not None  # noqa: S101 - each of these patterns matches the empty string
        return found


_LENGTHS: Final = frozenset({1, 2, 3, 4, 5, 6, 8})
_PARTS_BY_LENGTH: Final = {
    1: lambda digits: [digits],
    2: lambda digits: [digits],
    # 123 is an hour and 23 minutes.
    3: lambda digits: [digits[:1], digits[1:]],
    4: lambda digits: [digits[:2], digits[2:]],
    6: lambda digits: [digits[:2], digits[2:4], digits[4:]],
}


def month_named(name: str) -> int:
    """Return the number of a month."""
    lower = name.lower()
    if lower in ROMAN:
        return ROMAN.index(lower) + 1
    for number, full in enumerate(MONTHS, start=1):
        if lower in {full, full[:3]} or (lower == "sept" and number == 9):
            return number
    raise refused("no such month")
