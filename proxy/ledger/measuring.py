"""Tell the metrics what was written on the ledger."""

from collections import Counter
from collections.abc import Sequence

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.ledger.entries import SAMPLED, Drop, Finding, Lag
from proxy.telemetry import Metrics
from proxy.tracing.trail import Ids


def measure(metrics: Metrics, findings: Sequence[Finding], lag: Lag, drops: Sequence[Drop]) -> None:
    """Count and time a batch; to be called once for each."""
    verdicts: Counter[tuple[Verdict, str, Kind]] = Counter()
    rechecks: Counter[tuple[Verdict, str]] = Counter()
    sampled: Counter[str] = Counter()
    traced: dict[tuple[Verdict, str, Kind], Ids] = {}
    rules: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        judgement, collection = finding.judgement, finding.namespace
        counted = judgement.verdict, collection, finding.kind
        verdicts[counted] += 1
        if finding.trace is not None:
            traced[counted] = finding.trace
        if finding.is_rechecked:
            rechecks[judgement.verdict, collection] += 1
        if judgement.reason == SAMPLED:
            sampled[collection] += 1
        rules.update((rule, collection) for rule in judgement.rules)
        _time(metrics, finding)
    for (verdict, collection, kind), n in verdicts.items():
        trace = traced.get((verdict, collection, kind))
        metrics.judged(verdict=verdict, collection=collection, kind=kind, n=n, trace=trace)
    for (verdict, collection), n in rechecks.items():
        metrics.rechecked(verdict=verdict, collection=collection, n=n)
    for collection, n in sampled.items():
        metrics.sampled(collection=collection, n=n)
    for (rule, collection), n in rules.items():
        metrics.excused(rule=rule, collection=collection, n=n)
    for drop in drops:
        metrics.dropped(collection=drop.namespace, what=drop.what.value, n=drop.n)
    metrics.lag(operations=lag.operations, seconds=lag.seconds, size_bytes=lag.bytes)


def _time(metrics: Metrics, finding: Finding) -> None:
    metrics.timed(
        collection=finding.namespace,
        kind=finding.kind,
        legacy_s=finding.legacy_s,
        gateway_s=finding.gateway_s,
        overhead_s=finding.overhead_s,
        compare_s=finding.compare_s,
        legacy_error=finding.legacy_error,
        gateway_error=finding.gateway_error,
        trace=finding.trace,
    )
