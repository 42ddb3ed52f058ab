"""Regular expressions as operands: which options MongoDB takes."""

import re
from collections.abc import Mapping
from typing import Any, Final

from bson.regex import Regex

from adapters.query.failures import CommandFailure

BAD_VALUE: Final = 2
INVALID_OPTION: Final = 51108
OPTIONS_TWICE: Final = 51075

_FLAGS: Final[Mapping[str, int]] = {
    "i": re.IGNORECASE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    "u": re.UNICODE,
    "x": re.VERBOSE,
}


def literal_pattern(value: Regex[Any]) -> Regex[str]:
    """Return a BSON regular expression used as a condition."""
    if value.flags & re.LOCALE:
        raise CommandFailure(INVALID_OPTION, "invalid flag in regex options: l")
    return _checked(_text(value), value.flags)


def operator_pattern(source: Any, options: Any) -> Regex[str]:
    """Return the pattern of `$regex` with its `$options`; None for options that were left out."""
    if options is not None and not isinstance(options, str):
        raise CommandFailure(BAD_VALUE, "$options has to be a string")
    if isinstance(source, Regex):
        if options is not None and source.flags:
            raise CommandFailure(OPTIONS_TWICE, "options set in both $regex and $options")
        if options is None:
            return literal_pattern(source)
        source = _text(source)
    if not isinstance(source, str):
        raise CommandFailure(BAD_VALUE, "$regex has to be a string")
    return _checked(source, _flags(options or ""))


def _flags(options: str) -> int:
    flags = 0
    for option in options:
        if option not in _FLAGS:
            raise CommandFailure(INVALID_OPTION, f"invalid flag in regex options: {option}")
        flags |= _FLAGS[option]
    return flags


def _checked(source: str, flags: int) -> Regex[str]:
    if "\0" in source:
        raise CommandFailure(BAD_VALUE, "Regular expression cannot contain an embedded null byte")
    return Regex(source, flags)


def _text(value: Regex[Any]) -> str:
    pattern = value.pattern
    return pattern.decode() if isinstance(pattern, bytes) else str(pattern)
