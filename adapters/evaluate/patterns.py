"""Regular expressions as MongoDB runs them, ready to search strings."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import regex

from adapters.evaluate.pcre import INVALID_PATTERN, translated
from adapters.query.failures import CommandFailure

_FLAGS: Final[Mapping[int, int]] = {
    re.IGNORECASE: regex.IGNORECASE,
    re.MULTILINE: regex.MULTILINE,
    re.DOTALL: regex.DOTALL,
    re.VERBOSE: regex.VERBOSE,
}


@lru_cache(maxsize=1024)
def compiled(source: str, flags: int) -> "regex.Pattern[str]":
    """Return a pattern to search with; `flags` are those of the `re` module, as in `bson.Regex`."""
    pattern, flags = translated(source, flags)
    options = regex.VERSION0
    for ours, theirs in _FLAGS.items():
        if flags & ours:
            options |= theirs
    try:
        return regex.compile(pattern, options)
    except regex.error as wrong:
        raise CommandFailure(INVALID_PATTERN, "Regular expression is invalid") from wrong
