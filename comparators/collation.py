"""Collations: the order of strings in a language, as sort keys that compare by their bytes.

MongoDB 6.0 brings ICU 57 (Unicode 8); here a newer ICU gives the keys. They compare alike, though their
bytes differ, for the locales in `LOCALES` and for the characters that `_place_of` lets pass, once three
things are undone: quotation marks have weights of their own, characters younger than Unicode 8 sort by
their code points behind all others, and the defaults of a locale are those that the server lists.
Source: the keys of a server's indexes, compared by tests/differential/test_collations.py.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

import icu

from comparators.errors import UnsupportedError
from comparators.order import SIMPLE, Collator, ValueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class Collation:
    """A collation with all its settings, under the names and with the defaults that the server lists."""

    locale: str
    caseLevel: bool = False  # noqa: N815
    caseFirst: str = "off"  # noqa: N815
    strength: int = 3
    numericOrdering: bool = False  # noqa: N815
    alternate: str = "non-ignorable"
    maxVariable: str = "punct"  # noqa: N815
    normalization: bool = False
    backwards: bool = False


LOCALES: Final = frozenset(
    "af am ar as az be bg bn bs bs_Cyrl ca chr cs cy de de@collation=phonebook de_AT dsb dz ee el en "
    "en_US eo es es@collation=traditional et fa fa_AF fi fi@collation=traditional fil fo fr fr_CA ga gl gu "
    "ha haw he hi hr hsb hu id ig is it ja ka kk kl km kn ko kok ky lb lkt ln lo lt mk ml mn mr ms mt my "
    "nb ne nl nn om or pa pl ps pt ro ru se si sk sl smn sq sr sr_Latn sv sw ta te th to tr ug uk ur vi "
    "wae yi yo zh_Hant zu".split()
)
"""The locales in which both versions of ICU give one order."""

UNPROVEN_LOCALES: Final = frozenset({"bo", "da", "en_US_POSIX", "hy", "lv", "zh"})
"""Those that the server knows besides: their order has changed since."""

LOCALE_SETTINGS: Final[Mapping[str, Mapping[str, Any]]] = {
    **{
        locale: {"normalization": True}
        for locale in "as bn el fa fa_AF gu he hi ig km kn kok mr my or pa ps si ta te vi yi yo".split()
    },
    "fr_CA": {"backwards": True},
    "mt": {"caseFirst": "upper"},
    "th": {"normalization": True, "alternate": "shifted"},
}
"""What locales settle otherwise than `Collation` unless told."""

_QUOTES: Final = (
    "&''<\u2018<\u2019<\u201a<\u201b&'\"'<\u201c<\u201d<\u201e<\u201f<\u301d<\u301e<\u301f"
)
"""Since ICU 74 they differ from the straight ones by the third level only."""

_STRENGTHS: Final[Mapping[int, int]] = {
    1: icu.UCollAttributeValue.PRIMARY,
    2: icu.UCollAttributeValue.SECONDARY,
    3: icu.UCollAttributeValue.TERTIARY,
    4: icu.UCollAttributeValue.QUATERNARY,
    5: icu.UCollAttributeValue.IDENTICAL,
}
_CASE_FIRST: Final[Mapping[str, int]] = {
    "off": icu.UCollAttributeValue.OFF,
    "upper": icu.UCollAttributeValue.UPPER_FIRST,
    "lower": icu.UCollAttributeValue.LOWER_FIRST,
}


@lru_cache(maxsize=256)
def order_under(collation: Collation) -> ValueOrder:
    """Return the order of values under a collation; the same one for equal collations."""
    return ValueOrder(collator_of(collation))


def order_asked_for(given: Any) -> ValueOrder | None:
    """Return the order that a command's `collation` asks for; None where its order is not known."""
    if not given or not isinstance(given, Mapping) or given.get("locale") == "simple":
        return SIMPLE
    locale = given.get("locale")
    known = {each.name for each in fields(Collation)}
    settings = {**LOCALE_SETTINGS.get(str(locale), {}), **given}
    if locale not in LOCALES or settings.get("strength", 3) not in _STRENGTHS:
        return None
    return order_under(
        Collation(**{name: each for name, each in settings.items() if name in known})
    )


