"""What the evidence as a whole says. The rule is written down in `docs/report.md`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from comparators.verdict import Verdict


class Result(StrEnum):
    """The three answers; only `pass` lets anyone sign."""

    PASS = "pass"  # noqa: S105 - a verdict, no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conclusion:
    """The answer, and every reason for it, the gravest first; a pass has none."""

    result: Result
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """The figures that a conclusion rests on."""

    verdicts: Mapping[Verdict, int]
    verified: int
    differing_states: int
    """Stored documents that were found to differ after a write."""
    uncompared_states: int
    open_divergences: int
    lost_writes: int
    dropped_reads: int
    skipped_records: int
    capture_gaps: int
    backlog: int
    """Operations that the verifier had not reached when it last wrote."""
    behind_s: float
    """How far behind that was, or how long the verifier has been silent with a backlog."""
    collections_without_verification: Sequence[str]


MAX_BEHIND_S = 60
"""Evidence that is older than this, while there is a backlog, is not evidence about now."""


def conclude(facts: Facts) -> Conclusion:
    """Return the answer: any proof of a difference fails, anything left unverified forbids a pass."""
    failures = tuple(_failures(facts))
    doubts = tuple(_doubts(facts))
    if failures:
        return Conclusion(result=Result.FAIL, reasons=failures + doubts)
    if doubts:
        return Conclusion(result=Result.INCONCLUSIVE, reasons=doubts)
    return Conclusion(result=Result.PASS)


def _failures(facts: Facts) -> Iterator[str]:
    mismatches = facts.verdicts.get(Verdict.MISMATCH, 0)
    errors = facts.verdicts.get(Verdict.GATEWAY_ERROR, 0)
    if mismatches:
        yield f"{_n(mismatches, 'operation')} gave another result on the gateway"
    if errors:
        yield f"{_n(errors, 'operation')} failed on the gateway only"
    if facts.differing_states:
        yield f"{_n(facts.differing_states, 'stored document')} differed after a write"
    if facts.open_divergences:
        yield f"{_n(facts.open_divergences, 'document')} differ{_s(facts.open_divergences)} now"


def _doubts(facts: Facts) -> Iterator[str]:
    if not facts.verified:
        yield "no operation was verified"
    for verdict, text in (
        (Verdict.UNSUPPORTED, "used what the gateway does not support"),
        (Verdict.TIMEOUT, "took too long on the gateway to be compared"),
        (Verdict.DROPPED, "{was} dropped before verification"),
    ):
        n = facts.verdicts.get(verdict, 0)
        if n:
            yield f"{_n(n, 'operation')} {text.format(was='was' if n == 1 else 'were')}"
    if facts.lost_writes:
        yield f"{_n(facts.lost_writes, 'write')} could not be captured"
    if facts.dropped_reads:
        yield f"{_n(facts.dropped_reads, 'read')} went uncaptured"
    if facts.uncompared_states:
        yield f"{_n(facts.uncompared_states, 'stored document')} could not be compared"
    if facts.skipped_records:
        yield f"{_n(facts.skipped_records, 'record')} of the capture log could not be read"
    if facts.capture_gaps:
        yield f"the capture log has {_n(facts.capture_gaps, 'gap')}"
    if facts.backlog and facts.behind_s > MAX_BEHIND_S:
        yield (
            f"the verifier is {facts.behind_s:.0f} s behind, "
            f"with {_n(facts.backlog, 'operation')} to go"
        )
    if facts.verified:
        for namespace in facts.collections_without_verification:
            yield f"nothing was verified in {namespace}"


def _n(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _s(n: int) -> str:
    return "s" if n == 1 else ""
