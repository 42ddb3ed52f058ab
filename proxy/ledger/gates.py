"""The gates of a collection: what its evidence is held against, and what comes of each. Pure.

The rule of each gate is written down in `docs/gates.md`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import isinf, log
from typing import Final

from comparators.verdict import Verdict
from proxy.ledger.bounds import Bounds
from proxy.ledger.statistics import (
    MIN_SECTIONS,
    Pair,
    Ratio,
    highest_rate,
    latency_ratio,
    lowest_rate,
    trials_for,
)


class Result(StrEnum):
    """The three answers; only `pass` lets anyone sign."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Gate(StrEnum):
    """What is asked of a collection, the gravest first; the last two are asked of the whole ledger."""

    MISMATCHES = "mismatches"
    GATEWAY_ERRORS = "gateway_errors"
    DIVERGENCE = "divergence"
    TIMEOUTS = "timeouts"
    LATENCY_P50 = "latency_p50"
    LATENCY_P95 = "latency_p95"
    LATENCY_P99 = "latency_p99"
    UNSUPPORTED = "unsupported"
    LOSSES = "losses"
    SAMPLES = "samples"
    DURATION = "duration"
    COVERAGE = "coverage"
    SWEPT = "swept"
    CAPTURE_LOG = "capture_log"
    VERIFIER = "verifier"


