"""`$regexMatch`, `$regexFind` and `$regexFindAll`, with the meaning of PCRE in UTF-8 mode.

Source: MongoDB manual, "$regexMatch", "$regexFind", "$regexFindAll".
"""

import re as flags
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import regex
from bson.code import Code
from bson.regex import Regex

from adapters.evaluate.expressions.kinds import ABSENT, is_nullish, type_name
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

_FLAGS: Final[Mapping[str, int]] = {"i": regex.I, "m": regex.M, "s": regex.S, "x": regex.X, "u": 0}
_BSON_FLAGS: Final = (
    (flags.IGNORECASE, "i"),
    (flags.MULTILINE, "m"),
    (flags.DOTALL, "s"),
    (flags.VERBOSE, "x"),
)
_CLASS: Final = regex.compile(r"\\[dDwWsSbB]|\[\[?:")
"""What names a set of characters: ASCII in PCRE, all of Unicode to Python."""


Pattern = tuple[str, str]
"""Source and options."""


def _arguments(operator: str, arguments: Sequence[Any]) -> "tuple[str, regex.Pattern[str]] | None":
    """Return text and pattern; None where one of them is null."""
    text = arguments[0]
    if not is_nullish(text) and (not isinstance(text, str) or isinstance(text, Code)):
        raise CommandFailure(51104, f"{operator} needs 'input' to be of type string")
    pattern = check_pattern(operator, arguments[1], arguments[2])
    if pattern is None or is_nullish(text):
        return None
    return text, compiled(*pattern, text.isascii())


def check_pattern(operator: str, pattern: Any, options: Any) -> Pattern | None:
    """Return what to search for; None for null, CommandFailure for what is no pattern."""
    source, given = _pattern(operator, pattern)
    if options is not ABSENT and not is_nullish(options):
        if not isinstance(options, str) or isinstance(options, Code):
            raise CommandFailure(51106, f"{operator} needs 'options' to be of type string")
        if given:
            raise CommandFailure(51107, f"{operator}: options in both 'regex' and 'options'")
        given = options
    if source is None:
        return None
    if "\0" in source:
        raise CommandFailure(51109, f"{operator}: pattern cannot contain an embedded null byte")
    for letter in given:
        if letter not in _FLAGS:
            raise CommandFailure(51108, f"{operator} invalid flag in regex options: {letter}")
    compiled(source, given, ascii_text=True)
    return source, given


def _pattern(operator: str, pattern: Any) -> tuple[str | None, str]:
    if is_nullish(pattern):
        return None, ""
    if isinstance(pattern, Regex):
        source = pattern.pattern
        letters = "".join(letter for bit, letter in _BSON_FLAGS if pattern.flags & bit)
        return source.decode() if isinstance(source, bytes) else source, letters
    if isinstance(pattern, str) and not isinstance(pattern, Code):
        return pattern, ""
    raise CommandFailure(
        51105, f"{operator} needs 'regex' to be of type string or regex, not {type_name(pattern)}"
    )


@lru_cache(maxsize=512)
def compiled(source: str, options: str, ascii_text: bool) -> "regex.Pattern[str]":
    """Return a pattern that means to Python what the source means to PCRE."""
    combined = regex.V0
    for letter in options:
        combined |= _FLAGS[letter]
    if _CLASS.search(source):
        if not ascii_text and combined & regex.I:
            raise unsupported(
                "$regex of character classes, case-insensitive, on non-ASCII text",
                where="expression",
            )
        combined |= regex.ASCII
    try:
        return regex.compile(source, combined)
    except regex.error as refused:
        raise CommandFailure(51111, f"Invalid Regex: {refused}") from refused


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
