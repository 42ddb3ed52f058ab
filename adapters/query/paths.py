"""Dotted paths, as filters, sorts, projections and updates spell them."""

Path = tuple[str, ...]
"""The segments of a dotted path; empty for the value itself."""


def split_path(text: str) -> Path:
    """Return the segments between the dots; a path always has one, which may be the empty name."""
    return tuple(text.split("."))


def compare_segments(a: str, b: str) -> int:
    """Return -1, 0 or 1 as MongoDB applies the changes below `a` before, with or after those of `b`.

    Two numbers compare by value, all else as text.
    """
    if a.isdecimal() and b.isdecimal() and a.isascii() and b.isascii():
        return (int(a) > int(b)) - (int(a) < int(b))
    return (a > b) - (a < b)
