"""The verifier: follow the capture log, repeat its operations on the gateway, compare, keep evidence."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from adapters.gateway import Footprint, Gateway
from comparators.errors import UnreachableError, UnsupportedError
from comparators.operation import Kind, Operation
from comparators.rules import Rules
from comparators.verdict import Judgement, Verdict
from proxy.capture.reader import CaptureReader
from proxy.capture.retention import remove_below
from proxy.ledger.entries import Checkpoint, Dropped, EventKind, Lag
from proxy.ledger.write import Ledger
from proxy.shadow.evidence import Evidence, Gathered
from proxy.shadow.exchange import Exchange
from proxy.shadow.execution import Execution
from proxy.shadow.expiry import Expiries
from proxy.shadow.following import follow_expiry
from proxy.shadow.frontier import Frontier, Resume
from proxy.shadow.intake import Intake
from proxy.shadow.legacy import Legacy
from proxy.shadow.patience import Outage, Side
from proxy.shadow.progress import Progress
from proxy.shadow.quiet import Quiet
from proxy.shadow.reach import namespaces_of
from proxy.shadow.recheck import Rechecks
from proxy.shadow.reconcile import Case, Reconciler
from proxy.shadow.refusal import Failed, refusal_of, refusal_of_command
from proxy.shadow.runner import Runner, Work
from proxy.shadow.sides import Sides
from proxy.shadow.states import States
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

_log = structlog.get_logger()

_SHORTEST_NAP_S: Final = 0.001
_LONGEST_NAP_S: Final = 0.02
_FLUSH_S: Final = 0.5
_RECORDS_AT_ONCE: Final = 256
_MOST_SUSPECTS: Final = 2_000
_MOST_UNWRITTEN: Final = 50_000
_RECHECKS_AT_ONCE: Final = 8
"""Bounds: past them the verifier reads no further, and the log grows instead of its memory."""

_OUTAGES: Final = {
    Side.GATEWAY: EventKind.GATEWAY_OUTAGE,
    Side.LEDGER: EventKind.LEDGER_OUTAGE,
    Side.LEGACY: EventKind.LEGACY_OUTAGE,
}
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the settings say about the verifier's work; times in seconds."""

    concurrency: int
    recheck_within_s: float
    gateway_timeout_s: float
    state_checks: bool
    keep_log: bool