def collator_of(collation: Collation) -> Collator:
    """Return what gives the sort keys under a collation.

    UnsupportedError for a locale whose order is not known to be the server's, and, from the collator,
    for characters of which that is so.
    """
    if collation.locale not in LOCALES:
        raise _unsupported(f"collation in {collation.locale}")
    made = _collator(collation)

    def key(text: str) -> bytes:
        found: bytes = made.getSortKey(text if text.isascii() else _placed(text))
        return found

    return key


def _collator(collation: Collation) -> Any:
    located = icu.Collator.createInstance(icu.Locale(collation.locale))
    variable = "[maxVariable space]" if collation.maxVariable == "space" else "[maxVariable punct]"
    made = icu.RuleBasedCollator(located.getRules() + variable + _QUOTES)
    on, off = icu.UCollAttributeValue.ON, icu.UCollAttributeValue.OFF
    shifted = collation.alternate == "shifted"
    attribute = icu.UCollAttribute
    settings = {
        attribute.STRENGTH: _STRENGTHS[collation.strength],
        attribute.CASE_FIRST: _CASE_FIRST[collation.caseFirst],
        attribute.CASE_LEVEL: on if collation.caseLevel else off,
        attribute.NUMERIC_COLLATION: on if collation.numericOrdering else off,
        attribute.NORMALIZATION_MODE: on if collation.normalization else off,
        attribute.FRENCH_COLLATION: on if collation.backwards else off,
        attribute.ALTERNATE_HANDLING: (
            icu.UCollAttributeValue.SHIFTED if shifted else icu.UCollAttributeValue.NON_IGNORABLE
        ),
    }
    for name, value in settings.items():
        made.setAttribute(name, value)
    return made


_COMMON: Final = re.compile("[\0-\u0377\u0400-\u052f\u2000-\u2064\u20ac\u2122\u3041-\u3096]*")
_SAME: Final = re.compile(
    "[\0-\u2e7f\u3000-\u33ff\ua000-\ud7ff\ufb00-\ufdcf\ufdf0-\ufffd"
    "\U0001d400-\U0001d7ff\U0001f000-\U0001f9ff]"
)
"""Where the characters of Unicode 8 were compared: 29,494, all but those in `_MOVED`, and no Han."""

_MOVED: Final = re.compile(
    "[\u05f3-\u05f4\u0675-\u0678\u0900-\u0901\u0981\u09f4-\u09f9\u0a01\u0a81\u0b01"
    "\u0b72-\u0b77\u0bf0-\u0bf2\u0c00-\u0c01\u0c81\u0d01\u0d70-\u0d75\u0f82-\u0f83\u1086"
    "\u1372-\u137c\u166d\u1b00-\u1b01\u1d89\u1d98\u1de3\u1de5\u1e9b\u20a7-\u20a8\u2180-\u2182"
    "\u2186-\u2188\u2cfd\u2e42\u3112\u31ac\ua75a-\ua75b\ua784-\ua785\ua830-\ua835\ua980"
    "\ua9b4-\ua9b5\ufbdd\ufdfc]"
)
"""Characters that have moved since: signs of nasalisation, numbers, a few letters and ligatures."""

_UNASSIGNED: Final = 0x40000
"""The planes from here up to 0xB0000 hold no characters, in either version."""
_LAST_AGE: Final = (8, 0)
_UNKNOWN_AGE: Final = (0, 0)


def _placed(text: str) -> str:
    """Return the text with younger characters where the server's ICU sorts them."""
    if _COMMON.fullmatch(text):
        return text
    return "".join(map(_place_of, text))


@lru_cache(maxsize=65536)
def _place_of(character: str) -> str:
    if _is_younger(character):
        if ord(character) < _UNASSIGNED and not _is_noncharacter(ord(character)):
            # To this ICU they would be letters and signs. All are moved, so they keep their order.
            return chr(ord(character) + _UNASSIGNED)
    elif _SAME.match(character) and not _MOVED.match(character):
        return character
    raise _unsupported("collation of rare characters")


def _is_younger(character: str) -> bool:
    age = tuple(int(part) for part in str(icu.Char.charAge(character)).split(".")[:2])
    return age == _UNKNOWN_AGE or age > _LAST_AGE


def _is_noncharacter(point: int) -> bool:
    return 0xFDD0 <= point <= 0xFDEF or point & 0xFFFE == 0xFFFE


def _unsupported(operator: str) -> UnsupportedError:
    return UnsupportedError(
        operator, where="collation", remedy="such operations are not verified; exclude them by name"
    )
