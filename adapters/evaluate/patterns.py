"""Regular expressions as MongoDB 6.0 runs them: PCRE in UTF-8 mode without Unicode classes."""

import re
from functools import lru_cache

import regex

from adapters.query.failures import CommandFailure


@lru_cache(maxsize=1024)
def compiled(source: str, flags: int) -> "regex.Pattern[str]":
    """Return a pattern to search with; `flags` are those of the `re` module."""
    options = regex.VERSION0
    for ours, theirs in (
        (re.IGNORECASE, regex.IGNORECASE),
        (re.MULTILINE, regex.MULTILINE),
        (re.DOTALL, regex.DOTALL),
        (re.VERBOSE, regex.VERBOSE),
    ):
        if flags & ours:
            options |= theirs
    try:
        return regex.compile(source, options)
    except regex.error as wrong:
        raise CommandFailure(51091, f"Regular expression is invalid: {wrong}") from wrong
