"""Evidence made up for pages."""

from collections.abc import Mapping
from typing import Any

from comparators.verdict import Verdict
from proxy.ledger.read import (
    Change,
    CollectionEvidence,
    CollectionGates,
    Conclusion,
    Evidence,
    Gate,
    GateOutcome,
    GateReport,
    Group,
    Heartbeat,
    Latency,
    Moment,
    Progress,
    Quantiles,
    ReasonEvidence,
    Result,
    Sample,
    ShapeEvidence,
    Tally,
    VerdictCourse,
    VerdictMoment,
)

START_NS = 1_800_000_000_000_000_000
SECOND_NS = 1_000_000_000
UNTIMED = Latency(legacy=None, gateway=None, overhead=None, compare=None)
TIMED = Latency(
    legacy=Quantiles(
        n=100, p50_s=0.001, p95_s=0.004, p99_s=0.02, buckets=((0.001, 90), (0.004, 8), (0.02, 2))
    ),
    gateway=Quantiles(n=50, p50_s=0.002, p95_s=0.005, p99_s=0.03, buckets=((0.002, 50),)),
    overhead=Quantiles(n=100, p50_s=5e-5, p95_s=8e-5, p99_s=2e-4, buckets=((5e-5, 100),)),
    compare=None,
)


def evidence(
    verdicts: Mapping[Verdict, int] | None = None,
    *,
    result: Result = Result.PASS,
    because: tuple[str, ...] = (),
    latency: Latency = TIMED,
    **more: Any,
) -> Evidence:
    """Return evidence of one collection and one shape with these verdicts."""
    tally = Tally(verdicts=verdicts if verdicts is not None else {Verdict.MATCH: 1000})
    fields: dict[str, Any] = {
        "read_ns": START_NS,
        "since_ns": None,
        "until_ns": None,
        "first_ns": START_NS,
        "last_ns": START_NS + 60 * SECOND_NS,
        "about": {"parallax": "0.1.0"},
        "conclusion": Conclusion(result=result, reasons=because),
        "gates": gates(result),
        "tally": tally,
        "latency": latency,
        "collections": (CollectionEvidence(namespace="app.users", tally=tally, latency=latency),),
        "shapes": (shape(tally=tally, latency=latency),),
        "plans": (),
        "groups": (),
        "reasons": (),
        "rules": (),
        "drops": (),
        "events": (),
        "divergent": (),
        "divergences": {},
        "sweeps": (),
        "actions": (),
        "rule_changes": (),
        "searches": (),
        "search_differences": (),
        "flags": (),
        "progress": Progress(step_s=1, moments=tuple(moment(n) for n in range(3))),
        "lag": Progress(step_s=1, moments=tuple(moment(n) for n in range(3))),
        "course": VerdictCourse(
            step_s=60,
            moments=(VerdictMoment(at_ns=START_NS, verdicts=tally.verdicts),) if tally.seen else (),
        ),
        "heartbeats": (
            Heartbeat(
                part="verifier",
                started_ns=START_NS,
                at_ns=START_NS,
                lag_operations=2,
                lag_s=0.5,
                lag_bytes=100,
            ),
        ),
        "positions": (),
    }
    return Evidence(**(fields | more))


def gates(result: Result, *, namespace: str = "app.users") -> GateReport:
    """Return the gates of one collection, of which one has this result."""
    outcome = GateOutcome(
        gate=Gate.MISMATCHES,
        result=result,
        found="0 in 1,000 operations",
        wanted="none",
        missing="" if result is Result.PASS else "2,000 operations more",
        value=0.0,
        low=0.0,
        high=0.003,
        bound=0.001,
    )
    samples = GateOutcome(gate=Gate.SAMPLES, result=Result.PASS, found="1,000", wanted="at least 1")
    collection = CollectionGates(
        namespace=namespace, outcomes=(outcome, samples), not_asked=(Gate.SWEPT,)
    )
    return GateReport(collections=(collection,), ledger=(samples,))


def empty() -> Evidence:
    """Return the evidence of a ledger that nobody wrote to."""
    return evidence(
        {},
        result=Result.INCONCLUSIVE,
        because=("no operation was verified",),
        latency=UNTIMED,
        first_ns=None,
        last_ns=None,
        gates=GateReport(collections=(), ledger=()),
        collections=(),
        shapes=(),
        heartbeats=(),
        progress=Progress(step_s=1, moments=()),
        lag=Progress(step_s=1, moments=()),
    )


def shape(
    text: str = "users.find filter{email:=}",
    tally: Tally | None = None,
    latency: Latency = UNTIMED,
) -> ShapeEvidence:
    """Return a shape."""
    return ShapeEvidence(
        namespace="app.users",
        kind="find",
        id="f1",
        text=text,
        tally=tally or Tally(verdicts={Verdict.MATCH: 1}),
        latency=latency,
        answers={},
        first_ns=START_NS,
        last_ns=START_NS,
    )


def group(verdict: Verdict = Verdict.MISMATCH, *, path: str = "name", n: int = 1) -> Group:
    """Return a group of mismatches with one sample."""
    change = Change(
        path=path,
        change="value",
        legacy="string(3)",
        gateway="string(4)",
        legacy_type="string",
        gateway_type="string",
    )
    sample = Sample(
        at_ns=START_NS,
        log="log-1",
        position=42,
        documents=("string#0123456789abcdef",),
        documents_in_all=3,
        changes=(change,),
        changes_in_all=2,
    )
    return Group(
        id="00000000000000a1",
        verdict=verdict,
        fingerprint="f",
        namespace="app.users",
        kind="find",
        shape="users.find filter{email:=}",
        path=path,
        change="value",
        reason="documents differ",
        n=n,
        first_ns=START_NS,
        last_ns=START_NS,
        samples=(sample,),
    )


def reason(verdict: Verdict, text: str, *, n: int = 1) -> ReasonEvidence:
    """Return a reason for a verdict."""
    return ReasonEvidence(
        verdict=verdict,
        reason=text,
        namespace="app.users",
        kind="aggregate",
        shape="users.aggregate",
        n=n,
    )


def moment(n: int) -> Moment:
    """Return the n-th step of a time line."""
    return Moment(
        at_ns=START_NS + n * SECOND_NS,
        seen=10 * n,
        verified=10 * n,
        mismatched=0,
        lag_operations=n,
        lag_s=n / 10,
        lag_bytes=n,
    )
