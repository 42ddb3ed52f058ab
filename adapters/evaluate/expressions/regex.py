"""`$regexMatch`, `$regexFind` and `$regexFindAll`, with the meaning of PCRE in UTF-8 mode.

Source: MongoDB manual, "$regexMatch", "$regexFind", "$regexFindAll".
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

import regex
from bson.code import Code
from bson.regex import Regex

from adapters.evaluate.expressions.kinds import ABSENT, is_nullish
from adapters.evaluate.patterns import compiled
from adapters.evaluate.pcre import INVALID_PATTERN
from adapters.query.failures import CommandFailure
from adapters.query.types import type_name

INVALID: Final = 51111
"""The code for what is no regular expression, which to a filter is another."""

_FLAGS: Final[Mapping[str, int]] = {
    "i": re.IGNORECASE,
    "m": re.MULTILINE,
    "s": re.DOTALL,
    "u": re.UNICODE,
    "x": re.VERBOSE,
}


def _arguments(operator: str, arguments: Sequence[Any]) -> "tuple[str, regex.Pattern[str]] | None":
    """Return text and pattern; None where one of them is null."""
    text = arguments[0]
    if not is_nullish(text) and (not isinstance(text, str) or isinstance(text, Code)):
        raise CommandFailure(51104, f"{operator} needs 'input' to be of type string")
    pattern = check_pattern(operator, arguments[1], arguments[2])
    if pattern is None or is_nullish(text):
        return None
    return text, pattern


def check_pattern(operator: str, pattern: Any, options: Any) -> "regex.Pattern[str] | None":
    """Return what to search for; None for null, CommandFailure for what is no pattern."""
    source, flags = _pattern(operator, pattern)
    if options is not ABSENT and not is_nullish(options):
        if not isinstance(options, str) or isinstance(options, Code):
            raise CommandFailure(51106, f"{operator} needs 'options' to be of type string")
        if flags:
            raise CommandFailure(51107, f"{operator}: options in both 'regex' and 'options'")
        flags = _flags_of(operator, options)
    if source is None:
        return None
    if "\0" in source:
        raise CommandFailure(51109, f"{operator}: pattern cannot contain an embedded null byte")
    try:
        return compiled(source, flags)
    except CommandFailure as refused:
        if refused.code != INVALID_PATTERN:
            raise
        raise CommandFailure(INVALID, f"{operator}: {refused.message}") from refused


def _pattern(operator: str, pattern: Any) -> tuple[str | None, int]:
    if is_nullish(pattern):
        return None, 0
    if isinstance(pattern, Regex):
        source = pattern.pattern
        return source.decode() if isinstance(source, bytes) else source, pattern.flags
    if isinstance(pattern, str) and not isinstance(pattern, Code):
        return pattern, 0
    raise CommandFailure(
        51105, f"{operator} needs 'regex' to be of type string or regex, not {type_name(pattern)}"
    )


def _flags_of(operator: str, options: str) -> int:
    flags = 0
    for letter in options:
        if letter not in _FLAGS:
            raise CommandFailure(51108, f"{operator} invalid flag in regex options: {letter}")
        flags |= _FLAGS[letter]
    return flags


def _found(match: "regex.Match[str]") -> dict[str, Any]:
    return {"match": match[0], "idx": match.start(), "captures": list(match.groups())}


def _regex_match(arguments: Sequence[Any]) -> Any:
    given = _arguments("$regexMatch", arguments)
    return given is not None and given[1].search(given[0]) is not None


def _regex_find(arguments: Sequence[Any]) -> Any:
    given = _arguments("$regexFind", arguments)
    match = given[1].search(given[0]) if given is not None else None
    return None if match is None else _found(match)


def _regex_find_all(arguments: Sequence[Any]) -> Any:
    given = _arguments("$regexFindAll", arguments)
    return [] if given is None else list(_all_found(*given))


def _all_found(text: str, pattern: "regex.Pattern[str]") -> Iterator[dict[str, Any]]:
    """Search on behind each match, one character further behind an empty one, never at the end."""
    position = 0
    while position < len(text) or position == 0:
        match = pattern.search(text, position)
        if match is None:
            return
        yield _found(match)
        position = match.end() + (match.end() == match.start())


EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$regexFind": _regex_find,
    "$regexFindAll": _regex_find_all,
    "$regexMatch": _regex_match,
}
