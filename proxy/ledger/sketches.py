"""Latency sketches: quantiles within 1 % of the true value, mergeable over any window.

Values fall into buckets whose bounds grow by a constant factor, so that a merge is an addition and the number of
buckets is bounded by the range (a nanosecond to a day), not by the number of values.
Source: Masson, Rim, Lee: "DDSketch", PVLDB 12 (2019), section 2.
"""

import struct
from collections.abc import Iterator, Mapping
from math import ceil, exp, log
from typing import Final, Self

RELATIVE_ERROR: Final = 0.01

_GAMMA: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
_PER_LOG: Final = 1 / log(_GAMMA)
_SMALLEST_S: Final = 1e-9
_LARGEST_S: Final = 86_400.0


class Sketch:
    """A multiset of durations in seconds, each known to 1 %."""

    __slots__ = ("_buckets",)

    def __init__(self, buckets: Mapping[int, int] | None = None) -> None:
        self._buckets: dict[int, int] = dict(buckets) if buckets else {}

    @property
    def n(self) -> int:
        """How many values were added."""
        return sum(self._buckets.values())

    def add(self, seconds: float) -> None:
        """Add one value; below a nanosecond and above a day it counts as these."""
        if not _SMALLEST_S <= seconds <= _LARGEST_S:
            seconds = min(max(seconds, _SMALLEST_S), _LARGEST_S)
        bucket = ceil(log(seconds) * _PER_LOG)
        buckets = self._buckets
        buckets[bucket] = buckets.get(bucket, 0) + 1

    def merge(self, other: "Sketch") -> None:
        """Add all values of `other`."""
        for bucket, n in other._buckets.items():  # noqa: SLF001 - another of the same class
            self._buckets[bucket] = self._buckets.get(bucket, 0) + n

    def quantile(self, q: float) -> float:
        """Return the value below which the share `q` of the values lies; 0 without values."""
        rank = q * (self.n - 1)
        passed = 0
        value = 0.0
        for bucket, n in sorted(self._buckets.items()):
            passed += n
            value = _middle(bucket)
            if passed > rank:
                break
        return value

    def buckets(self) -> Iterator[tuple[float, int]]:
        """Yield the middle of each bucket that holds values, and how many, in ascending order."""
        for bucket, n in sorted(self._buckets.items()):
            yield _middle(bucket), n

    def to_bytes(self) -> bytes:
        """Return the sketch as stored: indexes of the buckets, then their counts, little-endian."""
        size = len(self._buckets)
        return struct.pack(f"<{size}h{size}I", *self._buckets.keys(), *self._buckets.values())

    @classmethod
    def from_bytes(cls, stored: bytes) -> Self:
        """Return the sketch that `to_bytes` stored."""
        size = len(stored) // struct.calcsize("<hI")
        numbers = struct.unpack(f"<{size}h{size}I", stored)
        return cls(dict(zip(numbers[:size], numbers[size:], strict=True)))


def _middle(bucket: int) -> float:
    """Return the value whose relative distance to both bounds of the bucket is the same."""
    return 2 * exp(bucket / _PER_LOG) / (_GAMMA + 1)
