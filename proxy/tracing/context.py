"""The application's span that a command belongs to, as the command's comment tells it.

Nothing else of a driver's command can carry it to a database: W3C's `traceparent` alone, a document that holds it, or a comment as
SQLCommenter writes it. All else in a comment is the application's own business, and is kept nowhere.
Sources: W3C, "Trace Context", section 3.2; SQLCommenter, "Specification".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_FIELD: Final = "traceparent"
_LONGEST: Final = 4096
"""Characters of a comment that are looked at."""
_HEADER: Final = r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[0-9a-f-]*)?"
_ALONE: Final = re.compile(_HEADER)
_NAMED: Final = re.compile(rf"""\b{_FIELD}["']?[=:]\s*["']?{_HEADER}(?![0-9a-z])""")
_SAMPLED: Final = 1
_NO_VERSION: Final = "ff"
_FIRST_VERSION: Final = "00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """A span of the application; `is_sampled` says whether the application records it."""

    trace_id: int
    span_id: int
    is_sampled: bool


def parent_of(comment: Any) -> Parent | None:
    """Return the span that a comment names, None where it names none that is valid."""
    if isinstance(comment, Mapping):
        comment = comment.get(_FIELD)
    if not isinstance(comment, str) or len(comment) > _LONGEST:
        return None
    found = _ALONE.fullmatch(comment.strip()) or _NAMED.search(comment)
    return None if found is None else _parent(*found.groups())


def _parent(version: str, trace: str, span: str, flags: str, more: str | None) -> Parent | None:
    # What follows is for versions to come; the first one ends here.
    if version == _NO_VERSION or (version == _FIRST_VERSION and more is not None):
        return None
    trace_id, span_id = int(trace, 16), int(span, 16)
    if not trace_id or not span_id:
        return None
    is_sampled = bool(int(flags, 16) & _SAMPLED)
    return Parent(trace_id=trace_id, span_id=span_id, is_sampled=is_sampled)
