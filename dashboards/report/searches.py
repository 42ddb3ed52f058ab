"""What the report says of searches: how many were compared in each collection, and what came of it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from comparators.verdict import Verdict
from proxy.ledger.read import SearchCount

_AGREED = (Verdict.MATCH, Verdict.MATCH_BY_RULE)
_COMPARED = (*_AGREED, Verdict.MISMATCH, Verdict.TRANSIENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchLine:
    """The searches of a collection; `agreed` holds those `by_rule`, and `compared` those that differed for a moment only."""

    namespace: str
    compared: int
    agreed: int
    by_rule: int
    differed: int
    transient: int
    not_compared: int


def search_lines(counts: Sequence[SearchCount]) -> tuple[SearchLine, ...]:
    """Return a line for each collection that was searched, those with differences first."""
    sums: dict[str, Counter[Verdict]] = {}
    for each in counts:
        sums.setdefault(each.namespace, Counter())[each.verdict] += each.n
    lines = [_line(namespace, verdicts) for namespace, verdicts in sums.items()]
    return tuple(sorted(lines, key=lambda line: (-line.differed, -line.compared, line.namespace)))


def _line(namespace: str, verdicts: Mapping[Verdict, int]) -> SearchLine:
    compared = sum(verdicts.get(each, 0) for each in _COMPARED)
    return SearchLine(
        namespace=namespace,
        compared=compared,
        agreed=sum(verdicts.get(each, 0) for each in _AGREED),
        by_rule=verdicts.get(Verdict.MATCH_BY_RULE, 0),
        differed=verdicts.get(Verdict.MISMATCH, 0),
        transient=verdicts.get(Verdict.TRANSIENT, 0),
        not_compared=sum(verdicts.values()) - compared,
    )
