"""What the evidence as a whole says: the gates of every collection, and two of the ledger itself.

The rule is written down in `docs/gates.md`.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.ledger.gates import CollectionGates, Gate, GateOutcome, Result, worst

MAX_BEHIND_S: Final = 60
"""Evidence that is older than this, while there is a backlog, is not evidence about now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The answer, and every reason for it, the gravest first; a pass has none."""

    result: Result
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """All gates: of each collection, and of the ledger that they share."""

    collections: tuple[CollectionGates, ...]
    ledger: tuple[GateOutcome, ...]

    @property
    def ledger_result(self) -> Result:
        """What the gates of the ledger add up to."""
        return worst(outcome.result for outcome in self.ledger)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFacts:
    """What belongs to no collection."""

    skipped_records: int = 0
    capture_gaps: int = 0
    backlog: int = 0
    """Operations that the verifier had not reached when it last wrote."""
    behind_s: float = 0.0
    """How far behind that was, or how long the verifier has been silent with a backlog."""


COUNTED: Final[Mapping[str, tuple[str, str]]] = {
    "mismatches": (
        "{n} operation gave another result on the gateway",
        "{n} operations gave another result on the gateway",
    ),
    "differing_states": (
        "{n} stored document differed after a write",
        "{n} stored documents differed after a write",
    ),
    "gateway_errors": (
        "{n} operation failed on the gateway only",
        "{n} operations failed on the gateway only",
    ),
    "open_divergences": ("{n} document differs now", "{n} documents differ now"),
    "timeouts": (
        "{n} operation took too long on the gateway to be compared",
        "{n} operations took too long on the gateway to be compared",
    ),
    "unsupported": (
        "{n} operation used what the gateway does not support",
        "{n} operations used what the gateway does not support",
    ),
    "lost_writes": ("{n} write could not be captured", "{n} writes could not be captured"),
    "uncompared_states": (
        "{n} stored document could not be compared",
        "{n} stored documents could not be compared",
    ),
    "dropped": (
        "{n} operation was dropped before verification",
        "{n} operations were dropped before verification",
    ),
    "dropped_reads": ("{n} read went uncaptured", "{n} reads went uncaptured"),
    "skipped_records": (
        "{n} record of the capture log could not be read",
        "{n} records of the capture log could not be read",
    ),
    "capture_gaps": ("the capture log has {n} gap", "the capture log has {n} gaps"),
}
"""How a conclusion tells a count, of one and of more."""

MEASURED: Final[Mapping[Gate, Mapping[Result, str]]] = {
    Gate.MISMATCHES: {Result.INCONCLUSIVE: "too few operations to exclude mismatches"},
    Gate.GATEWAY_ERRORS: {Result.INCONCLUSIVE: "too few operations to exclude gateway errors"},
    Gate.TIMEOUTS: {Result.INCONCLUSIVE: "too few operations to exclude timeouts"},
    Gate.SAMPLES: {Result.INCONCLUSIVE: "too few operations were verified"},
    Gate.DURATION: {Result.INCONCLUSIVE: "the time of verification is too short"},
    Gate.COVERAGE: {Result.INCONCLUSIVE: "too many operations went without verification"},
    Gate.SWEPT: {Result.INCONCLUSIVE: "no sweep has lately compared every document"},
    **{
        gate: {
            Result.FAIL: f"the gateway's {name} is too slow",
            Result.INCONCLUSIVE: f"it cannot be told yet whether the gateway's {name} is too slow",
        }
        for gate, name in (
            (Gate.LATENCY_P50, "p50"),
            (Gate.LATENCY_P95, "p95"),
            (Gate.LATENCY_P99, "p99"),
        )
    },
}
"""How a conclusion tells what was measured; the collections follow."""


def ledger_gates(facts: LedgerFacts) -> tuple[GateOutcome, ...]:
    """Return the gates that belong to no collection."""
    unread = facts.skipped_records + facts.capture_gaps
    is_behind = bool(facts.backlog) and facts.behind_s > MAX_BEHIND_S
    return (
        GateOutcome(
            gate=Gate.CAPTURE_LOG,
            result=Result.INCONCLUSIVE if unread else Result.PASS,
            found=f"{facts.skipped_records:,} records unread, {facts.capture_gaps:,} gaps",
            wanted="none",
            missing="a window in which the log could be read" if unread else "",
            value=unread,
            bound=0,
            counts={
                "skipped_records": facts.skipped_records,
                "capture_gaps": facts.capture_gaps,
            },
        ),
        GateOutcome(
            gate=Gate.VERIFIER,
            result=Result.INCONCLUSIVE if is_behind else Result.PASS,
            found=f"{facts.behind_s:.0f} s behind, with {facts.backlog:,} operations to go",
            wanted=f"at most {MAX_BEHIND_S} s",
            missing="a verifier that has caught up" if is_behind else "",
            value=facts.behind_s,
            bound=MAX_BEHIND_S,
        ),
    )


def conclude(gates: GateReport, *, verified: int) -> Conclusion:
    """Return the answer: one gate that fails fails the whole, one that does not pass forbids a pass."""
    result = worst(
        [
            worst(collection.result for collection in gates.collections),
            gates.ledger_result,
        ]
    )
    return Conclusion(result=result, reasons=tuple(_reasons(gates, verified)))


def _reasons(gates: GateReport, verified: int) -> Iterator[str]:
    yield from _reasons_for(gates, Result.FAIL)
    if not verified:
        yield "no operation was verified"
    yield from _reasons_for(gates, Result.INCONCLUSIVE)


def _reasons_for(gates: GateReport, result: Result) -> Iterator[str]:
    for gate in Gate:
        stands = [
            (collection.namespace, outcome)
            for collection in gates.collections
            for outcome in collection.outcomes
            if outcome.gate is gate and outcome.result is result
        ]
        stands += [
            ("", outcome)
            for outcome in gates.ledger
            if outcome.gate is gate and outcome.result is result
        ]
        if stands:
            yield from _told(gate, result, stands)


def _told(gate: Gate, result: Result, stands: Sequence[tuple[str, GateOutcome]]) -> Iterator[str]:
    counts: Counter[str] = Counter()
    for _, outcome in stands:
        counts.update(outcome.counts)
    if counts.total():
        for name, n in counts.items():
            if n:
                one, more = COUNTED[name]
                yield (one if n == 1 else more).format(n=f"{n:,}")
    elif gate is Gate.VERIFIER:
        yield f"the verifier is {stands[0][1].found}"
    else:
        yield f"{MEASURED[gate][result]}{_in([namespace for namespace, _ in stands])}"


def _in(namespaces: Sequence[str]) -> str:
    if len(namespaces) == 1:
        return f" in {namespaces[0]}"
    return f" in {namespaces[0]} and {len(namespaces) - 1:,} more"
