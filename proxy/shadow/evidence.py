"""What the verifier found out since the last checkpoint, on its way to the ledger."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.gateway import Footprint
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome
from comparators.shape import shape_of
from comparators.verdict import Judgement, Verdict
from proxy.ledger.entries import (
    Divergence,
    Drop,
    Dropped,
    Event,
    EventKind,
    Explained,
    Finding,
    Resolution,
    Writer,
)
from proxy.ledger.orders import Settlement
from proxy.shadow.exchange import Exchange
from proxy.shadow.patience import Side
from proxy.shadow.traced_writes import TracedWrite, TracedWrites
from proxy.shadow.traces import Traces, error_of
from proxy.shadow.writers import Writers
from proxy.tracing.trail import Ids

_OUTAGES: Final = {
    Side.GATEWAY: EventKind.GATEWAY_OUTAGE,
    Side.LEDGER: EventKind.LEDGER_OUTAGE,
    Side.LEGACY: EventKind.LEGACY_OUTAGE,
}

_AGAINST: Final = frozenset({Verdict.MISMATCH, Verdict.GATEWAY_ERROR})
_MOST_DOCUMENTS: Final = 20
_HOLES: Final = frozenset({EventKind.RECORDS_SKIPPED, EventKind.CAPTURE_GAP})
ANYTHING: Final = "*"
"""In place of a collection, of what may concern each."""

Hears = Callable[[str, str], None]
"""Is told of what speaks against letting the gateway answer for a collection, and why."""

Times = Callable[[str, float, float], None]
"""Is told of each operation of a collection that both sides answered what MongoDB took and what the gateway, in seconds."""

STATES_DIFFER: Final = "the stored documents differ"


@dataclass(slots=True)
class Gathered:
    """One batch for the ledger."""

    findings: list[Finding] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    drops: list[Drop] = field(default_factory=list)
    diverged: list[Divergence] = field(default_factory=list)
    resolved: list[Resolution] = field(default_factory=list)
    settled: list[Settlement] = field(default_factory=list)
    explained: list[Explained] = field(default_factory=list)


class Evidence:
    """Gather findings; `take` empties it."""

    def __init__(
        self,
        log: str,
        *,
        hears: Hears | None = None,
        times: Times | None = None,
        traces: Traces | None = None,
        writers: Writers | None = None,
    ) -> None:
        self._log = log
        self._writers = writers
        self._traced = None if traces is None else TracedWrites()
        self._traces = traces
        self._hears = hears
        self._times = times
        self._gathered = Gathered()
        self.awaited = asyncio.Event()
        """Is set while somebody waits for what was gathered to reach the ledger."""

    def __len__(self) -> int:
        return len(self._gathered.findings)

    def take(self) -> Gathered:
        """Return what was gathered and begin anew."""
        gathered, self._gathered = self._gathered, Gathered()
        if self._traces is not None:
            self._traces.states.flush()
        self.awaited.clear()
        return gathered

    def judged(
        self,
        exchange: Exchange,
        judgement: Judgement,
        *,
        outcome: Outcome | None = None,
        compare_s: float | None = None,
        is_rechecked: bool = False,
    ) -> Ids | None:
        """Enter the verdict on an exchange; return its numbers in a trace, None where it is not traced.

        `outcome` is that of the gateway, None where it gave none.
        """
        operation = exchange.operation
        shape = exchange.shape
        trace = None
        if self._traces is not None:
            trace = self._traces.judged(exchange, judgement, shape, outcome)
        gateway_s = None if outcome is None else outcome.duration_s
        if exchange.writes and self._traced is not None:
            self._traced.note(exchange.start, TracedWrite(exchange.parent, trace))
        self._told(operation.namespace, operation.kind, judgement)
        if self._times is not None and gateway_s is not None and exchange.legacy is not None:
            self._times(operation.namespace, exchange.legacy_s, gateway_s)
        self._gathered.findings.append(
            Finding(
                at_ns=exchange.received_ns,
                log=self._log,
                position=exchange.start,
                namespace=operation.namespace,
                kind=operation.kind,
                shape=shape,
                judgement=judgement,
                legacy_s=exchange.legacy_s if exchange.legacy is not None else None,
                gateway_s=gateway_s,
                overhead_s=exchange.overhead_s,
                compare_s=compare_s,
                documents=() if outcome is None else outcome.touched[:_MOST_DOCUMENTS],
                answered=None if outcome is None else outcome.answered,
                plan=None if outcome is None else outcome.plan,
                trace=trace,
                is_rechecked=is_rechecked,
                legacy_error=error_of(exchange.legacy) or "",
                gateway_error=error_of(outcome) or "",
            )
        )
        return trace

    def compared_state(
        self,
        namespace: str,
        identifier: Any,
        judgement: Judgement,
        position: int,
        *,
        cause: str = STATES_DIFFER,
        writer: Writer | None = None,
        asked: bool = False,
        began_ns: int | None = None,
    ) -> None:
        """Enter the comparison of a stored document; a mismatch leaves it diverged for a cause.

        `writer` is what wrote it last, None where that is not known. Where somebody `asked`, no write stands at the position, and
        its order tells of it in a trace. `began_ns` is when the sides were read, None for now.
        """
        if self._writers is not None and judgement.verdict is Verdict.MISMATCH:
            if writer is None and not asked:
                writer = self._writers.at(position)
            writer = None if writer is None else self._writers.told(writer)
        database, _, collection = namespace.partition(".")
        state = Operation(database=database, collection=collection, kind=Kind.STATE, arguments={})
        now_ns = time.time_ns()
        self._told(namespace, Kind.STATE, judgement)
        trace = None
        if self._traces is not None and self._traced is not None and not asked:
            # A statement of a transaction is owed for at the commit, and traced where it was asked.
            write = self._traced.of(position if writer is None else writer.position)
            trace = self._traces.states.compared(
                namespace, position, judgement, write, began_ns or now_ns
            )
        self._gathered.findings.append(
            Finding(
                at_ns=now_ns,
                log=self._log,
                position=position,
                namespace=namespace,
                kind=Kind.STATE,
                shape=shape_of(state),
                judgement=judgement,
                documents=() if judgement.verdict is Verdict.MATCH else (identifier,),
                writer=writer,
                trace=trace,
            )
        )
        if judgement.verdict is Verdict.MISMATCH:
            self._gathered.diverged.append(
                Divergence(
                    namespace=namespace,
                    document=identifier,
                    cause=cause,
                    since_ns=now_ns,
                    log=self._log,
                    position=position,
                    differences=judgement.differences,
                    writer=writer,
                )
            )

    def explained(self, operation: Operation, plan: str) -> None:
        """Enter how legacy runs what is slow on the gateway."""
        self._gathered.explained.append(
            Explained(namespace=operation.namespace, shape=shape_of(operation), plan=plan)
        )

    def settled(self, settlement: Settlement) -> None:
        """Enter that an order is settled, together with what was found for it."""
        self._gathered.settled.append(settlement)
        self.awaited.set()

    def resolved(self, resolution: Resolution) -> None:
        """Enter that a document is equal on both sides again."""
        self._gathered.resolved.append(resolution)

    def happened(
        self,
        kind: EventKind,
        *,
        detail: str = "",
        at_ns: int | None = None,
        until_ns: int | None = None,
        position: int = 0,
        namespace: str = "",
        n: int = 1,
    ) -> None:
        """Enter an event that a reader of the numbers has to know."""
        if kind in _HOLES and self._hears is not None:
            self._hears(ANYTHING, f"the capture log has a hole: {detail}")
        self._gathered.events.append(
            Event(
                kind=kind,
                at_ns=time.time_ns() if at_ns is None else at_ns,
                until_ns=until_ns,
                log=self._log,
                position=position,
                namespace=namespace,
                n=n,
                detail=detail,
            )
        )

    def was_away(self, side: Side, since_ns: int, until_ns: int) -> None:
        """Enter that a peer did not answer for a while."""
        self.happened(_OUTAGES[side], at_ns=since_ns, until_ns=until_ns)

    def dropped(self, namespace: str, what: Dropped, reason: str, n: int, at_ns: int) -> None:
        """Enter operations that were answered but cannot be verified."""
        self._gathered.drops.append(
            Drop(at_ns=at_ns, namespace=namespace, what=what, reason=reason, n=n)
        )

    def _told(self, namespace: str, kind: Kind, judgement: Judgement) -> None:
        if judgement.verdict in _AGAINST and self._hears is not None:
            what = judgement.fingerprint or judgement.reason or ""
            self._hears(namespace, f"{judgement.verdict} of {kind}, {what}")


def namespaces_of(footprints: tuple[Footprint, ...]) -> frozenset[str]:
    """Return the collections that footprints lie in."""
    return frozenset(footprint.namespace for footprint in footprints)
