"""Run one unit on the gateway path, compare, and say what became of it."""

import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final, TypeVar

import structlog

from adapters.gateway import Footprint, Gateway, Generated, Mark
from comparators.canonical import document_key
from comparators.decision import decide
from comparators.equivalence import EXPIRED
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.ordering import freedom_of
from comparators.outcome import Acknowledgement, Done, Modified, Outcome
from comparators.rules import Rules
from comparators.verdict import Judgement, Verdict
from proxy.shadow.aftermath import Owing, Rechecking, Reconciling
from proxy.shadow.contention import is_contended, takes_server_values
from proxy.shadow.cursors import Cursor
from proxy.shadow.evidence import Evidence, namespaces_of
from proxy.shadow.exchange import Exchange
from proxy.shadow.expiry import Expiries
from proxy.shadow.intake import NO_ANSWER
from proxy.shadow.limit import Limit
from proxy.shadow.patience import Outage
from proxy.shadow.peers import Peers
from proxy.shadow.places import before
from proxy.shadow.reach import namespaces_of as written_namespaces
from proxy.shadow.recheck import Suspect
from proxy.shadow.reconcile import Case, upserted
from proxy.shadow.refusal import Failed, refusal_of
from proxy.shadow.runner import CreateTask
from proxy.shadow.states import (
    CHOICE,
    CONTENDED,
    TAKEN_OVER,
    Whole,
    only_clocks_differ,
)
from proxy.shadow.stock import Stock
from proxy.shadow.touches import Touches
from proxy.shadow.units import Committed, Single

T = TypeVar("T")
_log = structlog.get_logger()

OVERTAKEN: Final = "it read a snapshot that later writes have overtaken"
TOO_LARGE: Final = "its result is larger than the verifier keeps"
"""Reasons of `not_comparable`."""


