"""The paths of updates, with their placeholders for elements of arrays."""

import re
from typing import Final

from adapters.query.failures import CommandFailure
from adapters.query.paths import Path, split_path

BAD_VALUE: Final = 2
EMPTY_NAME: Final = 56

MATCHED: Final = "$"
_IDENTIFIER: Final = re.compile(r"\$\[(.*)\]", re.DOTALL)


def update_path(text: str) -> Path:
    """Return the segments of a path; CommandFailure where MongoDB refuses it."""
    if not text:
        raise CommandFailure(EMPTY_NAME, "An empty update path is not valid.")
    path = split_path(text)
    if not all(path):
        raise CommandFailure(EMPTY_NAME, f"The update path {text!r} contains an empty field name")
    if path[0] == MATCHED:
        raise CommandFailure(BAD_VALUE, f"positional element in the first position in {text!r}")
    if identifier_of(path[0]) is not None:
        raise CommandFailure(BAD_VALUE, f"array filter in the first position in path {text!r}")
    if path.count(MATCHED) > 1:
        raise CommandFailure(BAD_VALUE, f"Too many positional elements found in path {text!r}")
    return path


def identifier_of(segment: str) -> str | None:
    """Return the name of the array filter that a segment stands for ("" for `$[]`), else None."""
    found = _IDENTIFIER.fullmatch(segment)
    return found[1] if found else None


def is_dynamic(path: Path) -> bool:
    """Return whether a path holds a placeholder."""
    return any(segment == MATCHED or identifier_of(segment) is not None for segment in path)