class Verifier:
    """One per capture log. `run` works until it is cancelled; what it did is then on the ledger."""

    def __init__(
        self,
        *,
        directory: Path,
        log: str,
        reader: CaptureReader,
        resume: Resume,
        gateway: Gateway,
        legacy: Legacy,
        ledger: Ledger,
        rules: Rules,
        limits: Limits,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._directory = directory
        self._log = log
        self._reader = reader
        self._gateway = gateway
        self._ledger = ledger
        self._limits = limits
        self._tasks = tasks
        self._frontier = Frontier()
        self._intake = Intake(resume, self._frontier)
        self._progress = Progress(reader.position)
        self._evidence = Evidence(log)
        self._touches = Touches()
        self._newest_ns = 0
        self._ledger_outage = Outage(Side.LEDGER, self._outage_ended)
        self._gateway_outage = Outage(Side.GATEWAY, self._outage_ended)
        self._expiries = Expiries(gateway, self._gateway_outage)
        self._build(legacy, rules)

    def _build(self, legacy: Legacy, rules: Rules) -> None:
        gateway, limits = self._gateway, self._limits
        create_task: Callable[..., object] = self._tasks.create_task
        gateway_outage = self._gateway_outage
        self._runner = Runner(
            create_task,
            self._progress,
            concurrency=limits.concurrency,
            window=limits.concurrency * 16,
        )
        sides = Sides(
            gateway=gateway,
            gateway_outage=gateway_outage,
            legacy=legacy,
            legacy_outage=Outage(Side.LEGACY, self._outage_ended),
            quiet=Quiet(self._reader, self._intake, self._progress),
            runner=self._runner,
            touches=self._touches,
        )
        self._reconciler = Reconciler(sides, create_task=create_task)
        self._states = States(
            sides,
            reconciler=self._reconciler,
            expiries=self._expiries,
            evidence=self._evidence,
            rules=rules,
        )
        self._rechecks = Rechecks(
            sides,
            reconciler=self._reconciler,
            awaits_clock=self._states.awaits_clock,
            expiries=self._expiries,
            rules=rules,
            within_s=limits.recheck_within_s,
            at_once=_RECHECKS_AT_ONCE,
        )
        self._execution = Execution(
            log=self._log,
            gateway=gateway,
            rules=rules,
            evidence=self._evidence,
            touches=self._touches,
            states=self._states,
            rechecks=self._rechecks,
            reconciler=self._reconciler,
            expiries=self._expiries,
            gateway_outage=gateway_outage,
            gateway_timeout_s=limits.gateway_timeout_s,
            create_task=create_task,
            leave=self._frontier.leave,
        )

    async def run(self) -> None:
        """Verify until cancelled; the last checkpoint then covers all that was finished."""
        self._evidence.happened(EventKind.VERIFIER_STARTED, position=self._reader.position)
        await self._owe_unfinished_states()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(), name="follow log")
                tasks.create_task(self._keep_ledger(), name="keep ledger")
                if self._limits.state_checks:
                    tasks.create_task(self._states.run(), name="compare states")
                tasks.create_task(
                    follow_expiry(self._gateway, self._reconciler, self._gateway_outage),
                    name="follow expiry",
                )
        finally:
            async with asyncio.timeout(5):
                await self._flush()

    @property
    def is_drained(self) -> bool:
        """Return whether everything on the log so far has its verdict."""
        return (
            self._reader.is_at_end
            and not len(self._frontier)
            and not len(self._runner)
            and not len(self._states)
            and not len(self._reconciler)
        )

    async def _owe_unfinished_states(self) -> None:
        """Owe the states of writes that a verifier before this one applied and did not compare."""
        unforgotten = await self._gateway_outage.endure(
            lambda: self._gateway.unforgotten(self._log)
        )
        for namespace, identifiers, position in unforgotten:
            self._states.owe(namespace, identifiers, position)

    async def _follow(self) -> None:
        nap_s = _SHORTEST_NAP_S
        while True:
            records = self._reader.poll(_RECORDS_AT_ONCE)
            for skipped in self._reader.take_skipped():
                self._intake.skipped(skipped.position, skipped.reason)
            for record in records:
                self._intake.accept(record)
                self._newest_ns = max(self._newest_ns, record.received_ns)
            for unit in self._intake.release(time.time_ns()):
                await self._admit(unit)
            self._progress.position = self._reader.position
            if records:
                self._progress.pulse()
                nap_s = _SHORTEST_NAP_S
                await self._has_room()
            else:
                await asyncio.sleep(nap_s)
                nap_s = min(nap_s * 1.5, _LONGEST_NAP_S)

    async def _has_room(self) -> None:
        await asyncio.sleep(0)
        await self._runner.has_room()
        await self._progress.until(
            lambda: len(self._rechecks) <= _MOST_SUSPECTS and len(self._evidence) <= _MOST_UNWRITTEN
        )

    async def _admit(self, unit: Unit) -> None:
        match unit:
            case Single():
                await self._admit_single(unit)
            case Committed():
                await self._admit_committed(unit)
            case InDoubt():
                self._reconcile(unit)
            case CursorEnded():
                await self._admit_cursor(unit)
            case Settled():
                self._settle(unit)
            case Lost():
                self._note_gap(unit)
            case Unreadable():
                _log.warning("record_skipped", position=unit.position, reason=unit.reason)
                self._evidence.happened(
                    EventKind.RECORDS_SKIPPED, position=unit.position, detail=unit.reason
                )

    async def _admit_single(self, unit: Single) -> None:
        operation = unit.exchange.operation
        if operation.kind is Kind.OTHER:
            self._refuse(unit.exchange, refusal_of_command(next(iter(operation.arguments))))
            return
        footprints = self._footprints(unit.exchange, operation)
        if footprints is None:
            return
        if operation.kind in _DEFINITIONS:
            # Indexes decide what the footprints of later writes are: nothing may be admitted meanwhile.
            await self._runner.is_idle()
            self._runner.submit(Work(footprints, lambda: self._execution.single(unit, footprints)))
            await self._runner.is_idle()
            self._expiries.forget()
            return
        await self._runner.has_room()
        self._runner.submit(Work(footprints, lambda: self._execution.single(unit, footprints)))

    async def _admit_committed(self, unit: Committed) -> None:
        places = []
        for statement in unit.statements:
            operation = statement.exchange.operation
            found = self._footprints_or_none(operation)
            if found is None:
                self._doubt_all(unit, operation)
                return
            places.append(found)
        together = tuple(footprint for found in places for footprint in found)
        await self._runner.has_room()
        self._runner.submit(Work(together, lambda: self._execution.committed(unit, tuple(places))))

    def _doubt_all(self, unit: Committed, unsupported: Operation) -> None:
        self._frontier.leave(unit.commit.start)
        reason = f"in a transaction with an unsupported {unsupported.kind}"
        for statement in unit.statements:
            self._refuse(statement.exchange, Failed(verdict=Verdict.UNSUPPORTED, reason=reason))

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
        await self._execution.cursor_ended(single, cursor, cursor.gateway, footprints)

    def _footprints(self, exchange: Exchange, operation: Operation) -> tuple[Footprint, ...] | None:
        try:
            return self._gateway.footprint(operation)
        except UnsupportedError as error:
            self._refuse(exchange, refusal_of(error))
            return None

    def _footprints_or_none(self, operation: Operation) -> tuple[Footprint, ...] | None:
        try:
            return self._gateway.footprint(operation)
        except UnsupportedError:
            return None

    def _refuse(self, exchange: Exchange, refusal: Failed) -> None:
        self._execution.failed(exchange, refusal)

    def _reconcile(self, unit: InDoubt) -> None:
        for exchange in unit.exchanges:
            for namespace in namespaces_of(exchange.operation):
                self._touches.note_collection(namespace, exchange.position)

        first = min(exchange.start for exchange in unit.exchanges) if unit.exchanges else 0

        def done(touched: dict[str, list[object]]) -> None:
            for namespace, identifiers in touched.items():
                self._states.owe(namespace, identifiers, first)
                self._evidence.happened(
                    EventKind.RECONCILED,
                    namespace=namespace,
                    n=len(identifiers),
                    detail=unit.reason,
                    position=first,
                )
            for exchange in unit.exchanges:
                judgement = Judgement(verdict=Verdict.NOT_COMPARABLE, reason=unit.reason)
                self._evidence.judged(exchange, judgement)
                self._frontier.leave(exchange.start)
            if unit.commit is not None:
                self._frontier.leave(unit.commit)

        self._reconciler.open(Case(exchanges=unit.exchanges, settles=True, done=done))

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

    async def _keep_ledger(self) -> None:
        while True:
            await asyncio.sleep(_FLUSH_S)
            await self._flush()

    async def _flush(self) -> None:
        # Taken together, before any await: the checkpoint covers exactly these findings.
        gathered = self._evidence.take()
        position, still_open = self._progress.position, self._frontier.open()
        for namespace, n in self._states.take_unpaid().items():
            self._evidence.dropped(namespace, Dropped.STATES, "too many to keep", n, time.time_ns())
        checkpoint = Checkpoint(
            log=self._log, position=position, at_ns=time.time_ns(), open=still_open
        )
        await self._ledger_outage.endure(lambda: self._write(gathered, checkpoint))
        self._progress.pulse()
        needed = min(still_open, default=position)
        await self._forget(min(needed, self._states.oldest(position)))
        remove_below(self._directory, needed, keep=self._limits.keep_log)

    async def _forget(self, position: int) -> None:
        try:
            await self._gateway.forget_marks(self._log, below=position)
        except UnreachableError:
            # Marks that stay longer cost nothing; the next checkpoint forgets them.
            _log.debug("marks_kept", position=position)

    async def _write(self, gathered: Gathered, checkpoint: Checkpoint) -> None:
        await self._ledger.record(
            gathered.findings,
            checkpoint=checkpoint,
            lag=self._lag(),
            events=gathered.events,
            drops=gathered.drops,
            diverged=gathered.diverged,
            resolved=gathered.resolved,
        )

    def _lag(self) -> Lag:
        backlog = self._reader.backlog_bytes()
        # A write is judged by its answer and then by what it left behind.
        unfinished = len(self._frontier) + len(self._states) + len(self._reconciler)
        behind_s = (time.time_ns() - self._newest_ns) / 1e9 if backlog and self._newest_ns else 0.0
        return Lag(operations=unfinished, seconds=max(behind_s, 0.0), bytes=backlog)

    def _outage_ended(self, side: Side, since_ns: int, until_ns: int) -> None:
        self._evidence.happened(_OUTAGES[side], at_ns=since_ns, until_ns=until_ns)