class Execution:
    """Run units and pass their verdicts on. One instance serves all units of a verifier."""

    def __init__(
        self,
        *,
        log: str,
        gateway: Gateway,
        rules: Rules,
        evidence: Evidence,
        touches: Touches,
        states: Owing,
        rechecks: Rechecking,
        reconciler: Reconciling,
        stock: Stock,
        expiries: Expiries,
        gateway_outage: Outage,
        gateway_timeout_s: float,
        create_task: CreateTask,
        leave: Callable[[int], None],
        peers: Peers | None = None,
    ) -> None:
        """`peers` are the other sidecars, None where there can be none."""
        self._log = log
        self._gateway = gateway
        self._rules = rules
        self._evidence = evidence
        self._touches = touches
        self._states = states
        self._rechecks = rechecks
        self._reconciler = reconciler
        self._stock = stock
        self._create_task = create_task
        self._expiries = expiries
        self._gateway_outage = gateway_outage
        self._limit = Limit(gateway_timeout_s)
        self._leave = leave
        self._peers = peers

    async def single(self, unit: Single, footprints: tuple[Footprint, ...]) -> None:
        """Run one operation at its place of the order, and give it a verdict whatever happens."""
        try:
            await self._single(unit, footprints)
        except Exception as error:  # noqa: BLE001 - one of the four doors
            await self.failed(unit.exchange, _bug(error))

    async def _single(self, unit: Single, footprints: tuple[Footprint, ...]) -> None:
        exchange = unit.exchange
        operation = exchange.operation
        mark = self._mark(exchange) if exchange.writes else None
        generated = generated_by(exchange)
        outcome = await self._attempt(
            lambda: self._gateway.run(operation, generated=generated, mark=mark)
        )
        if isinstance(outcome, Failed):
            await self.failed(exchange, outcome)
            return
        if exchange.writes:
            self._wrote(unit, operation, outcome, footprints)
        if unit.cursor is not None:
            unit.cursor.gateway = outcome
            if unit.cursor.ended:
                await self.cursor_ended(unit, unit.cursor, outcome, footprints)
            return
        if exchange.legacy is not None:
            await self._compare(unit, operation, exchange.legacy, outcome, footprints)

    async def committed(
        self, unit: Committed, footprints: tuple[tuple[Footprint, ...], ...]
    ) -> None:
        """Run the statements of a transaction together, then compare each."""
        try:
            await self._committed(unit, footprints)
        except Exception as error:  # noqa: BLE001 - one of the four doors
            await self._doubt_transaction(unit, _bug(error))

    async def _committed(
        self, unit: Committed, footprints: tuple[tuple[Footprint, ...], ...]
    ) -> None:
        mark = Mark(log=self._log, position=unit.commit.start)
        outcome = await self._attempt(lambda: self._run_together(unit, mark))
        if isinstance(outcome, Failed):
            await self._doubt_transaction(unit, outcome)
            return
        self._leave(unit.commit.start)
        # Before the transaction's own writes are noted.
        overtaken = self._overtaken(unit, footprints)
        for statement, answer, places in zip(unit.statements, outcome, footprints, strict=True):
            await self._compare_statement(unit, statement, answer, places, overtaken)

    def _mark(self, exchange: Exchange) -> Mark:
        return Mark(log=self._log, position=exchange.start, namespace=_written(exchange))

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
            self._judge(unit.exchange, Judgement(verdict=Verdict.NOT_COMPARABLE, reason=TOO_LARGE))
            return
        await self._compare(unit, operation, cursor.legacy(), gateway, footprints)

    async def failed(self, exchange: Exchange, failed: Failed) -> None:
        """Enter that the gateway path gave no answer; mend what a write has left undone.

        For a write, called from work that holds its collections.
        """
        self._judge(exchange, Judgement(verdict=failed.verdict, reason=failed.reason), leave=False)
        if not exchange.writes:
            self._leave(exchange.start)
            return
        for namespace in written_namespaces(exchange.operation):
            self._touches.note_collection(namespace, exchange.position)
        await self._reconciler.open(
            Case(
                exchanges=(exchange,),
                settles=False,
                done=lambda touched: self._reconciled(exchange, touched),
            )
        )

    def _reconciled(self, exchange: Exchange, touched: dict[str, list[Any]]) -> None:
        for namespace, identifiers in touched.items():
            self._states.owe(namespace, identifiers, exchange.position)
        self._leave(exchange.start)

    async def _doubt_transaction(self, unit: Committed, failed: Failed) -> None:
        self._leave(unit.commit.start)
        for statement in unit.statements:
            await self.failed(statement.exchange, failed)

    async def _run_together(self, unit: Committed, mark: Mark) -> Sequence[Outcome]:
        if await self._gateway.applied(mark):
            # The verifier died after the gateway's commit: what it saw is lost, what it wrote is compared.
            return [_repeated(statement.exchange) for statement in unit.statements]
        outcomes = []
        async with self._gateway.transaction(mark) as transaction:
            for statement in unit.statements:
                operation = statement.exchange.operation
                generated = generated_by(statement.exchange)
                outcomes.append(await transaction.run(operation, generated=generated))
        return outcomes

    async def _compare_statement(
        self,
        unit: Committed,
        statement: Single,
        outcome: Outcome,
        footprints: tuple[Footprint, ...],
        overtaken: frozenset[str],
    ) -> None:
        exchange = statement.exchange
        operation = exchange.operation
        if exchange.writes:
            self._wrote(statement, operation, outcome, footprints, at=unit.commit.position)
        legacy = exchange.legacy
        if statement.cursor is not None:
            for start in statement.cursor.parts:
                self._leave(start)
            legacy = statement.cursor.legacy()
        if legacy is None:
            self._judge(exchange, Judgement(verdict=Verdict.NOT_COMPARABLE, reason=NO_ANSWER))
            return
        judgement, compare_s = await self._judgement(operation, legacy, outcome, exchange)
        if judgement.verdict is Verdict.MISMATCH:
            if exchange.writes:
                await self._judge_write(
                    statement, operation, judgement, outcome, footprints, compare_s
                )
                return
            # The transaction read as of its beginning, the gateway reads as of the commit.
            if not overtaken.isdisjoint(namespaces_of(footprints)):
                judgement = Judgement(verdict=Verdict.NOT_COMPARABLE, reason=OVERTAKEN)
        self._judge(exchange, judgement, outcome=outcome, compare_s=compare_s)

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

    def _is_contended(self, unit: Single, footprints: tuple[Footprint, ...]) -> bool:
        """Return whether a write met another one in an order that nobody knows, here or in another sidecar."""
        if self._peers is not None and self._peers.has_raced(unit.exchange.start):
            return True
        return is_contended(unit, footprints)

    def _excuse(
        self, unit: Single, footprints: tuple[Footprint, ...], outcome: Outcome
    ) -> str | None:
        """Return why the documents of a write may rightly differ, None when they may not."""
        if outcome.alternatives:
            return CHOICE
        return CONTENDED if self._is_contended(unit, footprints) else None

    def _wrote(
        self,
        unit: Single,
        operation: Operation,
        outcome: Outcome,
        footprints: tuple[Footprint, ...],
        at: int | None = None,
    ) -> None:
        exchange = unit.exchange
        position = exchange.position if at is None else at
        if operation.kind is Kind.AGGREGATE:
            self._stored(unit, operation, outcome, footprints)
            return
        if operation.kind not in _TOUCH_DOCUMENTS:
            for namespace in written_namespaces(operation):
                self._touches.note_collection(namespace, position)
            return
        identifiers = outcome.touched + outcome.alternatives
        self._touches.note(operation.namespace, map(document_key, identifiers), position)
        made = identifiers if operation.kind is Kind.INSERT else upserted(exchange)
        self._stock.bear(operation.namespace, map(document_key, made))
        self._states.owe(
            operation.namespace,
            identifiers,
            exchange.start if at is None else at,
            excuse=self._excuse(unit, footprints, outcome),
            generated=takes_server_values(operation),
        )

    def _stored(
        self,
        unit: Single,
        operation: Operation,
        outcome: Outcome,
        footprints: tuple[Footprint, ...],
    ) -> None:
        """Owe the states of what a pipeline stored: which documents, its answer does not say."""
        exchange, target = unit.exchange, _written(unit.exchange)
        self._touches.note_collection(target, exchange.position)
        whole = Whole(
            namespace=target,
            operation=operation,
            position=exchange.start,
            excuse=self._excuse(unit, footprints, outcome) or freedom_of(operation),
            generated=takes_server_values(operation),
        )
        self._states.owe(
            target,
            outcome.touched,
            whole.position,
            excuse=whole.excuse,
            generated=whole.generated,
        )
        self._states.owe_all(whole)

    async def _compare(
        self,
        unit: Single,
        operation: Operation,
        legacy: Outcome,
        gateway: Outcome,
        footprints: tuple[Footprint, ...],
    ) -> None:
        exchange = unit.exchange
        judgement, compare_s = await self._judgement(operation, legacy, gateway, exchange)
        if exchange.writes and judgement.verdict is Verdict.NOT_COMPARABLE:
            # Each path may have written another document: legacy's choice is taken over.
            await self._doubt_write(exchange, judgement.reason or CONTENDED)
            return
        if judgement.verdict is not Verdict.MISMATCH:
            self._judge(exchange, judgement, outcome=gateway, compare_s=compare_s)
            return
        if exchange.writes:
            await self._judge_write(unit, operation, judgement, gateway, footprints, compare_s)
            return
        suspect = Suspect(
            exchange=exchange,
            operation=operation,
            legacy=legacy,
            gateway=gateway,
            judgement=judgement,
            ended_at=exchange.position if unit.cursor is None else unit.cursor.ended_at,
            ended_ns=exchange.answered_ns if unit.cursor is None else unit.cursor.read_ns,
            footprints=footprints,
            decided=lambda final: self._judge(
                exchange, final, outcome=gateway, compare_s=compare_s
            ),
        )
        await self._rechecks.take(suspect)

    async def _judge_write(
        self,
        unit: Single,
        operation: Operation,
        judgement: Judgement,
        gateway: Outcome,
        footprints: tuple[Footprint, ...],
        compare_s: float,
        *,
        awaits: bool = False,
    ) -> None:
        """A write cannot be asked twice: its acknowledgement counts unless the order was unknowable.

        `awaits`: when it ran, a value of the server's clock was still to be taken over.
        """
        exchange = unit.exchange
        awaits = awaits or takes_server_values(operation)
        awaits = awaits or self._states.awaits_clock(_written(exchange))
        namespaces = namespaces_of(footprints)
        if any(map(self._stock.is_unknown, namespaces)):
            judge = partial(
                self._judge_write,
                unit,
                operation,
                judgement,
                gateway,
                footprints,
                compare_s,
                awaits=awaits,
            )
            self._create_task(self._later(namespaces, judge))
            return
        reasons = map(self._stock.reason, sorted(namespaces))
        partly = next((reason for reason in reasons if reason is not None), None)
        if partly is not None and not gateway.alternatives:
            # What the gateway touched is compared and made equal; all else it gets with the documents it lacks.
            judgement = Judgement(verdict=Verdict.NOT_COMPARABLE, reason=partly)
        if awaits and only_clocks_differ(judgement):
            judgement = Judgement(verdict=Verdict.MATCH, reason=TAKEN_OVER)
        doubt = None
        if partly is None or gateway.alternatives:
            doubt = await self._doubt_about(unit, judgement, gateway, footprints)
        if doubt is not None:
            await self._doubt_write(exchange, doubt)
            return
        self._judge(exchange, judgement, outcome=gateway, compare_s=compare_s)
        # What legacy alone may have inserted is missing here: its state is owed as well.
        inserted = [*generated_by(exchange).upserted.values(), *_inserted_by(operation)]
        self._states.owe(_written(exchange), inserted, exchange.start)

    async def _later(
        self, namespaces: frozenset[str], judge: Callable[[], Awaitable[None]]
    ) -> None:
        """Judge once it is known whether the gateway has all documents."""
        await self._stock.known(namespaces)
        await judge()

    async def _doubt_about(
        self,
        unit: Single,
        judgement: Judgement,
        gateway: Outcome,
        footprints: tuple[Footprint, ...],
    ) -> str | None:
        """Return why the acknowledgement of a write that differs says nothing, None where it does."""
        if self._is_contended(unit, footprints):
            return CONTENDED
        disputes = map(self._reconciler.disputes, sorted(namespaces_of(footprints)))
        disputed = next((reason for reason in disputes if reason is not None), None)
        if disputed is not None and judgement.verdict is Verdict.MISMATCH:
            return disputed
        if gateway.alternatives:
            return CHOICE
        return EXPIRED if await self._wrote_expired(gateway, unit.exchange) else None

    async def _wrote_expired(self, gateway: Outcome, exchange: Exchange) -> bool:
        """Return whether the gateway wrote, or stumbled over, a document that MongoDB may have expired before."""
        namespace = _written(exchange)
        is_expired = await self._expiries.predicate(namespace, exchange.received_ns)
        if is_expired is None:
            return False
        if await self._expiries.holds_expired(namespace, exchange.received_ns):
            # One may hold the key of a unique index that is free on legacy.
            return True
        images = await self._gateway_outage.endure(
            lambda: self._gateway.images(namespace, gateway.touched)
        )
        # A deleted document shows no date any more.
        return len(images) < len(gateway.touched) or any(map(is_expired, images.values()))

    async def _doubt_write(self, exchange: Exchange, reason: str) -> None:
        await self.failed(exchange, Failed(verdict=Verdict.NOT_COMPARABLE, reason=reason))

    async def _judgement(
        self, operation: Operation, legacy: Outcome, gateway: Outcome, exchange: Exchange
    ) -> tuple[Judgement, float]:
        began = time.perf_counter()
        judgement = decide(operation, legacy, gateway, self._rules)
        if judgement.verdict is Verdict.MISMATCH:
            expired = await self._expiries.predicate(operation.namespace, exchange.received_ns)
            if expired is not None:
                judgement = decide(operation, legacy, gateway, self._rules, expired=expired)
        return judgement, time.perf_counter() - began

    def _judge(
        self,
        exchange: Exchange,
        judgement: Judgement,
        *,
        outcome: Outcome | None = None,
        compare_s: float | None = None,
        leave: bool = True,
    ) -> None:
        self._evidence.judged(
            exchange,
            judgement,
            gateway_s=None if outcome is None else outcome.duration_s,
            compare_s=compare_s,
            documents=() if outcome is None else outcome.touched[:20],
            answered=None if outcome is None else outcome.answered,
            plan=None if outcome is None else outcome.plan,
        )
        if judgement.verdict is Verdict.MISMATCH:
            _log.warning(
                "mismatch_confirmed",
                collection=exchange.namespace,
                fingerprint=judgement.fingerprint,
                position=exchange.start,
            )
        if leave:
            self._leave(exchange.start)

    async def _attempt(self, run: Callable[[], Awaitable[T]]) -> T | Failed:
        """Return what the gateway answers; waits while it is away, gives up where it cannot."""
        try:
            return await self._gateway_outage.endure(lambda: self._limit.within(run))
        except UnsupportedError as error:
            return refusal_of(error)
        except TimeoutError:
            return Failed(verdict=Verdict.TIMEOUT, reason="the gateway took too long")


