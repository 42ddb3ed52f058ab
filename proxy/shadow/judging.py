"""Judge what the gateway path gave against legacy's answer, at once or when it can be said what a difference means.

A read that differs is asked again, a write cannot be: its acknowledgement counts unless something excuses it. Whatever is
excused is read from legacy again.
"""

import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from adapters.gateway import Footprint, Gateway
from comparators.canonical import document_key
from comparators.decision import decide
from comparators.equivalence import EXPIRED
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome
from comparators.verdict import Judgement, Verdict
from proxy.shadow.aftermath import Owing, Rechecking, Reconciling
from proxy.shadow.awaited import Awaited
from proxy.shadow.contention import is_contended, takes_server_values
from proxy.shadow.effects import generated_by, made_by, written_in
from proxy.shadow.evidence import Evidence, namespaces_of
from proxy.shadow.exchange import Exchange
from proxy.shadow.expiry import Expiries
from proxy.shadow.intake import NO_ANSWER
from proxy.shadow.patience import Outage
from proxy.shadow.peers import Peers
from proxy.shadow.reach import namespaces_of as written_namespaces
from proxy.shadow.recheck import Suspect
from proxy.shadow.reconcile import Case
from proxy.shadow.refusal import Failed
from proxy.shadow.rulebook import Rulebook
from proxy.shadow.runner import CreateTask
from proxy.shadow.states import CHOICE, CONTENDED, TAKEN_OVER, only_clocks_differ
from proxy.shadow.stock import Stock
from proxy.shadow.touches import Touches
from proxy.shadow.units import Single
from proxy.shadow.writers import writer_of
from proxy.tracing.exemplar import named, named_by

_log = structlog.get_logger()

OVERTAKEN: Final = "it read a snapshot that later writes have overtaken"
"""A reason of `not_comparable`."""


