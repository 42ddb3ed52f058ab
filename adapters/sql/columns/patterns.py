"""What a regular expression says as a literal: a text that every match holds, perhaps at its beginning.

Without regard to case, PCRE folds two characters beyond ASCII into ASCII letters: U+212A (the Kelvin sign) into
`k`, U+017F (the long s) into `s`.
Source: pcrepattern(3) of PCRE 8.45.
"""

import re
from typing import Final, NamedTuple

from bson.regex import Regex

SPECIAL: Final = frozenset("\\^$.[|()?*+{")
OPTIONAL: Final = frozenset("?*{")
LAST: Final = "\U0010ffff"
BEFORE_SURROGATES: Final = "\ud7ff"
BEHIND_SURROGATES: Final = "\ue000"


class Literal(NamedTuple):
    """`exact` tells that the pattern finds exactly the texts that hold it."""

    text: str
    at_start: bool
    folded: bool
    exact: bool


def literal_of(pattern: Regex[str]) -> Literal | None:
    """Return the literal of a pattern, None where there is none."""
    source, flags = pattern.pattern, pattern.flags
    if flags & ~re.IGNORECASE or "|" in source:
        return None
    at_start = source.startswith("^")
    text, whole = _leading(source[1:] if at_start else source)
    folded = bool(flags & re.IGNORECASE) and bool(text)
    if folded and not text.isascii():
        return None
    return Literal(text, at_start, folded, whole)


def _leading(source: str) -> tuple[str, bool]:
    """Return the characters before the first that is special, and whether that is all."""
    found: list[str] = []
    at = 0
    while at < len(source):
        character = source[at]
        if character == "\\" and at + 1 < len(source) and _stands_for_itself(source[at + 1]):
            found.append(source[at + 1])
            at += 2
        elif character in SPECIAL:
            if character in OPTIONAL:
                del found[-1:]
            return "".join(found), False
        else:
            found.append(character)
            at += 1
    return "".join(found), True


def _stands_for_itself(character: str) -> bool:
    return character.isascii() and not character.isalnum()


def after_prefix(prefix: str) -> str | None:
    """Return the first text that sorts behind all texts with a prefix, None where there is none."""
    kept = prefix.rstrip(LAST)
    if not kept:
        return None
    last = kept[-1]
    following = BEHIND_SURROGATES if last == BEFORE_SURROGATES else chr(ord(last) + 1)
    return kept[:-1] + following
