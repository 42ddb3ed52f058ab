"""From the document of a collation to its settings.

Source: MongoDB manual, "Collation"; the defaults and the refusals were observed on a server 6.0.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from adapters.query.failures import CommandFailure
from adapters.query.filter.numbers import truncated
from adapters.query.types import is_number, type_name
from comparators.collation import LOCALE_SETTINGS, LOCALES, UNPROVEN_LOCALES, Collation

BAD_VALUE: Final = 2
TYPE_MISMATCH: Final = 14
INCOMPATIBLE_VERSION: Final = 161
MISSING_FIELD: Final = 40414
UNKNOWN_FIELD: Final = 40415
OUT_OF_RANGE: Final = 51024

SIMPLE: Final = "simple"
VERSION: Final = "57.1"
"""The version of ICU that the server brings, and lists."""

_TYPES: Final[Mapping[str, type]] = {
    "locale": str,
    "caseLevel": bool,
    "caseFirst": str,
    "numericOrdering": bool,
    "alternate": str,
    "maxVariable": str,
    "normalization": bool,
    "backwards": bool,
    "version": str,
}
_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "caseFirst": frozenset({"lower", "off", "upper"}),
    "alternate": frozenset({"non-ignorable", "shifted"}),
    "maxVariable": frozenset({"punct", "space"}),
}
_LEAST_STRENGTH_OF_CASE: Final = 3


def parse_collation(given: Any, *, of_collection: bool = False) -> Collation | None:
    """Return a collation, None for the simple one; CommandFailure where the server refuses it.

    A command and an index take what is left out from the locale. `create` settles it for all locales
    alike, but for `backwards`. UnsupportedError comes later, from the collator, for locales that cannot
    be had exactly.
    """
    if not isinstance(given, Mapping):
        raise CommandFailure(TYPE_MISMATCH, "Expected field 'collation' to be of type object")
    settings = {name: _checked(name, value) for name, value in given.items() if value is not None}
    if "locale" not in settings:
        raise CommandFailure(MISSING_FIELD, "BSON field 'collation.locale' is missing")
    locale = settings["locale"]
    if locale == SIMPLE:
        return None
    if not locale or locale.split("@")[0] not in LOCALES | UNPROVEN_LOCALES:
        raise CommandFailure(BAD_VALUE, "Field 'locale' is invalid")
    if settings.pop("version", VERSION) != VERSION:
        raise CommandFailure(
            INCOMPATIBLE_VERSION,
            f"the only available collator version is {VERSION}",
            code_name="IncompatibleCollationVersion",
        )
    settled = LOCALE_SETTINGS.get(locale, {})
    if of_collection:
        settled = {name: each for name, each in settled.items() if name == "backwards"}
    collation = Collation(**{**settled, **settings})
    _check(collation)
    return collation


def listed_collation(collation: Collation) -> dict[str, Any]:
    """Return a collation as the server lists it."""
    return {**asdict(collation), "version": VERSION}


def _checked(name: str, value: Any) -> Any:
    if name == "strength":
        return _strength(value)
    expected = _TYPES.get(name)
    if expected is None:
        raise CommandFailure(UNKNOWN_FIELD, f"BSON field 'collation.{name}' is an unknown field.")
    if not isinstance(value, expected):
        raise CommandFailure(
            TYPE_MISMATCH, f"BSON field 'collation.{name}' is the wrong type {type_name(value)!r}"
        )
    if name in _WORDS and value not in _WORDS[name]:
        raise CommandFailure(BAD_VALUE, f"Enumeration value {value!r} is not a valid value.")
    return value


def _strength(value: Any) -> int:
    if not is_number(value):
        raise CommandFailure(TYPE_MISMATCH, "BSON field 'collation.strength' is the wrong type")
    whole = truncated(value)
    strength = 0 if whole is None else whole
    if not 0 <= strength <= max(_STRENGTHS):
        raise CommandFailure(OUT_OF_RANGE, "BSON field 'strength' value must be <= 5")
    if strength not in _STRENGTHS:
        raise CommandFailure(BAD_VALUE, "Enumeration value '0' is not a valid value.")
    return strength


_STRENGTHS: Final = range(1, 6)


def _check(collation: Collation) -> None:
    if collation.backwards and collation.strength == 1:
        raise CommandFailure(BAD_VALUE, "'backwards' is invalid with 'strength' of 1")
    compares_case = collation.caseLevel or collation.strength >= _LEAST_STRENGTH_OF_CASE
    if collation.caseFirst != "off" and not compares_case:
        raise CommandFailure(
            BAD_VALUE, "'caseFirst' is invalid unless 'caseLevel' is on or 'strength' is above 2"
        )
