"""What the rounds of one run, and of two, say about what they were drawn from. Pure arithmetic.

The rounds are the sample, not the operations: those of one round share a machine, a cache and a minute, and are far from independent.
Everything is a ratio, so the means are of logarithms; differences of two ways are taken within each round.
Source: Kalibera, Jones: "Rigorous Benchmarking in Reasonable Time" (ISMM 2013); Welch: "The generalization of 'Student's'
problem", Biometrika 34 (1947); Holm: "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from statistics import fmean, variance
from typing import Final

from proxy.ledger.statistics import student_t, student_t_beyond

CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate, and between what the truth lies with 95 % confidence; open where rounds are too few."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """By what factor the second sample lies above the first; `p`: how often chance alone would show as much."""

    ratio: Interval
    p: float


def mean(values: Sequence[float]) -> Interval:
    """Return the mean of values."""
    centre = fmean(values)
    half = _half(values)
    return Interval(value=centre, low=centre - half, high=centre + half)


def geometric_mean(values: Sequence[float]) -> Interval:
    """Return the geometric mean of values above zero."""
    found = mean([log(value) for value in values])
    return Interval(value=exp(found.value), low=exp(found.low), high=_exp(found.high))


def change(before: Sequence[float], after: Sequence[float]) -> Change | None:
    """Return by what factor `after` lies above `before`, both above zero; None with fewer than two of either."""
    if len(before) < 2 or len(after) < 2:
        return None
    first, second = ([log(value) for value in sample] for sample in (before, after))
    parts = [variance(sample) / len(sample) for sample in (first, second)]
    spread = sqrt(sum(parts))
    centre = fmean(second) - fmean(first)
    if not spread:
        exact = Interval(value=exp(centre), low=exp(centre), high=exp(centre))
        return Change(ratio=exact, p=0.0 if centre else 1.0)
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(sample) - 1) for part, sample in zip(parts, (first, second), strict=True)
    )
    half = student_t((1 + CONFIDENCE) / 2, freedom) * spread
    return Change(
        ratio=Interval(value=exp(centre), low=exp(centre - half), high=_exp(centre + half)),
        p=2 * student_t_beyond(abs(centre) / spread, freedom),
    )


def holm(chances: Sequence[float]) -> list[float]:
    """Return chances corrected for how many questions were asked, in the same order."""
    order = sorted(range(len(chances)), key=chances.__getitem__)
    found = [0.0] * len(chances)
    highest = 0.0
    for passed, at in enumerate(order):
        highest = max(highest, min(1.0, (len(chances) - passed) * chances[at]))
        found[at] = highest
    return found


def _half(values: Sequence[float]) -> float:
    n = len(values)
    if n < 2:
        return inf
    return student_t((1 + CONFIDENCE) / 2, n - 1) * sqrt(variance(values) / n)


def _exp(value: float) -> float:
    return exp(value) if value < 700 else inf
