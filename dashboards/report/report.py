"""What the report says, before it is drawn."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from comparators.rules import Rule
from comparators.verdict import Verdict
from dashboards.report import words
from dashboards.report.plots import (
    Distribution,
    LatencyPlot,
    Stack,
    TimeLine,
    distribution,
    latency_plot,
    stack,
    time_line,
)
from dashboards.report.searches import SearchLine, search_lines
from dashboards.report.statements import Fault, coverage, faults
from proxy.ledger.read import (
    DivergenceState,
    Evidence,
    Gate,
    GateOutcome,
    Group,
    OrderKind,
    Progress,
    Result,
    Tally,
)

_LATENCY_GATES: Final = (Gate.LATENCY_P50, Gate.LATENCY_P95, Gate.LATENCY_P99)
NOBODY: Final[Mapping[str, str]] = MappingProxyType({})
_UNVERIFIED: Final = (Verdict.UNSUPPORTED, Verdict.TIMEOUT, Verdict.DROPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of the strip. `tone` is bad, doubt or plain."""

    name: str
    value: str
    detail: str = ""
    tone: str = "plain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One verdict in a bar; `width` in per cent."""

    verdict: Verdict
    name: str
    n: int
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleLine:
    """A rule, what it excused in a collection, and who answers for it; empty where it is declared no more."""

    rule: str
    says: str
    namespace: str
    n: int
    owner: str
    reason: str
    expires: str
    declared_by: str
    """Who declared it on the page, and when; empty for what was written into the file."""
    withdrawn: str
    """Who withdrew it, when and why; empty while it is declared, and where nobody did on the page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyLine:
    """The gateway's latency as a multiple of legacy's in one collection, with what each ratio lies between."""

    namespace: str
    ratios: tuple[GateOutcome | None, ...]
    """At p50, p95 and p99; None where no gate asks for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The evidence with its headline, strip and plots; None where there is nothing to plot."""

    evidence: Evidence
    headline: str
    confidence: str
    coverage: str
    cutover: tuple[str, ...]
    """How far a cut-over is, and what MongoDB lacks since; empty without one."""
    faults: tuple[Fault, ...]
    others: tuple[str, ...]
    """The reasons that the headline leaves out."""
    figures: tuple[tuple[Figure, ...], ...]
    """What was counted, and what was timed."""
    latency: LatencyPlot | None
    paths: Distribution | None
    overhead: Distribution | None
    throughput: TimeLine | None
    mismatched: TimeLine | None
    """None where nothing was."""
    verdicts: Stack | None
    lag: TimeLine | None
    groups: Mapping[Verdict, tuple[Group, ...]]
    rules: tuple[RuleLine, ...]
    searches: tuple[SearchLine, ...]
    ratios: tuple[LatencyLine, ...]
    settings: Mapping[str, str]
    """Of the verifier that wrote last, without any address."""
    signers: tuple[str, ...]


def build_report(
    evidence: Evidence,
    *,
    declared: Sequence[Rule] = (),
    declared_by: Mapping[str, str] = NOBODY,
    signers: Sequence[str] = (),
    cutover: Sequence[str] = (),
) -> Report:
    """Return the report on this evidence; `declared` are the rules of today, `declared_by` who declared which on the page, `signers` who shall sign, `cutover` what is known of one."""
    progress = evidence.progress
    latency = evidence.latency
    return Report(
        evidence=evidence,
        headline=_headline(evidence),
        confidence=_confidence(evidence.tally),
        coverage=coverage(evidence),
        cutover=tuple(cutover),
        faults=faults(evidence),
        others=tuple(_sentence(reason) for reason in evidence.conclusion.reasons[1:]),
        figures=(tuple(_counted(evidence)), tuple(_timed(evidence))),
        latency=latency_plot(evidence.collections),
        paths=distribution([("legacy", latency.legacy), ("gateway", latency.gateway)]),
        overhead=distribution([("overhead", latency.overhead)]),
        throughput=time_line(
            progress,
            value=lambda moment: moment.seen / progress.step_s,
            write=lambda rate: f"{rate:,.0f}/s" if rate >= 10 else f"{rate:.1f}/s",
            label="Operations judged per second",
        ),
        mismatched=_mismatched(progress),
        verdicts=stack(evidence.course),
        lag=time_line(
            evidence.lag,
            value=lambda moment: moment.lag_s,
            write=words.duration,
            label="Lag of the verifier behind the application",
        ),
        groups={
            verdict: tuple(group for group in evidence.groups if group.verdict is verdict)
            for verdict in (Verdict.MISMATCH, Verdict.GATEWAY_ERROR, Verdict.TRANSIENT)
        },
        rules=_rules(evidence, {rule.name: rule for rule in declared}, declared_by),
        searches=search_lines(evidence.searches),
        ratios=_ratios(evidence),
        settings=dict(_flat(json.loads(evidence.about.get("settings", "{}")))),
        signers=tuple(signers),
    )


def _mismatched(progress: Progress) -> TimeLine | None:
    if not any(moment.mismatched for moment in progress.moments):
        return None
    return time_line(
        progress,
        value=lambda moment: moment.mismatched,
        write=lambda n: words.count(int(n)),
        label="Mismatches",
    )


def _rules(
    evidence: Evidence, declared: Mapping[str, Rule], declared_by: Mapping[str, str]
) -> tuple[RuleLine, ...]:
    """Return the hits of each rule, and behind them the rules that excused nothing."""
    found = [(hit.rule, hit.namespace, hit.n) for hit in evidence.rules]
    idle = sorted(declared.keys() - {rule for rule, *_ in found})
    withdrawn = _withdrawn(evidence)
    return tuple(
        RuleLine(
            rule=name,
            says=words.rule_says(declared[name]) if name in declared else "",
            namespace=namespace,
            n=n,
            owner=declared[name].owner if name in declared else "",
            reason=declared[name].reason if name in declared else "",
            expires=declared[name].expires.isoformat() if name in declared else "",
            declared_by=declared_by.get(name, "") if name in declared else "",
            withdrawn="" if name in declared else withdrawn.get(name, ""),
        )
        for name, namespace, n in [*found, *((name, "", 0) for name in idle)]
    )


def _withdrawn(evidence: Evidence) -> Mapping[str, str]:
    return {
        change.outcome[
            "rule"
        ]: f"withdrawn by {change.who}, {words.moment(change.asked_ns)} UTC: {change.why}"
        for change in evidence.rule_changes
        if change.kind is OrderKind.WITHDRAW
    }


def _ratios(evidence: Evidence) -> tuple[LatencyLine, ...]:
    lines = []
    for collection in evidence.gates.collections:
        by_gate = {outcome.gate: outcome for outcome in collection.outcomes}
        ratios = tuple(by_gate.get(gate) for gate in _LATENCY_GATES)
        if any(ratio is not None and ratio.value is not None for ratio in ratios):
            lines.append(LatencyLine(namespace=collection.namespace, ratios=ratios))
    return tuple(lines)


def _flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Return nested settings by dotted name."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(value, ensure_ascii=False)


def segments(tally: Tally) -> tuple[Segment, ...]:
    """Return the bar of a tally; every verdict that occurred is wide enough to be seen."""
    counts = {verdict: tally.verdicts.get(verdict, 0) for verdict in words.VERDICT_NAMES}
    counts[Verdict.DROPPED] += tally.dropped
    present = {verdict: n for verdict, n in counts.items() if n}
    weights = {verdict: max(n / tally.seen, 0.01) for verdict, n in present.items()}
    total = sum(weights.values())
    return tuple(
        Segment(
            verdict=verdict,
            name=words.verdict_name(verdict),
            n=n,
            width=round(100 * weights[verdict] / total, 2),
        )
        for verdict, n in present.items()
    )


def _headline(evidence: Evidence) -> str:
    if evidence.conclusion.result is Result.PASS:
        return (
            f"All {words.plural(evidence.tally.verified, 'verified operation')} "
            "gave the same result on both sides."
        )
    return _sentence(evidence.conclusion.reasons[0])


def _confidence(tally: Tally) -> str:
    bound = tally.mismatch_bound
    if bound is None:
        return ""
    operations = words.plural(tally.verified, "verified operation")
    found = (
        f"{words.share(tally.mismatched, tally.verified)} of the {operations} did not match"
        if tally.mismatched
        else f"No mismatch in {operations}"
    )
    return (
        f"{found}: with 95 % confidence, fewer than 1 in {max(int(1 / bound), 1):,} operations "
        "like these would differ."
    )


def _sentence(reason: str) -> str:
    return f"{reason[0].upper()}{reason[1:]}."


def _counted(evidence: Evidence) -> Iterator[Figure]:
    tally = evidence.tally
    yield Figure(name="seen", value=words.count(tally.seen), detail="operations")
    yield Figure(
        name="verified",
        value=words.share(tally.verified, tally.seen),
        detail=f"{words.count(tally.verified)} operations",
        tone="plain" if tally.verified else "doubt",
    )
    yield Figure(
        name="states compared",
        value=words.count(tally.states_compared),
        detail="stored documents, after writes",
    )
    differing = tally.mismatched + tally.verdicts.get(Verdict.GATEWAY_ERROR, 0)
    groups = sum(group.verdict is not Verdict.TRANSIENT for group in evidence.groups)
    yield Figure(
        name="mismatches, gateway errors",
        value=words.count(differing),
        detail=f"in {words.plural(groups, 'group')}" if groups else "confirmed at a recheck",
        tone="bad" if differing else "plain",
    )
    unverified = sum(tally.verdicts.get(verdict, 0) for verdict in _UNVERIFIED) + tally.dropped
    yield Figure(
        name="not verified",
        value=words.count(unverified),
        detail="unsupported, late, dropped",
        tone="doubt" if unverified else "plain",
    )
    diverging = evidence.divergences.get(DivergenceState.OPEN, 0)
    yield Figure(
        name="divergent documents",
        value=words.count(diverging),
        detail="open now",
        tone="bad" if diverging else "plain",
    )


def _timed(evidence: Evidence) -> Iterator[Figure]:
    legacy, gateway = evidence.latency.legacy, evidence.latency.gateway
    yield Figure(
        name="legacy p50",
        value=words.duration(legacy.p50_s if legacy else None),
        detail=f"p99 {words.duration(legacy.p99_s)}" if legacy else "not timed",
    )
    yield Figure(
        name="gateway p50",
        value=words.duration(gateway.p50_s if gateway else None),
        detail=f"p99 {words.duration(gateway.p99_s)}, {words.ratio(evidence.latency.ratio)} legacy"
        if gateway
        else "not timed",
    )
    overhead = evidence.latency.overhead
    yield Figure(
        name="added by the relay, p50",
        value=words.duration(overhead.p50_s if overhead else None),
        detail=f"p99 {words.duration(overhead.p99_s)}" if overhead else "not timed",
    )
    for beat in evidence.heartbeats:
        yield Figure(
            name="lag of the verifier",
            value=words.duration(beat.lag_s),
            detail=f"{words.count(beat.lag_operations)} to go at {words.clock(beat.at_ns)}",
        )
