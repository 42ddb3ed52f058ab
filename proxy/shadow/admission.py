"""Give each unit its place: submit what is to be run behind everything it depends on, settle the rest at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import structlog

from adapters.gateway import Footprint, Gateway
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.verdict import Judgement, Verdict
from proxy.ledger.entries import Dropped, EventKind
from proxy.shadow.aftermath import Owing, Reconciling
from proxy.shadow.evidence import Evidence
from proxy.shadow.exchange import Exchange
from proxy.shadow.execution import Execution
from proxy.shadow.expiry import Expiries
from proxy.shadow.frontier import Frontier
from proxy.shadow.judging import Judging
from proxy.shadow.places import steps_of
from proxy.shadow.reach import namespaces_of
from proxy.shadow.reconcile import Case
from proxy.shadow.refusal import Failed, refusal_of, refusal_of_command
from proxy.shadow.runner import Runner, Work
from proxy.shadow.touches import Touches
from proxy.shadow.units import (
    Committed,
    CursorEnded,
    InDoubt,
    Lost,
    Settled,
    Single,
    Unit,
    Unreadable,
)
from proxy.shadow.writers import writer_of

_log = structlog.get_logger()

_DEFINITIONS: Final = frozenset(
    {
        Kind.CREATE,
        Kind.COLL_MOD,
        Kind.RENAME_COLLECTION,
        Kind.DROP,
        Kind.DROP_DATABASE,
        Kind.CREATE_INDEXES,
        Kind.DROP_INDEXES,
    }
)


class Admission:
    """Admit units in the order in which they are given."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        runner: Runner,
        execution: Execution,
        judging: Judging,
        reconciler: Reconciling,
        states: Owing,
        evidence: Evidence,
        touches: Touches,
        expiries: Expiries,
        frontier: Frontier,
    ) -> None:
        self._gateway = gateway
        self._runner = runner
        self._execution = execution
        self._judging = judging
        self._reconciler = reconciler
        self._states = states
        self._evidence = evidence
        self._touches = touches
        self._expiries = expiries
        self._frontier = frontier
        self._gate = asyncio.Lock()
        self._place: int | None = None
        self._steps: int | None = None

    def note(self, units: Iterable[Unit]) -> None:
        """Enter what happened to the log: a checkpoint knows of operations that are open, but not of these."""
        for unit in units:
            match unit:
                case Lost():
                    self._note_gap(unit)
                case Unreadable():
                    _log.warning("record_skipped", position=unit.position, reason=unit.reason)
                    self._evidence.happened(
                        EventKind.RECORDS_SKIPPED, position=unit.position, detail=unit.reason
                    )
                case _:
                    pass

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold a moment in which everything that was admitted is done, and nothing else is admitted."""
        async with self._gate:
            await self._runner.is_idle()
            yield

    async def admit(self, unit: Unit, place: int | None = None) -> None:
        """Admit a unit; waits while the runner has no room.

        `place` is that in the order of several logs, None where there is one.
        """
        async with self._gate:
            self._place, self._steps = place, None if place is None else steps_of(unit)
            await self._admit(unit)

    async def _admit(self, unit: Unit) -> None:
        match unit:
            case Single():
                await self._admit_single(unit)
            case Committed():
                await self._admit_committed(unit)
            case InDoubt():
                await self._doubt(unit)
            case CursorEnded():
                await self._admit_cursor(unit)
            case Settled():
                self._settle(unit)
            case Lost() | Unreadable():
                pass

    async def _admit_single(self, unit: Single) -> None:
        operation = unit.exchange.operation
        if operation.kind is Kind.OTHER:
            refusal = refusal_of_command(next(iter(operation.arguments)))
            await self._refuse(unit.exchange, refusal)
            return
        try:
            footprints = self._gateway.footprint(operation)
        except UnsupportedError as error:
            await self._refuse(unit.exchange, refusal_of(error))
            return
        if operation.kind in _DEFINITIONS:
            # Indexes decide what the footprints of later writes are: nothing may be admitted meanwhile.
            await self._runner.is_idle()
            run = partial(self._execution.single, unit, footprints)
            self._runner.submit(Work(footprints, run, self._place, self._steps))
            await self._runner.is_idle()
            self._expiries.forget()
            return
        await self._submit(footprints, lambda: self._execution.single(unit, footprints))

    async def _admit_committed(self, unit: Committed) -> None:
        places = []
        for statement in unit.statements:
            operation = statement.exchange.operation
            found = self._footprints_or_none(operation)
            if found is None:
                await self._doubt_all(unit, operation)
                return
            places.append(found)
        together = tuple(footprint for found in places for footprint in found)
        await self._submit(together, lambda: self._execution.committed(unit, tuple(places)))

    async def _doubt_all(self, unit: Committed, unsupported: Operation) -> None:
        self._frontier.leave(unit.commit.start)
        reason = f"in a transaction with an unsupported {unsupported.kind}"
        for statement in unit.statements:
            await self._refuse(
                statement.exchange, Failed(verdict=Verdict.UNSUPPORTED, reason=reason)
            )

    async def _admit_cursor(self, unit: CursorEnded) -> None:
        cursor = unit.cursor
        if cursor.gateway is None:
            # Its find has not run yet, or never will: whoever finishes it sees that the cursor has ended.
            for start in cursor.parts:
                self._frontier.leave(start)
            return
        operation = cursor.exchange.operation
        footprints = self._footprints_or_none(operation) or ()
        single = Single(exchange=cursor.exchange, cursor=cursor)
        gateway = cursor.gateway
        await self._submit(
            footprints, lambda: self._execution.cursor_ended(single, cursor, gateway, footprints)
        )

    def _footprints_or_none(self, operation: Operation) -> tuple[Footprint, ...] | None:
        try:
            return self._gateway.footprint(operation)
        except UnsupportedError:
            return None

    async def _refuse(self, exchange: Exchange, refusal: Failed) -> None:
        """Give up an operation; a write at its place of the order, for its documents are looked for there."""
        if not exchange.writes:
            await self._judging.failed(exchange, refusal)
            return
        whole = _whole_of((exchange,))
        await self._submit(whole, lambda: self._judging.failed(exchange, refusal))

    async def _doubt(self, unit: InDoubt) -> None:
        for exchange in unit.exchanges:
            for namespace in namespaces_of(exchange.operation):
                self._touches.note_collection(namespace, exchange.position)
        case = self._case(unit)
        await self._submit(_whole_of(unit.exchanges), lambda: self._reconciler.open(case))

    def _case(self, unit: InDoubt) -> Case:
        first = min(exchange.start for exchange in unit.exchanges) if unit.exchanges else 0

        def done(touched: dict[str, list[object]]) -> None:
            for namespace, identifiers in touched.items():
                # Of several, which one touched which document is not known.
                alone = unit.exchanges[0] if len(unit.exchanges) == 1 else None
                writer = None if alone is None else writer_of(alone)
                self._states.owe(namespace, identifiers, first, writer=writer)
                self._evidence.happened(
                    EventKind.RECONCILED,
                    namespace=namespace,
                    n=len(identifiers),
                    detail=unit.reason,
                    position=first,
                )
            for exchange in () if unit.again else unit.exchanges:
                judgement = Judgement(verdict=Verdict.NOT_COMPARABLE, reason=unit.reason)
                self._evidence.judged(exchange, judgement)
                self._frontier.leave(exchange.start)
            if unit.commit is not None:
                self._frontier.leave(unit.commit)

        return Case(exchanges=unit.exchanges, settles=True, done=done)

    async def _submit(
        self, footprints: tuple[Footprint, ...], run: Callable[[], Awaitable[None]]
    ) -> None:
        await self._runner.has_room()
        self._runner.submit(Work(footprints, run, self._place, self._steps))

    def _settle(self, unit: Settled) -> None:
        if unit.exchange is not None and unit.verdict is not None:
            judgement = Judgement(verdict=unit.verdict, reason=unit.reason)
            self._evidence.judged(unit.exchange, judgement)
        for start in unit.starts:
            self._frontier.leave(start)

    def _note_gap(self, unit: Lost) -> None:
        gap = unit.gap
        for what, counts in ((Dropped.READS, gap.dropped_reads), (Dropped.WRITES, gap.lost_writes)):
            for namespace, n in counts.items():
                self._evidence.dropped(namespace, what, gap.reason.value, n, gap.until_ns)
        self._evidence.happened(
            EventKind.CAPTURE_GAP,
            at_ns=gap.since_ns,
            until_ns=gap.until_ns,
            position=unit.position,
            detail=gap.reason.value,
        )


def _whole_of(exchanges: Sequence[Exchange]) -> tuple[Footprint, ...]:
    """Return the footprint of writes that may have changed any document of their collections."""
    namespaces = {each for exchange in exchanges for each in namespaces_of(exchange.operation)}
    return tuple(
        Footprint(namespace=namespace, keys=None, writes=True) for namespace in sorted(namespaces)
    )
