"""Characters as MongoDB's text search takes them: what parts words, and what folds into what.

The tables are those of a server 6.0, of which every character of the planes 0 and 1 was asked; where a rule over our
Unicode data gives another answer than the server's older tables, or has not been compared, the character is refused
rather than guessed at.
"""

import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Final

from adapters.query.unsupported import unsupported

_DELIMITERS: Final = (
    "9-D 20-2F 3A-40 5B-5E 60 7B-7E 85 A0-A7 A9 AB-AE B0-B1 B6 BB BF D7 F7 37E 387 589-58A 5BE 5C3 60C 61B 61F "
    "6D4 700-70A 70C 7F8-7F9 830-83E 85E 964-965 E5A-E5B F08 F0D-F12 104A-104B 1361-1368 1400 166D-166E 1680 "
    "16EB-16ED 1735-1736 17D4-17D6 17DA 1802-1806 1808-1809 1944-1945 1AA8-1AAB 1B5A-1B5B 1B5D-1B5F 1C3B-1C3F "
    "1C7E-1C7F 2000-200A 2010-2029 202F-203E 2041-2053 2055-205F 207B 208B 2190-245F 2500-2775 2794-2BFF 2E00-2E7F "
    "3000-3003 3008-3020 3030 30A0 30FB A4FE-A4FF A60D-A60F A6F3-A6F7 A876-A877 A8CE-A8CF A92F A9C7-A9C9 AA5D-AA5F "
    "AADF AAF0-AAF1 ABEB FD3E-FD3F FE31-FE32 FE41-FE46 FE50-FE52 FE54-FE58 FE63 FF01-FF02 FF07 FF0C-FF0E FF1A-FF1B "
    "FF1F FF61-FF65"
)
"""Dashes, hyphens, quotation marks, ends of sentences, pattern syntax and white space, of an older Unicode."""
_PROVEN: Final = (
    "1-12F 131-2AF 300-344 386 388-3CF 3F6-52F 5D0-5EA 1E00-1E9A 1EA0-1EFF 2000-206F 20A0-20BF 2100-2BFF 3000-3029 "
    "3041-3096 309D-30FB 30FD-30FF 3400-4DBF 4E00-9FFF AC00-D7A3 FF01-FF3D 1F000-1FAD6"
)
"""Where the rules below give what the server gives."""
_VANISHING: Final = frozenset("^`\u00a8\u00af\u00b4\u00b7\u00b8")
_LOWER: Final[Mapping[str, str]] = {"\u00b5": "\u03bc", "\u017f": "s", "\u03c2": "\u03c3"}

HANGUL: Final = frozenset(map(chr, range(0xAC00, 0xD7A4)))
Ranges = tuple[list[int], list[int]]


def _ranges(text: str) -> Ranges:
    pairs = [part.partition("-") for part in text.split()]
    firsts = [int(first, 16) for first, _dash, _last in pairs]
    return firsts, [int(last or first, 16) for first, _dash, last in pairs]


def _within(point: int, ranges: Ranges) -> bool:
    at = bisect_right(ranges[0], point) - 1
    return at >= 0 and point <= ranges[1][at]


_DELIMITER_RANGES: Final = _ranges(_DELIMITERS)
_PROVEN_RANGES: Final = _ranges(_PROVEN)


class Characters(dict[int, str]):
    """A table for `str.translate` that asks a rule for each character once."""

    def __init__(self, rule: Callable[[str], str]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, point: int) -> str:
        """Return what a character becomes; UnsupportedError for one that was not compared."""
        if not _within(point, _PROVEN_RANGES):
            raise unsupported("$text over rare characters", where="document")
        found = self[point] = self._rule(chr(point))
        return found


def _lower(character: str) -> str:
    return _LOWER.get(character) or character.lower()


def _plain(character: str) -> str:
    """Return a character without its marks."""
    if character in _VANISHING:
        return ""
    if character in HANGUL:
        # It would come apart into letters, which the server leaves together.
        return character
    apart = unicodedata.normalize("NFD", character)
    return "".join(each for each in apart if unicodedata.category(each) != "Mn")


def _exact(character: str) -> str:
    return character


FOLDED: Final = Characters(lambda character: "".join(map(_lower, _plain(character))))
LOWER: Final = Characters(_lower)
PLAIN: Final = Characters(_plain)
EXACT: Final = Characters(_exact)


def folding(*, case_sensitive: bool, diacritic_sensitive: bool) -> Characters:
    """Return the table that makes characters equal as a search takes them for equal."""
    if case_sensitive:
        return EXACT if diacritic_sensitive else PLAIN
    return LOWER if diacritic_sensitive else FOLDED


PARTING: Final = Characters(
    lambda character: " " if _within(ord(character), _DELIMITER_RANGES) else character
)
PARTING_ENGLISH: Final = Characters(
    lambda character: character if character == "'" else PARTING[ord(character)]
)
"""In English an apostrophe belongs to its word."""
