"""Durations of operations as counts of buckets, added up where they are measured.

OpenTelemetry's histograms take 7 µs for each value and reader, which for the four durations of an operation is more than comparing it
takes; here it is a bisection. `proxy.readers` hands what was added up to the SDK's readers.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Final

from proxy.tracing.exemplar import Exemplar, Place, exemplar

BOUNDS_S: Final = (
    *(1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3),
    *(1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)
"""Upper bounds, each of its bucket; fine enough for what a relay costs: tens of microseconds."""


@dataclass(slots=True, kw_only=True)
class Distribution:
    """What was measured under one set of labels. Read by other threads while values are added."""

    labels: Mapping[str, str]
    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    total_s: float = 0.0
    least_s: float = inf
    most_s: float = 0.0
    exemplars: dict[int, Exemplar] = field(default_factory=dict)
    """By bucket, the last one that is told of in a trace."""

    def record(self, seconds: float, place: Place | None = None) -> None:
        """Add one duration; `place` is where a trace tells of it."""
        bucket = bisect_left(BOUNDS_S, seconds)
        self.counts[bucket] += 1
        if place is not None:
            self.exemplars[bucket] = exemplar(seconds, place)
        self.total_s += seconds
        if seconds < self.least_s:  # noqa: PLR1730 - a call takes four times as long
            self.least_s = seconds
        if seconds > self.most_s:  # noqa: PLR1730 - as above
            self.most_s = seconds


class Distributions:
    """All distributions of a process, by metric."""

    def __init__(self) -> None:
        self.began_ns: Final = time.time_ns()
        self._by_metric: dict[str, list[Distribution]] = {}

    def of(self, metric: str, labels: Mapping[str, str]) -> Distribution:
        """Begin the distribution of a metric under some labels."""
        begun = Distribution(labels=labels)
        self._by_metric[metric] = [*self._by_metric.get(metric, ()), begun]
        return begun

    def of_metric(self, metric: str) -> Sequence[Distribution]:
        """Return what was measured of a metric so far."""
        return [one for one in self._by_metric.get(metric, ()) if any(one.counts)]
