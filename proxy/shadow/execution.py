"""Run one unit on the gateway path at its place of the order, and note what it wrote there."""

import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import Final, TypeVar

import structlog

from adapters.gateway import Footprint, ForgoneError, Gateway, Mark
from comparators.canonical import document_key
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Done, Outcome
from comparators.stage_ordering import freedom_of
from comparators.verdict import Judgement, Verdict
from proxy.shadow.aftermath import Owing, Reconciling
from proxy.shadow.contention import takes_server_values
from proxy.shadow.cursors import Cursor
from proxy.shadow.effects import generated_by, made_by, written_in
from proxy.shadow.evidence import namespaces_of
from proxy.shadow.exchange import ControlCommand, Exchange
from proxy.shadow.judging import Judging
from proxy.shadow.limit import Limit
from proxy.shadow.patience import Outage
from proxy.shadow.peers import Peers
from proxy.shadow.places import before
from proxy.shadow.reach import namespaces_of as written_namespaces
from proxy.shadow.refusal import Failed, refusal_of
from proxy.shadow.states import Whole
from proxy.shadow.stock import Stock
from proxy.shadow.touches import Touches
from proxy.shadow.units import Committed, Single
from proxy.shadow.writers import writer_of
from proxy.tracing.context import Parent
from proxy.tracing.exemplar import named_by

T = TypeVar("T")
_log = structlog.get_logger()

TOO_LARGE: Final = "its result is larger than the verifier keeps"
FORGONE: Final = "given up by a verifier that ended before its documents were equal"
"""Reasons of `not_comparable`."""