_TOUCH_DOCUMENTS: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})


def generated_by(exchange: Exchange) -> Generated:
    """Return the values that MongoDB made up for an exchange, as far as its answer shows them."""
    result = exchange.legacy.result if exchange.legacy is not None else None
    upserted: dict[int, Any] = {}
    if isinstance(result, Acknowledgement):
        upserted = dict(result.upserted)
    elif isinstance(result, Modified) and result.upserted_id is not None:
        upserted = {0: result.upserted_id}
    return Generated(now_ms=exchange.received_ns // 1_000_000, upserted=upserted)


def _written(exchange: Exchange) -> str:
    """Return the collection that a write of one collection changes."""
    return exchange.operation.target or exchange.namespace


def _inserted_by(operation: Operation) -> list[Any]:
    if operation.kind is not Kind.INSERT:
        return []
    return [
        document["_id"]
        for document in operation.arguments.get("documents") or ()
        if "_id" in document
    ]


def _repeated(exchange: Exchange) -> Outcome:
    """Return legacy's own answer for a statement whose gateway outcome died with a verifier.

    Its documents are owed a comparison of their states, which is where a difference would show.
    """
    return exchange.legacy or Outcome(result=Done(), duration_s=0.0)


def _bug(error: Exception) -> Failed:
    """Log an unforeseen exception: a bug of ours is a verdict, never the end of the verifier.

    Only its type is logged beside the stack: the message of a driver can quote values.
    """
    _log.error("gateway_failed", error=type(error).__name__, stack=_stack(error))
    return Failed(verdict=Verdict.GATEWAY_ERROR, reason=type(error).__name__)


def _stack(error: BaseException) -> list[str]:
    """Return where an exception was raised, without its message."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-8:]]
