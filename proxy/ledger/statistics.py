"""What a sample says about what it was drawn from: bounds that hold with 95 % confidence. Pure arithmetic.

Why these methods and no others is written down in `docs/gates.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, exp, expm1, inf, lgamma, log, log1p, sqrt
from typing import Final

from proxy.ledger.sketches import RELATIVE_ERROR, Sketch

CONFIDENCE: Final = 0.95
SECTIONS: Final = 20
MIN_SECTIONS: Final = 10
BEYOND: Final = 5
"""Each section holds at least so many values beyond the quantile: with fewer, its tail is a matter of luck."""

_STUDENT_T: Final = (2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093)
"""Student's t of 97.5 % for 9 to 19 degrees of freedom, that is MIN_SECTIONS to SECTIONS sections."""

_SKETCH_ERROR: Final = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
"""By how much a ratio of two quantiles can be off because each is known to 1 % only."""

_STEPS: Final = 60
_EPSILON: Final = 1e-13
_TINY: Final = 1e-300


def highest_rate(hits: int, trials: int) -> float:
    """Return the rate that `hits` of `trials` exclude to exceed, with 95 % confidence; 1 without trials.

    Source: Clopper, Pearson: "The use of confidence or fiducial limits", Biometrika 26 (1934), one-sided.
    """
    if hits >= trials:
        return 1.0
    if not hits:
        # As 1 - 0.05 ** (1 / n), which loses its digits where n is large.
        return -expm1(log(1 - CONFIDENCE) / trials)
    return _where(hits + 1, trials - hits, CONFIDENCE)


def lowest_rate(hits: int, trials: int) -> float:
    """Return the rate that `hits` of `trials` exclude to fall below, with 95 % confidence; 0 without hits."""
    if not hits:
        return 0.0
    if hits >= trials:
        return float((1 - CONFIDENCE) ** (1 / trials))
    return _where(hits, trials - hits + 1, 1 - CONFIDENCE)


def trials_for(rate: float, hits: int) -> int:
    """Return how many trials with no more than `hits` hits show that the rate is at most `rate`."""
    if rate >= 1:
        return 1
    low, high = hits, max(2 * hits, ceil(3 / rate))
    while not _shows(rate, hits, high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _shows(rate, hits, middle):
            high = middle
        else:
            low = middle
    return high


def _shows(rate: float, hits: int, trials: int) -> bool:
    """Return whether `highest_rate` is at most `rate`, without looking for it."""
    return _beta(rate, hits + 1, trials - hits) >= CONFIDENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Both sides of the same operations, within one stretch of time."""

    legacy: Sketch = field(default_factory=Sketch)
    gateway: Sketch = field(default_factory=Sketch)

    @property
    def n(self) -> int:
        """How many operations these are; both sides have as many."""
        return self.legacy.n

    def merge(self, other: "Pair") -> None:
        """Add the operations of `other`."""
        self.legacy.merge(other.legacy)
        self.gateway.merge(other.gateway)

    def ratio(self, quantile: float) -> float:
        """Return the quantile of the gateway as a multiple of legacy's."""
        return self.gateway.quantile(quantile) / self.legacy.quantile(quantile)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """The quantile of the gateway as a multiple of legacy's, and its interval of 95 %.

    Without enough sections the interval is open: nothing to infinity.
    """

    value: float
    low: float
    high: float
    n: int
    sections: int
    n_needed: int
    """So many operations, spread over MIN_SECTIONS stretches of time, are the least for an interval."""


def latency_ratio(stretches: Sequence[Pair], quantile: float) -> Ratio | None:
    """Return the ratio over all stretches of time, in their order; None where nothing was timed.

    The interval comes from how the ratio varies between sections of the time: operations that follow each other are
    alike, so that their number alone would promise too much.
    Source: Asmussen, Glynn: "Stochastic Simulation" (2007), section III.5: sectioning.
    """
    whole = Pair()
    for stretch in stretches:
        whole.merge(stretch)
    if not whole.n:
        return None
    least = _least(quantile)
    sections = _sections(stretches, max(ceil(whole.n / SECTIONS), least))
    value = whole.ratio(quantile)
    factor = _uncertainty(value, [section.ratio(quantile) for section in sections])
    return Ratio(
        value=value,
        low=value / factor,
        high=value * factor,
        n=whole.n,
        sections=len(sections),
        n_needed=needed_for(quantile),
    )


def needed_for(quantile: float) -> int:
    """Return how many operations are the least for an interval."""
    return MIN_SECTIONS * _least(quantile)


def _least(quantile: float) -> int:
    """Return how many operations a section holds at least."""
    # Rounded first: 5 / (1 - 0.95) is a little more than 100.
    return ceil(round(BEYOND / (1 - quantile), 6))


def _sections(stretches: Sequence[Pair], size: int) -> Sequence[Pair]:
    """Return consecutive stretches put together to sections of at least `size` operations."""
    sections = [Pair()]
    for stretch in stretches:
        if sections[-1].n >= size:
            sections.append(Pair())
        sections[-1].merge(stretch)
    if len(sections) > 1 and sections[-1].n < size:
        rest = sections.pop()
        sections[-1].merge(rest)
    return sections


def _uncertainty(value: float, ratios: Sequence[float]) -> float:
    """Return the factor by which the true ratio may lie above or below `value`."""
    n = len(ratios)
    if n < MIN_SECTIONS:
        return inf
    squares = sum(log(ratio / value) ** 2 for ratio in ratios)
    return _SKETCH_ERROR * exp(_STUDENT_T[n - MIN_SECTIONS] * sqrt(squares / (n - 1) / n))


def student_t(share: float, freedom: float) -> float:
    """Return the value below which Student's t has `share` of its mass; from a half up."""
    x = _where(freedom / 2, 0.5, 2 * (1 - share))
    return sqrt(freedom * (1 - x) / x) if x else inf


def student_t_beyond(t: float, freedom: float) -> float:
    """Return how much of the mass of Student's t lies above `t`, which is not negative."""
    return _beta(freedom / (freedom + t * t), freedom / 2, 0.5) / 2


def _where(a: float, b: float, share: float) -> float:
    """Return the x below which the beta distribution has `share` of its mass."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _beta(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function.

    Source: Press et al.: "Numerical Recipes", 3rd edition, section 6.4: a continued fraction, by Lentz.
    """
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    step = 0
    change = inf
    while abs(change - 1) > _EPSILON:
        step += 1
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            change = c * d
            value *= change
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
