"""Dotted paths, as filters, sorts, projections and updates spell them."""

from typing import Final

MAX_DEPTH: Final = 255

Path = tuple[str, ...]
"""The segments of a dotted path; empty for the value itself."""


def split_path(text: str) -> Path:
    """Return the segments between the dots; a path always has one, which may be the empty name."""
    return tuple(text.split("."))


def array_index(segment: str) -> int | None:
    """Return the position that a segment names in an array; None for a plain field name.

    A leading zero makes a name of it, as for MongoDB.
    """
    if segment.isdecimal() and segment.isascii() and (segment == "0" or segment[0] != "0"):
        return int(segment)
    return None


def path_order(segment: str) -> tuple[int, int, str]:
    """Return the key by which MongoDB orders the fields of an update: numeric ones by number."""
    if segment.isdecimal() and segment.isascii():
        return (0, int(segment), segment)
    return (1, 0, segment)
