"""Which injected defects the verifier found, and which of its findings no defect explains.

A document is found when the ledger holds it as diverged, an answer when the exchange is among the mismatches
that the verifier confirmed. A mismatch is explained when the damaged gateway answered that very operation
otherwise than its undamaged twin; a diverged document when the two hold it differently.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.injection import DefectKind, Entry, EntryKind, digest_of, read_record
from comparators.canonical import decode
from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.capture.reader import CaptureReader
from proxy.ledger.evidence import Evidence
from proxy.ledger.lookup import DivergedAmong, diverged_among
from proxy.request import read_request
from proxy.shadow.decode import read_exchange
from proxy.shadow.exchange import Exchange

Place = tuple[str, bytes]

_CONFIRMED: Final = "mismatch_confirmed"


@dataclass(slots=True, kw_only=True)
class Fate:
    """What became of the defects of one kind; the last four add up to the first."""

    injected: int = 0
    overwritten: int = 0
    """Deleted, overwritten or put right before the verifier could look."""
    doubted: int = 0
    """In a write whose order the log cannot tell: the verifier says so, and puts both sides right."""
    found: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """The answer to "does it find what is there, and nothing else?"."""

    by_kind: Mapping[DefectKind, Fate]
    missed: tuple[str, ...]
    mismatches: int
    unexplained: tuple[str, ...]

    @property
    def found(self) -> int:
        """Defects that were found."""
        return sum(fate.found for fate in self.by_kind.values())

    @property
    def observable(self) -> int:
        """Defects that could be found."""
        return self.found + len(self.missed)

    @property
    def share(self) -> float | None:
        """The share of observable defects that were found; None when there were none."""
        return self.found / self.observable if self.observable else None

    @property
    def false_alarms(self) -> int:
        """Findings without a defect behind them."""
        return len(self.unexplained)

    @property
    def is_perfect(self) -> bool:
        """Return whether defects were injected, all that could be were found, and nothing else."""
        return bool(self.found) and not self.missed and not self.unexplained


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """A mismatching exchange: where it begins on the log, and which operation it was."""

    position: int
    namespace: str
    operation: str


async def recall_of(
    evidence: Evidence, *, ledger: str, record: Path, capture: Path, log: Path
) -> Recall:
    """Compare the record of defects with the ledger, the verifier's log and the kept exchanges."""
    entries = tuple(read_record(record))
    places = tuple(_last_words(entries))
    diverged = await diverged_among(
        ledger, [(namespace, decode(document)[""]) for namespace, document in places]
    )
    found = frozenset(places[number] for number in diverged.known)
    confirmed = tuple(_confirmed(log, capture))
    fates = {kind: Fate() for kind in DefectKind}
    missed = [*_judge_stored(entries, found, fates), *_judge_answers(entries, confirmed, fates)]
    return Recall(
        by_kind=fates,
        missed=tuple(missed),
        mismatches=evidence.tally.mismatched,
        unexplained=tuple(_unexplained(entries, confirmed, diverged, evidence)),
    )


def _last_words(entries: Sequence[Entry]) -> Mapping[Place, EntryKind]:
    """Return, for each document that ever differed from its twin, whether it still did at last."""
    return {
        (entry.namespace, entry.document): entry.kind
        for entry in entries
        if entry.document is not None and entry.kind in {EntryKind.DIFFERS, EntryKind.HEALED}
    }


def _judge_stored(
    entries: Sequence[Entry], found: frozenset[Place], fates: Mapping[DefectKind, Fate]
) -> Iterator[str]:
    """Count the fates of damaged documents; give those that were missed."""
    last = _last_words(entries)
    for entry in entries:
        if entry.kind is not EntryKind.STORED or entry.defect is None or entry.document is None:
            continue
        fate, place = fates[entry.defect], (entry.namespace, entry.document)
        fate.injected += 1
        if place in found:
            fate.found += 1
        elif last.get(place) is EntryKind.HEALED:
            fate.overwritten += 1
        else:
            fate.missed += 1
            yield f"{entry.defect} in {entry.namespace}, document {entry.document.hex()}"


def _judge_answers(
    entries: Sequence[Entry], confirmed: Sequence[Confirmed], fates: Mapping[DefectKind, Fate]
) -> Iterator[str]:
    """Count the fates of damaged answers; give those that were missed."""
    reads = {one.operation for one in confirmed}
    writes = {(one.operation, one.position) for one in confirmed}
    doubted = {entry.operation for entry in entries if entry.kind is EntryKind.DOUBTED}
    harmless = {entry.operation for entry in entries if entry.kind is EntryKind.HARMLESS}
    for entry in entries:
        if entry.kind is not EntryKind.ANSWERED or entry.defect is None:
            continue
        fate, operation = fates[entry.defect], entry.operation
        fate.injected += 1
        is_read = entry.position is None
        if operation in reads if is_read else (operation, entry.position) in writes:
            fate.found += 1
        elif operation in doubted:
            fate.doubted += 1
        elif operation in harmless:
            fate.overwritten += 1
        else:
            fate.missed += 1
            yield f"{entry.defect} in {entry.namespace}, operation {operation} at {entry.position}"


def _unexplained(
    entries: Sequence[Entry],
    confirmed: Sequence[Confirmed],
    diverged: DivergedAmong,
    evidence: Evidence,
) -> Iterator[str]:
    """Give the mismatches that no defect explains."""
    affected = {entry.operation for entry in entries if entry.kind is EntryKind.AFFECTED}
    answered = {
        (entry.operation, entry.position) for entry in entries if entry.kind is EntryKind.ANSWERED
    }
    for one in confirmed:
        damaged = {(one.operation, None), (one.operation, one.position)} & answered
        if one.operation not in affected and not damaged:
            yield f"exchange at {one.position} in {one.namespace}"
    for namespace, document in diverged.others:
        yield f"document {document} in {namespace}"
    of_exchanges = sum(
        group.n
        for group in evidence.groups
        if group.verdict is Verdict.MISMATCH and group.kind != Kind.STATE
    )
    for _ in range(of_exchanges - len(confirmed)):
        yield "a mismatch on the ledger that the verifier did not log"


def _confirmed(log: Path, capture: Path) -> Iterator[Confirmed]:
    """Give the exchanges that the verifier logged as mismatches, read again from the capture log."""
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        if _CONFIRMED not in line or not line.startswith("{"):
            continue
        event = json.loads(line)
        if event.get("event") == _CONFIRMED:
            yield _read_again(capture, int(event["position"]))


def _read_again(capture: Path, position: int) -> Confirmed:
    reader = CaptureReader(capture, position)
    try:
        records = reader.poll(1)
    finally:
        reader.close()
    request = read_request(records[0].request, start=position)
    exchange = read_exchange(records[0], request, writes=False)
    operation = digest_of(exchange.operation) if isinstance(exchange, Exchange) else ""
    return Confirmed(position=position, namespace=request.namespace, operation=operation)