class Execution:
    """Run units and pass on what came of them. One instance serves all units of a verifier."""

    def __init__(
        self,
        *,
        log: str,
        gateway: Gateway,
        judging: Judging,
        touches: Touches,
        states: Owing,
        reconciler: Reconciling,
        stock: Stock,
        gateway_outage: Outage,
        gateway_timeout_s: float,
        leave: Callable[[int], None],
        peers: Peers | None = None,
    ) -> None:
        """`peers` are the other sidecars, None where there can be none."""
        self._log = log
        self._gateway = gateway
        self._judging = judging
        self._touches = touches
        self._states = states
        self._reconciler = reconciler
        self._stock = stock
        self._gateway_outage = gateway_outage
        self._limit = Limit(gateway_timeout_s)
        self._leave = leave
        self._peers = peers

    async def single(self, unit: Single, footprints: tuple[Footprint, ...]) -> None:
        """Run one operation at its place of the order, and give it a verdict whatever happens."""
        try:
            await self._single(unit, footprints)
        except Exception as error:  # noqa: BLE001 - one of the four doors
            if unit.exchange.writes:
                await self._forgo(self._mark(unit, footprints))
            await self._judging.failed(unit.exchange, _bug(error, unit.exchange.parent))

    async def _single(self, unit: Single, footprints: tuple[Footprint, ...]) -> None:
        exchange = unit.exchange
        operation = exchange.operation
        mark = self._mark(unit, footprints) if exchange.writes else None
        generated = generated_by(exchange)
        exchange.passage.began_ns = time.time_ns()
        outcome = await self._attempt(
            lambda: self._gateway.run(operation, generated=generated, mark=mark), mark
        )
        exchange.passage.ended_ns = time.time_ns()
        if self._peers is not None:
            await self._peers.ended(unit)
        if isinstance(outcome, Failed):
            await self._judging.failed(exchange, outcome)
            return
        if exchange.writes:
            self._wrote(unit, operation, outcome, footprints)
        if unit.cursor is not None:
            unit.cursor.gateway = outcome
            if unit.cursor.ended:
                await self.cursor_ended(unit, unit.cursor, outcome, footprints)
            return
        if exchange.legacy is not None:
            await self._judging.compare(unit, operation, exchange.legacy, outcome, footprints)

    async def committed(
        self, unit: Committed, footprints: tuple[tuple[Footprint, ...], ...]
    ) -> None:
        """Run the statements of a transaction together, then compare each."""
        try:
            await self._committed(unit, footprints)
        except Exception as error:  # noqa: BLE001 - one of the four doors
            await self._forgo(self._mark_of_all(unit, footprints))
            await self._doubt_transaction(unit, _bug(error))

    async def _committed(
        self, unit: Committed, footprints: tuple[tuple[Footprint, ...], ...]
    ) -> None:
        mark = self._mark_of_all(unit, footprints)
        outcome = await self._attempt(lambda: self._run_together(unit, mark), mark)
        if isinstance(outcome, Failed):
            await self._doubt_transaction(unit, outcome)
            return
        if self._peers is not None:
            await self._peers.ended(unit)
        self._leave(unit.commit.start)
        # Before the transaction's own writes are noted.
        overtaken = self._overtaken(unit, footprints)
        for statement, answer, places in zip(unit.statements, outcome, footprints, strict=True):
            await self._end_statement(unit, statement, answer, places, overtaken)

    def _mark(self, unit: Single, footprints: tuple[Footprint, ...]) -> Mark:
        exchange = unit.exchange
        return Mark(
            log=self._log,
            position=exchange.start,
            namespace=written_in(exchange),
            excuse=self._judging.known_excuse(unit, footprints),
            generated=takes_server_values(exchange.operation),
        )

    def _mark_of_all(self, unit: Committed, footprints: tuple[tuple[Footprint, ...], ...]) -> Mark:
        writes = [
            (statement, places)
            for statement, places in zip(unit.statements, footprints, strict=True)
            if statement.exchange.writes
        ]
        excuses = (self._judging.known_excuse(each, places) for each, places in writes)
        return Mark(
            log=self._log,
            position=unit.commit.start,
            excuse=next((excuse for excuse in excuses if excuse is not None), None),
            generated=any(takes_server_values(each.exchange.operation) for each, _ in writes),
        )

    async def _forgo(self, mark: Mark) -> None:
        """Have a write that was given up never applied: an attempt may still wait for a lock, and so may a restart."""
        await self._gateway_outage.endure(lambda: self._gateway.forgo(mark))

    async def cursor_ended(
        self, unit: Single, cursor: Cursor, gateway: Outcome, footprints: tuple[Footprint, ...]
    ) -> None:
        """Compare a result that came in parts, once both sides have all of it."""
        if cursor.compared:
            return
        cursor.compared = True
        operation = unit.exchange.operation
        for start in cursor.parts:
            self._leave(start)
        if cursor.is_too_large:
            self._judging.judge(
                unit.exchange, Judgement(verdict=Verdict.NOT_COMPARABLE, reason=TOO_LARGE)
            )
            return
        await self._judging.compare(unit, operation, cursor.legacy(), gateway, footprints)

    async def _doubt_transaction(self, unit: Committed, failed: Failed) -> None:
        self._leave(unit.commit.start)
        for statement in unit.statements:
            await self._judging.failed(statement.exchange, failed)

    async def _run_together(self, unit: Committed, mark: Mark) -> Sequence[Outcome]:
        if await self._gateway.applied(mark):
            # The verifier died after the gateway's commit: what it saw is lost, what it wrote is compared.
            return [_repeated(statement.exchange) for statement in unit.statements]
        outcomes = []
        async with self._gateway.transaction(mark) as transaction:
            for statement in unit.statements:
                exchange = statement.exchange
                generated = generated_by(exchange)
                exchange.passage.began_ns = time.time_ns()
                outcomes.append(await transaction.run(exchange.operation, generated=generated))
                exchange.passage.ended_ns = time.time_ns()
        return outcomes

    async def _end_statement(
        self,
        unit: Committed,
        statement: Single,
        outcome: Outcome,
        footprints: tuple[Footprint, ...],
        overtaken: frozenset[str],
    ) -> None:
        exchange = statement.exchange
        if exchange.writes:
            self._wrote(statement, exchange.operation, outcome, footprints, commit=unit.commit)
        legacy = exchange.legacy
        if statement.cursor is not None:
            for start in statement.cursor.parts:
                self._leave(start)
            legacy = statement.cursor.legacy()
        await self._judging.compare_statement(statement, legacy, outcome, footprints, overtaken)

    def _overtaken(
        self, unit: Committed, footprints: tuple[tuple[Footprint, ...], ...]
    ) -> frozenset[str]:
        """Return the collections that others wrote to after the transaction's snapshot."""
        began = min((s.exchange.start for s in unit.statements), default=unit.commit.start)
        namespaces = namespaces_of(tuple(chain.from_iterable(footprints)))
        return frozenset(
            namespace
            for namespace in namespaces
            if self._touches.any_since(namespace, began)
            or self._reconciler.disputes(namespace)
            or self._others_wrote(namespace, unit)
        )

    def _others_wrote(self, namespace: str, unit: Committed) -> bool:
        if self._peers is None or not unit.statements:
            return False
        first = unit.statements[0].exchange
        clock = None if first.clock is None else before(first.clock, first.legacy_s)
        return self._peers.any_moved(namespace, clock)

    def _wrote(
        self,
        unit: Single,
        operation: Operation,
        outcome: Outcome,
        footprints: tuple[Footprint, ...],
        commit: ControlCommand | None = None,
    ) -> None:
        """Note what a write touched; `commit` is that of its transaction, which bears the mark."""
        exchange = unit.exchange
        place = exchange if commit is None else commit
        position = place.position
        if operation.kind is Kind.AGGREGATE:
            self._stored(unit, operation, outcome, footprints)
            return
        if operation.kind not in _TOUCH_DOCUMENTS:
            for namespace in written_namespaces(operation):
                self._touches.note_collection(namespace, position)
            return
        identifiers = outcome.touched + outcome.alternatives
        self._touches.note(operation.namespace, map(document_key, identifiers), position)
        self._stock.bear(operation.namespace, map(document_key, made_by(exchange)))
        self._states.owe(
            operation.namespace,
            identifiers,
            place.start,
            excuse=self._judging.excuse(unit, footprints, outcome),
            generated=takes_server_values(operation),
            writer=writer_of(exchange),
        )

    def _stored(
        self,
        unit: Single,
        operation: Operation,
        outcome: Outcome,
        footprints: tuple[Footprint, ...],
    ) -> None:
        """Owe the states of what a pipeline stored: which documents, its answer does not say."""
        exchange, target = unit.exchange, written_in(unit.exchange)
        self._touches.note_collection(target, exchange.position)
        whole = Whole(
            namespace=target,
            operation=operation,
            position=exchange.start,
            excuse=self._judging.excuse(unit, footprints, outcome) or freedom_of(operation),
            generated=takes_server_values(operation),
            writer=writer_of(exchange),
        )
        self._states.owe(
            target,
            outcome.touched,
            whole.position,
            excuse=whole.excuse,
            generated=whole.generated,
            writer=whole.writer,
        )
        self._states.owe_all(whole)

    async def _attempt(self, run: Callable[[], Awaitable[T]], mark: Mark | None) -> T | Failed:
        """Return what the gateway answers; waits while it is away, gives up where it cannot."""
        try:
            return await self._gateway_outage.endure(lambda: self._limit.within(run))
        except UnsupportedError as error:
            return refusal_of(error)
        except ForgoneError:
            return Failed(verdict=Verdict.NOT_COMPARABLE, reason=FORGONE)
        except TimeoutError:
            if mark is not None:
                await self._forgo(mark)
            return Failed(verdict=Verdict.TIMEOUT, reason="the gateway took too long")


_TOUCH_DOCUMENTS: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})


def _repeated(exchange: Exchange) -> Outcome:
    """Return legacy's own answer for a statement whose gateway outcome died with a verifier.

    Its documents are owed a comparison of their states, which is where a difference would show.
    """
    return exchange.legacy or Outcome(result=Done(), duration_s=0.0)


def _bug(error: Exception, parent: Parent | None = None) -> Failed:
    """Log an unforeseen exception: a bug of ours is a verdict, never the end of the verifier.

    Only its type is logged beside the stack: the message of a driver can quote values.
    """
    _log.error(
        "gateway_failed", error=type(error).__name__, stack=_stack(error), **named_by(parent)
    )
    return Failed(verdict=Verdict.GATEWAY_ERROR, reason=type(error).__name__)


def _stack(error: BaseException) -> list[str]:
    """Return where an exception was raised, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
