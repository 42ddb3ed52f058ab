"""What a reader who signs wants in a sentence: how much was covered, and what went wrong on the way."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from comparators.verdict import Verdict
from dashboards.report import words
from proxy.ledger.read import SAMPLED, EventKind, Evidence

FAULTS: Final = {
    EventKind.GATEWAY_OUTAGE: "PostgreSQL did not answer",
    EventKind.LEGACY_OUTAGE: "MongoDB did not answer",
    EventKind.LEDGER_OUTAGE: "the ledger did not answer",
    EventKind.RECORDS_SKIPPED: "records of the capture log could not be read",
    EventKind.CAPTURE_GAP: "the capture log has a gap",
    EventKind.ACKNOWLEDGED_EARLY: "writes were acknowledged without the gateway",
}
"""The events that are faults; the others are what happens in any run."""
_UNVERIFIED: Final = (
    Verdict.UNSUPPORTED,
    Verdict.TIMEOUT,
    Verdict.GATEWAY_ERROR,
    Verdict.NOT_COMPARABLE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that went wrong, or was set back because of that; `until_ns` is None for a moment, or while it lasts."""

    at_ns: int
    until_ns: int | None
    what: str
    where: str
    why: str
    is_roll_back: bool = False


def coverage(evidence: Evidence) -> str:
    """Return how much of what was asked for was verified, and what became of the rest."""
    tally = evidence.tally
    if not tally.seen:
        return "No operation was seen, so that nothing is covered."
    seen = words.plural(tally.seen, "operation")
    collections = words.plural(len(evidence.collections), "collection")
    rest = ", ".join(_rest(evidence))
    states = words.plural(tally.states_compared, "stored document")
    whole = sum(sweep.oldest_ns > 0 for sweep in evidence.sweeps)
    swept = f"{whole} of {collections} swept whole"
    return (
        f"Of {seen} seen in {collections}, {words.count(tally.verified)} "
        f"({words.share(tally.verified, tally.seen)}) were verified. "
        f"{f'Not verified: {rest}.' if rest else 'Nothing was left out.'} "
        f"Beside them {states} {'was' if tally.states_compared == 1 else 'were'} compared after writes; {swept}."
    )


def _rest(evidence: Evidence) -> Iterator[str]:
    tally = evidence.tally
    for verdict in _UNVERIFIED:
        n = tally.verdicts.get(verdict, 0)
        if n:
            yield f"{words.count(n)} {words.verdict_name(verdict)}"
        if verdict is Verdict.NOT_COMPARABLE and n:
            sampled = sum(
                each.n for each in evidence.reasons_for(verdict) if each.reason == SAMPLED
            )
            if sampled:
                yield f"of which {words.count(sampled)} sampled"
    dropped = tally.dropped + tally.verdicts.get(Verdict.DROPPED, 0)
    if dropped:
        yield f"{words.count(dropped)} dropped"


def faults(evidence: Evidence) -> tuple[Fault, ...]:
    """Return the outages, losses and roll-backs, the newest first."""
    found = [
        Fault(
            at_ns=event.at_ns,
            until_ns=event.until_ns,
            what=f"{FAULTS[event.kind]}{f' ({event.n:,})' if event.n != 1 else ''}",
            where=event.namespace,
            why=event.detail,
        )
        for event in evidence.events
        if event.kind in FAULTS
    ]
    found += [
        Fault(
            at_ns=change.at_ns,
            until_ns=None,
            what=f"{change.direction} set back from {change.before} to {change.after}",
            where=change.namespace or "(default)",
            why=change.why,
            is_roll_back=True,
        )
        for change in evidence.flags
        if change.is_roll_back
    ]
    return tuple(sorted(found, key=lambda each: -each.at_ns))