QUANTILES: Final[Mapping[Gate, float]] = {
    Gate.LATENCY_P50: 0.5,
    Gate.LATENCY_P95: 0.95,
    Gate.LATENCY_P99: 0.99,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class GateOutcome:
    """What came of one gate: the value found, what it lies between with 95 % confidence, and the bound.

    None where there is no such number. `missing` says what a pass would take, and is empty for a pass.
    """

    gate: Gate
    result: Result
    found: str
    wanted: str
    missing: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: float | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    """What was counted, by the names of `conclusion.COUNTED`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionGates:
    """The gates of one collection."""

    namespace: str
    outcomes: tuple[GateOutcome, ...]
    not_asked: tuple[Gate, ...]
    """Gates that the settings switch off."""

    @property
    def result(self) -> Result:
        """Pass if every gate passes, fail if one fails."""
        return worst(outcome.result for outcome in self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionFacts:
    """What the gates look at: figures of one collection within the window."""

    namespace: str
    verdicts: Mapping[Verdict, int]
    verified: int
    seen: int
    differing_states: int = 0
    """Stored documents that were found to differ after a write."""
    open_divergences: int = 0
    lost_writes: int = 0
    dropped_reads: int = 0
    uncompared_states: int = 0
    span_s: float = 0.0
    """From the first to the last minute in which operations were verified."""
    stretches: Sequence[Pair] = ()
    """Latencies of both sides, in the order of time."""
    swept_s: float | None = None
    """How long ago the part of the collection was swept that waits longest; None if one never was."""
    swept_uncompared: int = 0
    """Documents of which the last sweep could not say whether they differ."""


def worst(results: Iterable[Result]) -> Result:
    """Return fail if one is, else inconclusive if one is, else pass; of nothing, inconclusive."""
    found = set(results)
    for result in (Result.FAIL, Result.INCONCLUSIVE):
        if result in found:
            return result
    return Result.PASS if found else Result.INCONCLUSIVE


def gates_of(facts: CollectionFacts, bounds: Bounds) -> CollectionGates:
    """Return what comes of each gate of a collection."""
    outcomes = tuple(outcome for outcome in _outcomes(facts, bounds) if outcome is not None)
    return CollectionGates(
        namespace=facts.namespace, outcomes=outcomes, not_asked=tuple(_not_asked(bounds))
    )


def _not_asked(bounds: Bounds) -> Iterator[Gate]:
    if isinf(bounds.max_latency_ratio):
        yield from QUANTILES
    if isinf(bounds.max_sweep_age_s):
        yield Gate.SWEPT


def _outcomes(facts: CollectionFacts, bounds: Bounds) -> Iterator[GateOutcome | None]:
    yield _mismatches(facts, bounds)
    yield _gateway_errors(facts, bounds)
    yield _divergence(facts)
    yield _timeouts(facts, bounds)
    if not isinf(bounds.max_latency_ratio):
        for gate, quantile in QUANTILES.items():
            yield latency_gate(
                gate, latency_ratio(facts.stretches, quantile), bounds.max_latency_ratio
            )
    yield _unsupported(facts)
    yield _losses(facts, bounds)
    yield _samples(facts, bounds)
    yield _duration(facts, bounds)
    yield _coverage(facts, bounds)
    if not isinf(bounds.max_sweep_age_s):
        yield _swept(facts, bounds.max_sweep_age_s)


def _mismatches(facts: CollectionFacts, bounds: Bounds) -> GateOutcome:
    answers = facts.verdicts.get(Verdict.MISMATCH, 0)
    hits = answers + facts.differing_states
    return _rate(
        Gate.MISMATCHES,
        hits,
        facts.verified,
        bounds.max_mismatch_rate,
        any_is=Result.FAIL if bounds.strict else None,
        counts={"mismatches": answers, "differing_states": facts.differing_states},
    )


def _gateway_errors(facts: CollectionFacts, bounds: Bounds) -> GateOutcome:
    errors = facts.verdicts.get(Verdict.GATEWAY_ERROR, 0)
    return _rate(
        Gate.GATEWAY_ERRORS,
        errors,
        facts.verified + errors,
        bounds.max_error_rate,
        any_is=Result.FAIL if bounds.strict else None,
        counts={"gateway_errors": errors},
    )


def _timeouts(facts: CollectionFacts, bounds: Bounds) -> GateOutcome:
    timeouts = facts.verdicts.get(Verdict.TIMEOUT, 0)
    return _rate(
        Gate.TIMEOUTS,
        timeouts,
        facts.verified + timeouts,
        bounds.max_timeout_rate,
        any_is=Result.INCONCLUSIVE if bounds.strict else None,
        counts={"timeouts": timeouts},
    )


def _rate(
    gate: Gate,
    hits: int,
    trials: int,
    bound: float,
    *,
    any_is: Result | None,
    counts: Mapping[str, int],
) -> GateOutcome:
    """Hold a rate against its bound; `any_is` is what a single hit makes of it, whatever the rate."""
    hits_in_trials = min(hits, trials)
    low, high = lowest_rate(hits_in_trials, trials), highest_rate(hits_in_trials, trials)
    missing = ""
    if low > bound or (hits and any_is is Result.FAIL):
        result = Result.FAIL
    elif hits and any_is is not None:
        result, missing = any_is, "strict: not a single one"
    elif trials and high <= bound:
        result = Result.PASS
    else:
        more = max(trials_for(bound, hits_in_trials) - trials, 1)
        result = Result.INCONCLUSIVE
        missing = f"{_n(more, 'operation')} more without {'another one' if hits else 'one'}"
    return GateOutcome(
        gate=gate,
        result=result,
        found=f"{hits:,} in {_n(trials, 'operation')}, rate up to {percent(high)}",
        wanted=f"none, rate up to {percent(bound)}" if any_is else f"rate up to {percent(bound)}",
        missing=missing,
        value=hits_in_trials / trials if trials else None,
        low=low,
        high=high,
        bound=bound,
        counts=counts,
    )


def _divergence(facts: CollectionFacts) -> GateOutcome:
    n = facts.open_divergences
    return GateOutcome(
        gate=Gate.DIVERGENCE,
        result=Result.FAIL if n else Result.PASS,
        found=f"{_n(n, 'document')} differ{'s' if n == 1 else ''} now",
        wanted="none",
        value=n,
        bound=0,
        counts={"open_divergences": n},
    )


def latency_gate(gate: Gate, ratio: Ratio | None, bound: float) -> GateOutcome:
    """Return what comes of holding a ratio of latencies against its bound."""
    wanted = f"at most {bound:.2f} times legacy"
    if ratio is None:
        return GateOutcome(
            gate=gate,
            result=Result.INCONCLUSIVE,
            found="nothing was timed on both sides",
            wanted=wanted,
            missing="operations that both sides answered",
            bound=bound,
        )
    is_open = isinf(ratio.high)
    between = "" if is_open else f", between {ratio.low:.2f} and {ratio.high:.2f}"
    result = _held(ratio.low, ratio.high, bound)
    return GateOutcome(
        gate=gate,
        result=result,
        found=f"{ratio.value:.2f} times legacy{between}",
        wanted=wanted,
        missing=_missing_latency(ratio, bound) if result is Result.INCONCLUSIVE else "",
        value=ratio.value,
        low=None if is_open else ratio.low,
        high=None if is_open else ratio.high,
        bound=bound,
    )


def _held(low: float, high: float, bound: float) -> Result:
    if high <= bound:
        return Result.PASS
    return Result.FAIL if low > bound else Result.INCONCLUSIVE


def _missing_latency(ratio: Ratio, bound: float) -> str:
    if ratio.n < ratio.n_needed:
        return (
            f"{_n(ratio.n_needed - ratio.n, 'operation')} more, over {MIN_SECTIONS} minutes or more"
        )
    if ratio.sections < MIN_SECTIONS:
        return f"such traffic in {_n(MIN_SECTIONS - ratio.sections, 'more stretch', 'more stretches')} of time"
    if ratio.value >= bound:
        return "a faster gateway, or more operations to tell"
    # The interval narrows with the square root of what was timed.
    times = (log(ratio.high / ratio.value) / log(bound / ratio.value)) ** 2
    return f"about {_n(max(round(ratio.n * (times - 1)), 1), 'operation')} more, if the ratio stays"


def _unsupported(facts: CollectionFacts) -> GateOutcome:
    n = facts.verdicts.get(Verdict.UNSUPPORTED, 0)
    return GateOutcome(
        gate=Gate.UNSUPPORTED,
        result=Result.INCONCLUSIVE if n else Result.PASS,
        found=f"{_n(n, 'operation')} of shapes that the gateway does not support",
        wanted="none",
        missing="support of what the report names, or an application without it" if n else "",
        value=n,
        bound=0,
        counts={"unsupported": n},
    )


def _losses(facts: CollectionFacts, bounds: Bounds) -> GateOutcome:
    counts = {"lost_writes": facts.lost_writes, "uncompared_states": facts.uncompared_states}
    if bounds.strict:
        counts["dropped"] = facts.verdicts.get(Verdict.DROPPED, 0)
        counts["dropped_reads"] = facts.dropped_reads
    n = sum(counts.values())
    return GateOutcome(
        gate=Gate.LOSSES,
        result=Result.INCONCLUSIVE if n else Result.PASS,
        found=f"{_n(n, 'operation or document', 'operations or documents')} went without verification",
        wanted="none",
        missing="a window in which nothing was lost" if n else "",
        value=n,
        bound=0,
        counts=counts,
    )


def _samples(facts: CollectionFacts, bounds: Bounds) -> GateOutcome:
    more = bounds.min_samples - facts.verified
    return GateOutcome(
        gate=Gate.SAMPLES,
        result=Result.INCONCLUSIVE if more > 0 else Result.PASS,
        found=f"{_n(facts.verified, 'operation')} verified",
        wanted=f"at least {bounds.min_samples:,}",
        missing=f"{_n(more, 'operation')} more" if more > 0 else "",
        value=facts.verified,
        bound=bounds.min_samples,
    )


def _duration(facts: CollectionFacts, bounds: Bounds) -> GateOutcome:
    more_s = bounds.min_duration_s - facts.span_s
    return GateOutcome(
        gate=Gate.DURATION,
        result=Result.INCONCLUSIVE if more_s > 0 else Result.PASS,
        found=f"verified over {span(facts.span_s)}",
        wanted=f"at least {span(bounds.min_duration_s)}",
        missing=f"{span(more_s)} more" if more_s > 0 else "",
        value=facts.span_s,
        bound=bounds.min_duration_s,
    )


def _coverage(facts: CollectionFacts, bounds: Bounds) -> GateOutcome | None:
    share = facts.verified / facts.seen if facts.seen else 0.0
    passes = bool(facts.verified) and share >= bounds.min_coverage
    return GateOutcome(
        gate=Gate.COVERAGE,
        result=Result.PASS if passes else Result.INCONCLUSIVE,
        found=f"{facts.verified:,} of {_n(facts.seen, 'operation')} verified",
        wanted=f"at least {percent(bounds.min_coverage)}",
        missing=""
        if passes
        else f"{percent(max(bounds.min_coverage - share, 0))} more of what is seen",
        value=share,
        bound=bounds.min_coverage,
    )


def _swept(facts: CollectionFacts, max_age_s: float) -> GateOutcome:
    age_s = facts.swept_s
    is_late = age_s is None or age_s > max_age_s
    unsure = facts.swept_uncompared
    missing = "a sweep: `parallax sweep`" if is_late else ""
    if not is_late and unsure:
        missing = f"{_n(unsure, 'document')} that the sweep could not compare"
    return GateOutcome(
        gate=Gate.SWEPT,
        result=Result.INCONCLUSIVE if is_late or unsure else Result.PASS,
        found="not swept as a whole" if age_s is None else f"last swept {span(age_s)} ago",
        wanted=f"within {span(max_age_s)}",
        missing=missing,
        value=age_s,
        bound=max_age_s,
    )


_SPANS: Final = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "min"))


def span(seconds: float) -> str:
    """Return a stretch of time in its largest unit."""
    size, unit = next((pair for pair in _SPANS if seconds >= pair[0]), (1.0, "s"))
    return f"{seconds / size:.3g} {unit}"


def percent(share: float) -> str:
    """Return a share with three digits, small ones included."""
    return f"{100 * share:.3g} %"


def _n(n: int, noun: str, nouns: str = "") -> str:
    return f"{n:,} {noun if n == 1 else nouns or noun + 's'}"
