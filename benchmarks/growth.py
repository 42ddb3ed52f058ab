"""Whether memory grew over a run, by a rule stated beforehand, and how it went as one line of text.

The first sixth of a run is warm-up and does not count: caches fill, connections open. Of the rest, the maximum of the last third
may be at most 1.2 times the maximum of the first third. Maxima, because a leak shows there first and a pause of
the load must not hide it; thirds, because each then holds times with and without PostgreSQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

MOST_GROWTH: Final = 1.2
WARM_UP_PART: Final = 6
FEWEST: Final = 12
"""Samples without which nothing can be said."""

_LEVELS: Final = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """Maxima of the first and the last third behind the warm-up, in the unit of the samples."""

    first: float
    last: float
    peak: float

    @property
    def ratio(self) -> float:
        return self.last / self.first

    @property
    def is_bounded(self) -> bool:
        return self.ratio <= MOST_GROWTH


def growth_of(samples: Sequence[float]) -> Growth:
    """Return the growth over equally spaced samples; ValueError for fewer than FEWEST."""
    if len(samples) < FEWEST:
        raise ValueError(f"{len(samples)} samples say nothing about growth")
    settled = samples[len(samples) // WARM_UP_PART :]
    third = len(settled) // 3
    return Growth(first=max(settled[:third]), last=max(settled[-third:]), peak=max(samples))


def sparkline(samples: Sequence[float], *, width: int = 60) -> str:
    """Return the samples as a row of bars from zero to their maximum; each bar is the maximum of its share."""
    if not samples:
        return ""
    count = min(width, len(samples))
    edges = [number * len(samples) // count for number in range(count + 1)]
    bars = [max(samples[left:right]) for left, right in pairwise(edges)]
    top = max(bars) or 1
    return "".join(_LEVELS[min(int(bar / top * len(_LEVELS)), len(_LEVELS) - 1)] for bar in bars)
