"""The report as Markdown, for a pull request or a ticket: the answer, the gates, the figures, what went unverified."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from comparators.verdict import Verdict
from dashboards.report import words
from dashboards.report.json import report_digest
from dashboards.report.report import Report, RuleLine
from proxy.ledger.read import CollectionEvidence, Evidence, FlagChange, GateOutcome, Quantiles

MAX_ROWS: Final = 50

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]<>()#+!|~&])")


def render_markdown(report: Report) -> str:
    """Return the report; long lists are cut and say so."""
    evidence = report.evidence
    parts = (
        _answer(report),
        _gates(evidence),
        _flags(evidence.flags),
        _collections(evidence.collections),
        _unverified(evidence),
        _rules(report.rules),
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
    yield ""
    yield (
        f"Operations from {words.moment(evidence.first_ns)} to {words.moment(evidence.last_ns)} UTC; "
        f"read {words.moment(evidence.read_ns)} UTC."
    )
    if evidence.namespaces:
        yield ""
        yield f"Only {text(', '.join(evidence.namespaces))}."


def _gates(evidence: Evidence) -> Iterator[str]:
    rows = [
        (collection.namespace, outcome)
        for collection in evidence.gates.collections
        for outcome in collection.outcomes
    ]
    rows += [("(the ledger)", outcome) for outcome in evidence.gates.ledger]
    yield from _section("Gates")
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


def _rules(rules: Sequence[RuleLine]) -> Iterator[str]:
    yield from _section("Differences excused by rules")
    yield from _table(
        ("Rule", "Collection", "Differences", "Owner", "Reason", "Expires"),
        [
            (rule.rule, rule.namespace, words.count(rule.n), rule.owner, rule.reason, rule.expires)
            for rule in rules
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
