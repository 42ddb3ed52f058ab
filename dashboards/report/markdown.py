"""The report as Markdown, for a pull request or a ticket: the answer, the gates, the figures, what went unverified."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from comparators.verdict import Verdict
from dashboards.report import words
from dashboards.report.json import report_digest
from dashboards.report.report import Report, RuleLine
from dashboards.report.statements import Fault
from proxy.ledger.read import (
    ActionEvidence,
    CollectionEvidence,
    DivergenceState,
    Evidence,
    FlagChange,
    GateOutcome,
    Quantiles,
)

MAX_ROWS: Final = 50

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def render_markdown(report: Report) -> str:
    """Return the report; long lists are cut and say so."""
    evidence = report.evidence
    parts = (
        _answer(report),
        _gates(evidence),
        _flags(evidence.flags),
        _faults(report.faults),
        _collections(evidence.collections),
        _divergent(evidence),
        _unverified(evidence),
        _searches(report),
        _rules(report.rules),
        _rule_changes(report.evidence.rule_changes),
        _signatures(report),
    )
    return "\n".join(chain.from_iterable(parts)) + "\n"


def _answer(report: Report) -> Iterator[str]:
    evidence = report.evidence
    yield f"# Parallax: {evidence.conclusion.result.value}"
    yield ""
    yield text(report.headline)
    if report.others:
        yield ""
        yield from (f"* {text(reason)}" for reason in report.others)
    if report.confidence:
        yield ""
        yield text(report.confidence)
    for sentence in (report.coverage, *report.cutover):
        yield ""
        yield text(sentence)
    yield ""
    yield (
        f"Operations from {words.moment(evidence.first_ns)} to {words.moment(evidence.last_ns)} UTC; "
        f"read {words.moment(evidence.read_ns)} UTC."
    )
    if evidence.namespaces:
        yield ""
        yield f"Only {text(', '.join(evidence.namespaces))}."
    versions = [
        f"{words.fact_name(name)} {told}"
        for name, told in evidence.about.items()
        if name in words.FACTS
    ]
    if versions:
        yield ""
        yield text(f"{', '.join(versions)}.")


def _gates(evidence: Evidence) -> Iterator[str]:
    rows = [
        (collection.namespace, outcome)
        for collection in evidence.gates.collections
        for outcome in collection.outcomes
    ]
    rows += [("(the ledger)", outcome) for outcome in evidence.gates.ledger]
    yield from _section("Gates")
    yield "Intervals and rates hold with 95 % confidence."
    yield ""
    yield from _table(
        ("Collection", "Gate", "Result", "Found", "Asked for", "Missing"),
        [_gate(name, outcome) for name, outcome in rows],
        # What stands against a pass is never cut.
        limit=len(rows),
    )
    not_asked = {gate for collection in evidence.gates.collections for gate in collection.not_asked}
    if not_asked:
        yield ""
        names = ", ".join(sorted(words.gate_name(gate) for gate in not_asked))
        yield f"Not asked for everywhere: {names}."


def _gate(name: str, outcome: GateOutcome) -> Sequence[str]:
    return (
        name,
        words.gate_name(outcome.gate),
        words.light(outcome.result),
        outcome.found,
        outcome.wanted,
        outcome.missing,
    )


def _flags(changes: Sequence[FlagChange]) -> Iterator[str]:
    if not changes:
        return
    yield from _section("Flags")
    yield from _table(
        ("Collection", "Of", "From", "To", "When (UTC)", "Who", "Why", "Gates then"),
        [
            (
                change.namespace or "(default)",
                change.direction,
                change.before,
                f"{change.after}{' (forced)' if change.forced else ''}",
                words.moment(change.at_ns),
                change.who,
                change.why,
                words.gates_then(change),
            )
            for change in changes
        ],
    )


def _faults(faults: Sequence[Fault]) -> Iterator[str]:
    yield from _section("Faults and roll-backs")
    yield from _table(
        ("When (UTC)", "What", "Lasted", "Collection", "Why"),
        [
            (
                words.moment(fault.at_ns),
                fault.what,
                words.duration((fault.until_ns - fault.at_ns) / 1e9) if fault.until_ns else "",
                fault.where,
                fault.why,
            )
            for fault in faults
        ],
    )


def _divergent(evidence: Evidence) -> Iterator[str]:
    """Tell which documents differ still; what is settled is in the page and the JSON."""
    differing = [each for each in evidence.divergent if each.state is DivergenceState.OPEN]
    yield from _section("Documents that differ")
    yield from _table(
        ("Collection", "_id", "Cause", "Where", "Since (UTC)"),
        [
            (
                each.namespace,
                each.document,
                each.cause,
                ", ".join(change.path or "(whole document)" for change in each.differences),
                words.moment(each.since_ns),
            )
            for each in differing
        ],
    )


def _collections(collections: Sequence[CollectionEvidence]) -> Iterator[str]:
    yield from _section("Collections")
    yield from _table(
        ("Collection", "Seen", "Verified", "Mismatches", "Legacy p50", "p99", "Gateway p50", "p99"),
        [
            (
                one.namespace,
                words.count(one.tally.seen),
                words.share(one.tally.verified, one.tally.seen),
                words.count(one.tally.mismatched),
                *_durations(one.latency.legacy),
                *_durations(one.latency.gateway),
            )
            for one in collections
        ],
    )


def _durations(side: Quantiles | None) -> Sequence[str]:
    return (
        words.duration(side.p50_s if side else None),
        words.duration(side.p99_s if side else None),
    )


def _unverified(evidence: Evidence) -> Iterator[str]:
    kinds = (Verdict.UNSUPPORTED, Verdict.TIMEOUT, Verdict.DROPPED, Verdict.NOT_COMPARABLE)
    yield from _section("Not verified, and why")
    yield from _table(
        ("Verdict", "Reason", "Collection", "Operations"),
        [
            (words.verdict_name(kind), found.reason, found.namespace, words.count(found.n))
            for kind in kinds
            for found in evidence.reasons_for(kind)
        ]
        + [
            ("not captured", drop.reason, drop.namespace, words.count(drop.n))
            for drop in evidence.drops
        ],
    )


def _searches(report: Report) -> Iterator[str]:
    if not report.searches:
        return
    yield from _section("Searches")
    heads = ("Collection", "Compared", "Agreed", "By rule", "Differed", "Transient", "Not compared")
    yield from _table(
        heads,
        [
            (
                line.namespace,
                *map(words.count, (line.compared, line.agreed, line.by_rule)),
                *map(words.count, (line.differed, line.transient, line.not_compared)),
            )
            for line in report.searches
        ],
    )
    differences = report.evidence.search_differences
    if differences:
        yield ""
        yield from _table(
            ("When (UTC)", "Collection", "In what", "Reason", "How"),
            [
                (
                    *(words.moment(each.at_ns), each.namespace, each.aspect.value),
                    *(each.reason, words.alone(each)),
                )
                for each in differences
            ],
        )


def _rules(rules: Sequence[RuleLine]) -> Iterator[str]:
    yield from _section("Differences excused by rules")
    yield from _table(
        ("Rule", "What it does", "Collection", "Differences", "Owner", "Reason", "Expires"),
        [
            (
                *(rule.rule, rule.says or rule.withdrawn, rule.namespace, words.count(rule.n)),
                *(rule.owner, rule.reason, rule.expires),
            )
            for rule in rules
        ],
    )


def _rule_changes(changes: Sequence[ActionEvidence]) -> Iterator[str]:
    if not changes:
        return
    yield from _section("Rules declared and withdrawn on the page")
    yield from _table(
        ("When (UTC)", "Rule", "What", "Collection", "Who", "Why"),
        [
            (
                *(
                    words.moment(change.asked_ns),
                    change.outcome["rule"],
                    words.rule_changed(change),
                ),
                *(change.namespace, change.who, change.why),
            )
            for change in changes
        ],
    )


def _signatures(report: Report) -> Iterator[str]:
    yield from _section("Sign-off")
    yield f"A signature stands for the figures with the digest `{report_digest(report)}`."
    yield ""
    signers = report.signers or ("", "")
    yield from _table(("Name", "Signature", "Date"), [(name, "", "") for name in signers])


def _section(title: str) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""


def _table(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, limit: int = MAX_ROWS
) -> Iterator[str]:
    if not rows:
        yield "None."
        return
    yield _row(heads)
    yield _row(["---"] * len(heads))
    yield from (_row(text(cell) for cell in row) for row in rows[:limit])
    if len(rows) > limit:
        yield ""
        yield f"{words.count(len(rows) - limit)} more in the JSON report."


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def text(plain: str) -> str:
    """Return text that Markdown shows as it is: names come from the application."""
    return " ".join(_SPECIAL.sub(r"\\\1", plain).split())
