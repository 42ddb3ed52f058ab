"""What the ledger must say after a test: all was verified, and nothing differs."""

from collections import Counter
from dataclasses import dataclass, field

from comparators.verdict import Verdict
from proxy.ledger.evidence import Evidence, Tally

WRONG = (Verdict.MISMATCH, Verdict.GATEWAY_ERROR, Verdict.TIMEOUT, Verdict.DROPPED)
NOT_VERIFIED = (Verdict.UNSUPPORTED, Verdict.NOT_COMPARABLE)


@dataclass(slots=True)
class Expected:
    """What a test knows that Parallax cannot compare.

    `reasons` are the words that the ledger gives; each must occur, and no other may.
    """

    reasons: set[str] = field(default_factory=set)
    maybe: set[str] = field(default_factory=set)
    """Reasons that depend on how concurrent clients meet."""


def assert_verified(evidence: Evidence, database: str, expected: Expected) -> None:
    """Assert that operations of a database were verified, that all were, and that none differs."""
    shown = inventory(evidence, database)
    assert not wrong_verdicts(evidence, database), shown
    assert not [one for one in evidence.divergent if _is_of(one.namespace, database)], shown
    assert not [one for one in evidence.drops if _is_of(one.namespace, database)], shown
    verified = sum(tally.verified for tally in _tallies(evidence, database))
    assert verified > 0, f"nothing was verified in {database}\n{shown}"
    found = {reason for (_, reason, _, _), _ in _unverified(evidence, database)}
    assert found - expected.maybe == expected.reasons - expected.maybe, shown


def wrong_verdicts(evidence: Evidence, database: str) -> str:
    """Return the groups of verdicts that no test may cause, as text; empty if there are none."""
    counts: Counter[Verdict] = Counter()
    for tally in _tallies(evidence, database):
        counts.update({verdict: tally.verdicts.get(verdict, 0) for verdict in WRONG})
    if not +counts:
        return ""
    lines = [f"{verdict}: {n}" for verdict, n in counts.items() if n]
    for group in evidence.groups:
        if _is_of(group.namespace, database) and group.verdict in WRONG:
            lines.append(
                f"{group.n} x {group.verdict} {group.shape}: {group.change} at {group.path!r} {group.reason}"
            )
            lines += [f"    {sample}" for sample in group.samples[:1]]
    return "\n".join(lines)


def inventory(evidence: Evidence, database: str) -> str:
    """Return everything that was not a match, as text for whoever reads a failure."""
    lines = [wrong_verdicts(evidence, database)]
    lines += [
        f"{n} x {verdict}: {reason}: {kind} {shape}"
        for (verdict, reason, kind, shape), n in _unverified(evidence, database)
    ]
    lines += [f"differs: {one}" for one in evidence.divergent if _is_of(one.namespace, database)]
    lines += [f"dropped: {one}" for one in evidence.drops if _is_of(one.namespace, database)]
    return "\n".join(line for line in lines if line) or "every operation matched"


def _unverified(
    evidence: Evidence, database: str
) -> list[tuple[tuple[Verdict, str, str, str], int]]:
    return [
        ((one.verdict, one.reason, one.kind, one.shape), one.n)
        for one in evidence.reasons
        if one.verdict in NOT_VERIFIED and _is_of(one.namespace, database)
    ]


def _tallies(evidence: Evidence, database: str) -> list[Tally]:
    return [one.tally for one in evidence.collections if _is_of(one.namespace, database)]


def _is_of(namespace: str, database: str) -> bool:
    return not database or namespace.partition(".")[0] == database