class Judging:
    """Give exchanges their verdicts. One instance serves all units of a verifier."""

    def __init__(
        self,
        *,
        gateway: Gateway,
        rules: Rulebook,
        evidence: Evidence,
        touches: Touches,
        states: Owing,
        rechecks: Rechecking,
        reconciler: Reconciling,
        stock: Stock,
        expiries: Expiries,
        gateway_outage: Outage,
        create_task: CreateTask,
        leave: Callable[[int], None],
        peers: Peers | None = None,
        awaited: Awaited | None = None,
        explain: Callable[[Operation], None] | None = None,
    ) -> None:
        """`peers` are the other sidecars, None where there can be none; `awaited` are writes that a relay waits for, None where none does.

        `explain` is told of operations that were slow on the gateway.
        """
        self._gateway = gateway
        self._rules = rules
        self._evidence = evidence
        self._touches = touches
        self._states = states
        self._rechecks = rechecks
        self._reconciler = reconciler
        self._stock = stock
        self._expiries = expiries
        self._gateway_outage = gateway_outage
        self._create_task = create_task
        self._leave = leave
        self._peers = peers
        self._awaited = awaited
        self._explain = explain

    async def compare(
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
            self.judge(exchange, judgement, outcome=gateway, compare_s=compare_s)
            return
        if exchange.writes:
            await self._judge_write(unit, operation, judgement, gateway, footprints, compare_s)
            return
        disputed = self._disputed_before(unit)
        if disputed is not None:
            judgement = Judgement(verdict=Verdict.NOT_COMPARABLE, reason=disputed)
            self.judge(exchange, judgement, outcome=gateway, compare_s=compare_s)
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
            decided=lambda final: self.judge(
                exchange, final, outcome=gateway, compare_s=compare_s, is_rechecked=True
            ),
        )
        await self._rechecks.take(suspect)

    async def compare_statement(
        self,
        statement: Single,
        legacy: Outcome | None,
        outcome: Outcome,
        footprints: tuple[Footprint, ...],
        overtaken: frozenset[str],
    ) -> None:
        """Compare a statement of a transaction; `overtaken` are collections in which its snapshot was old."""
        exchange = statement.exchange
        operation = exchange.operation
        if legacy is None:
            self.judge(exchange, Judgement(verdict=Verdict.NOT_COMPARABLE, reason=NO_ANSWER))
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
        self.judge(exchange, judgement, outcome=outcome, compare_s=compare_s)

    async def failed(self, exchange: Exchange, failed: Failed) -> None:
        """Enter that the gateway path gave no answer; mend what a write has left undone.

        For a write, called from work that holds its collections.
        """
        judgement = Judgement(verdict=failed.verdict, reason=failed.reason)
        if not exchange.writes:
            self.judge(exchange, judgement)
            return
        self._stock.bear(written_in(exchange), map(document_key, made_by(exchange)))
        for namespace in written_namespaces(exchange.operation):
            self._touches.note_collection(namespace, exchange.position)
        await self._reconciler.open(
            Case(
                exchanges=(exchange,),
                settles=False,
                done=lambda touched: self._reconciled(exchange, judgement, touched),
            )
        )

    def _reconciled(
        self, exchange: Exchange, judgement: Judgement, touched: dict[str, list[Any]]
    ) -> None:
        for namespace, identifiers in touched.items():
            self._states.owe(namespace, identifiers, exchange.position, writer=writer_of(exchange))
        # Only now: until then a restart gives it up once more, and it counts once.
        self.judge(exchange, judgement)

    def excuse(
        self, unit: Single, footprints: tuple[Footprint, ...], outcome: Outcome
    ) -> str | None:
        """Return why the documents of a write may rightly differ, None when they may not."""
        if outcome.alternatives:
            return CHOICE
        if self._is_contended(unit, footprints):
            return CONTENDED
        disputed = self._disputed_before(unit)
        if disputed is not None:
            return disputed
        # Of one that was applied before a restart, with whom it met may be on the log no more.
        return outcome.excuse

    def judge(
        self,
        exchange: Exchange,
        judgement: Judgement,
        *,
        outcome: Outcome | None = None,
        compare_s: float | None = None,
        is_rechecked: bool = False,
    ) -> None:
        trace = self._evidence.judged(
            exchange,
            judgement,
            outcome=outcome,
            compare_s=compare_s,
            is_rechecked=is_rechecked,
        )
        if outcome is not None and outcome.plan is not None and self._explain is not None:
            self._explain(exchange.operation)
        if judgement.verdict is Verdict.MISMATCH:
            _log.warning(
                "mismatch_confirmed",
                collection=exchange.namespace,
                fingerprint=judgement.fingerprint,
                position=exchange.start,
                **(named_by(exchange.parent) if trace is None else named(trace.verdict)),
            )
        if exchange.writes and self._awaited is not None:
            self._awaited.judged(exchange, judgement, outcome)
        self._leave(exchange.start)

    def _disputed_before(self, unit: Single) -> str | None:
        """Return why another sidecar may have owed documents of an exchange when it was let go."""
        return None if self._peers is None else self._peers.disputed_before(unit.exchange.start)

    def _is_contended(self, unit: Single, footprints: tuple[Footprint, ...]) -> bool:
        """Return whether a write met another one in an order that nobody knows, here or in another sidecar."""
        if self._peers is not None and self._peers.has_raced(unit.exchange.start):
            return True
        return is_contended(unit, footprints)

    async def _judge_write(
        self,
        unit: Single,
        operation: Operation,
        judgement: Judgement,
        gateway: Outcome,
        footprints: tuple[Footprint, ...],
        compare_s: float,
    ) -> None:
        """A write cannot be asked twice: its acknowledgement counts unless the order was unknowable.

        What excuses it is looked for here, at its place of the order: soon afterwards it may be mended and forgotten.
        """
        exchange = unit.exchange
        awaits = takes_server_values(operation) or self._states.awaits_clock(written_in(exchange))
        if awaits and only_clocks_differ(judgement):
            judgement = Judgement(verdict=Verdict.MATCH, reason=TAKEN_OVER)
        namespaces = namespaces_of(footprints)
        if self._partly(namespaces) is None or gateway.alternatives:
            doubt = await self._doubt_about(unit, judgement, gateway, footprints)
            if doubt is not None:
                await self._doubt_write(exchange, doubt)
                return
        if any(map(self._stock.is_unknown, namespaces)):
            self._create_task(self._later(exchange, judgement, gateway, namespaces, compare_s))
            return
        self._conclude(exchange, judgement, gateway, namespaces, compare_s)

    async def _later(
        self,
        exchange: Exchange,
        judgement: Judgement,
        gateway: Outcome,
        namespaces: frozenset[str],
        compare_s: float,
    ) -> None:
        """Judge once it is known whether the gateway has all documents."""
        await self._stock.known(namespaces)
        self._conclude(exchange, judgement, gateway, namespaces, compare_s)

    def _conclude(
        self,
        exchange: Exchange,
        judgement: Judgement,
        gateway: Outcome,
        namespaces: frozenset[str],
        compare_s: float,
    ) -> None:
        partly = self._partly(namespaces)
        if partly is not None:
            # What the gateway touched is compared and made equal; all else it gets with the documents it lacks.
            judgement = Judgement(verdict=Verdict.NOT_COMPARABLE, reason=partly)
        self.judge(exchange, judgement, outcome=gateway, compare_s=compare_s)
        # What legacy alone may have inserted is missing here: its state is owed as well.
        inserted = [*generated_by(exchange).upserted.values(), *_inserted_by(exchange.operation)]
        self._states.owe(written_in(exchange), inserted, exchange.start, writer=writer_of(exchange))

    def _partly(self, namespaces: frozenset[str]) -> str | None:
        """Return why the gateway has a part of the documents only, None where it has all, or nobody knows."""
        reasons = map(self._stock.reason, sorted(namespaces))
        return next((reason for reason in reasons if reason is not None), None)

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
        if judgement.verdict is Verdict.MISMATCH:
            excuse = gateway.excuse or self.known_excuse(unit, footprints)
            if excuse is not None:
                return excuse
            unsure = None if self._peers is None else await self._peers.unsure_of(unit)
            if unsure is not None:
                return unsure
        if gateway.alternatives:
            return CHOICE
        return EXPIRED if await self._wrote_expired(gateway, unit.exchange) else None

    def known_excuse(self, unit: Single, footprints: tuple[Footprint, ...]) -> str | None:
        """Return why a write may be answered in another way than on legacy, as far as it is known before it runs."""
        if self._is_contended(unit, footprints):
            return CONTENDED
        disputed = self._disputed_before(unit)
        if disputed is None and self._peers is not None:
            disputed = self._peers.doubted_before(unit.exchange.start)
        if disputed is not None:
            return disputed
        for footprint in footprints:
            reason = self._reconciler.disputes(footprint.namespace)
            if reason is None and footprint.writes:
                reason = self._states.excuse_of(footprint.namespace, footprint.keys)
            if reason is not None:
                return reason
        return None

    async def _wrote_expired(self, gateway: Outcome, exchange: Exchange) -> bool:
        """Return whether the gateway wrote, or stumbled over, a document that MongoDB may have expired before."""
        namespace = written_in(exchange)
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
        exchange.passage.compared_ns = time.time_ns()
        began = time.perf_counter()
        judgement = decide(operation, legacy, gateway, self._rules.now)
        if judgement.verdict is Verdict.MISMATCH:
            expired = await self._expiries.predicate(operation.namespace, exchange.received_ns)
            if expired is not None:
                judgement = decide(operation, legacy, gateway, self._rules.now, expired=expired)
        return judgement, time.perf_counter() - began


def _inserted_by(operation: Operation) -> list[Any]:
    if operation.kind is not Kind.INSERT:
        return []
    return [
        document["_id"]
        for document in operation.arguments.get("documents") or ()
        if "_id" in document
    ]
