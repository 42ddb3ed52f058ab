"""Removal of what is verified. Whole segments go, oldest first, and never the newest."""

import os
from itertools import pairwise
from pathlib import Path

from proxy.capture.segment import bases, segment_path


def remove_below(directory: Path, position: int, *, keep: bool = False) -> int:
    """Remove the segments that end at or before `position` and return the bytes freed; none with `keep`."""
    freed = 0
    if keep:
        return freed
    for base, next_base in pairwise(bases(directory)):
        if next_base > position:
            break
        path = segment_path(directory, base)
        freed += _size(path)
        path.unlink(missing_ok=True)
    return freed


def total_bytes(directory: Path) -> int:
    """Return the size of all segments."""
    return sum(_size(segment_path(directory, base)) for base in bases(directory))


def _size(path: Path) -> int:
    """Return 0 for a file that was removed meanwhile."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - as fast as it gets: asked once a second in the relay
    except FileNotFoundError:
        return 0
