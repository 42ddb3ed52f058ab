"""The verifier: follow the capture log, repeat its operations on the gateway, compare, keep evidence."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from adapters.board import Board
from adapters.gateway import Gateway
from proxy.capture.announced import Announcement
from proxy.capture.applied import Applied
from proxy.capture.reader import CaptureReader
from proxy.capture.retention import remove_below
from proxy.flags.rollback import RollBack
from proxy.ledger.entries import EventKind, Lag
from proxy.ledger.orders import OrderKind
from proxy.ledger.write import Ledger
from proxy.shadow.admission import Admission
from proxy.shadow.beside import Beside
from proxy.shadow.bookkeeping import Bookkeeping
from proxy.shadow.budget import Budget
from proxy.shadow.entering import Entering
from proxy.shadow.evidence import Evidence
from proxy.shadow.execution import Execution
from proxy.shadow.expiry import Expiries
from proxy.shadow.explaining import Explaining
from proxy.shadow.filling import Filling
from proxy.shadow.following import follow_expiry
from proxy.shadow.frontier import Frontier, Resume
from proxy.shadow.intake import Intake
from proxy.shadow.judging import Judging
from proxy.shadow.legacy import Legacy
from proxy.shadow.lineup import Lineup, Waiting
from proxy.shadow.mending import Comparing, Mending
from proxy.shadow.orders import OrderDesk
from proxy.shadow.patience import Outage, Side
from proxy.shadow.peers import Own, Peers
from proxy.shadow.progress import Progress
from proxy.shadow.quiet import Quiet
from proxy.shadow.recheck import Rechecks
from proxy.shadow.reconcile import Reconciler
from proxy.shadow.rulebook import Declaring, Rulebook, Withdrawing
from proxy.shadow.runner import Runner
from proxy.shadow.sides import Sides
from proxy.shadow.states import CHOICE, States
from proxy.shadow.stock import Stock
from proxy.shadow.survey import Survey
from proxy.shadow.telling import Telling
from proxy.shadow.touches import Touches
from proxy.shadow.traces import Traces
from proxy.shadow.units import Unit
from proxy.shadow.writers import Writers
from proxy.tracing.stints import Stints

_SHORTEST_NAP_S: Final = 0.001
_LONGEST_NAP_S: Final = 0.02
_LONGEST_DOZE_S: Final = 0.1
_DOZING: Final = 1.05
"""Where nothing comes for a second or two and nobody waits, the log is looked at more and more seldom."""
_RECORDS_AT_ONCE: Final = 256
_MOST_SUSPECTS: Final = 2_000
_MOST_UNWRITTEN: Final = 50_000
_RECHECKS_AT_ONCE: Final = 8
"""Bounds: past them the verifier reads no further, and the log grows instead of its memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the settings say about the verifier's work; times in seconds."""

    concurrency: int
    recheck_within_s: float
    gateway_timeout_s: float
    state_checks: bool
    keep_log: bool
    silent_after_s: float
    sample_beyond_s: float
    """0 for never."""


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
        rules: Rulebook,
        limits: Limits,
        tasks: asyncio.TaskGroup,
        writes: asyncio.TaskGroup,
        board: Board | None = None,
        cluster: str = "",
        applied: Applied | None = None,
        roll_back: RollBack | None = None,
        beside: Beside | None = None,
        traces: Traces | None = None,
        stints: Stints | None = None,
    ) -> None:
        """`writes` outlives `tasks`: what is being written to the ledger is not cancelled. `board` is where the other verifiers of this gateway are met; None where there can be none.

        `cluster` names the replica set, whose clock they share. `applied` tells the relay how far the log is applied;
        None where it does not ask. `roll_back` hears of what speaks against a collection; None where there are no flags.
        `beside` is the relay that waits for writes to be on the gateway; None where none does. `traces` tells of exchanges in
        traces, `stints` of orders; None where nobody is told.
        """
        self._stints = stints or Stints()
        self._legacy = legacy
        self._directory = directory
        self._log = log
        self._reader = reader
        self._gateway = gateway
        self._ledger = ledger
        self._limits = limits
        self._rules = rules
        self._tasks = tasks
        self._writes = writes
        self._beside = beside
        self._frontier = Frontier(None if beside is None else self._write_left)
        self._budget = Budget(limits.sample_beyond_s)
        self._intake = Intake(resume, self._frontier, self._budget)
        self._progress = Progress(reader.position)
        self._roll_back = roll_back
        writers_of_log = Writers(directory)
        self._evidence = (
            Evidence(log, traces=traces, writers=writers_of_log)
            if roll_back is None
            else Evidence(
                log,
                hears=roll_back.hear,
                times=roll_back.timed,
                traces=traces,
                writers=writers_of_log,
            )
        )
        self._stock = Stock()
        self._newest_ns = 0
        self._lineup = Lineup()
        self._gateway_outage = Outage(Side.GATEWAY, self._evidence.was_away)
        self._legacy_outage = Outage(Side.LEGACY, self._evidence.was_away)
        self._expiries = Expiries(gateway, self._gateway_outage)
        self._announcement = Announcement(directory)
        own = self._own(cluster)
        self._peers = Peers(
            board,
            own,
            silent_after_s=limits.silent_after_s,
            outage=self._gateway_outage,
            announced=self._announcement.put,
        )
        self._touches = Touches(self._peers.touched)
        self._build(legacy)
        self._telling = Telling(
            applied,
            gateway=gateway,
            frontier=self._frontier,
            progress=self._progress,
            states=self._states,
            reconciler=self._reconciler,
            peers=self._peers,
            stock=self._stock,
            roll_back=roll_back,
        )

    def _build(self, legacy: Legacy) -> None:
        gateway, limits, rules = self._gateway, self._limits, self._rules
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
            legacy_outage=self._legacy_outage,
            quiet=Quiet(self._reader, self._intake, self._progress, self._peers),
            runner=self._runner,
            touches=self._touches,
            peers=self._peers,
        )
        self._reconciler = Reconciler(sides, stock=self._stock, create_task=create_task)
        self._states = States(
            sides,
            reconciler=self._reconciler,
            stock=self._stock,
            expiries=self._expiries,
            evidence=self._evidence,
            rules=rules,
        )
        self._rechecks = Rechecks(
            sides,
            reconciler=self._reconciler,
            states=self._states,
            expiries=self._expiries,
            rules=rules,
            within_s=limits.recheck_within_s,
            at_once=_RECHECKS_AT_ONCE,
            create_task=create_task,
        )
        self._explaining = Explaining(legacy, self._evidence.explained)
        judging = Judging(
            gateway=gateway,
            rules=rules,
            evidence=self._evidence,
            touches=self._touches,
            states=self._states,
            rechecks=self._rechecks,
            reconciler=self._reconciler,
            stock=self._stock,
            expiries=self._expiries,
            gateway_outage=gateway_outage,
            create_task=create_task,
            leave=self._frontier.leave,
            peers=self._peers,
            awaited=None if self._beside is None else self._beside.awaited,
            explain=self._explaining.ask,
        )
        self._execution = Execution(
            log=self._log,
            gateway=gateway,
            judging=judging,
            touches=self._touches,
            states=self._states,
            reconciler=self._reconciler,
            stock=self._stock,
            gateway_outage=gateway_outage,
            gateway_timeout_s=limits.gateway_timeout_s,
            leave=self._frontier.leave,
            peers=self._peers,
        )
        self._admission = Admission(
            gateway=gateway,
            runner=self._runner,
            execution=self._execution,
            judging=judging,
            reconciler=self._reconciler,
            states=self._states,
            evidence=self._evidence,
            touches=self._touches,
            expiries=self._expiries,
            frontier=self._frontier,
        )
        ledger_outage = Outage(Side.LEDGER, self._evidence.was_away)
        self._entering = Entering(self._stock, self._ledger.fillings, ledger_outage)
        self._desk = self._order_desk(sides, ledger_outage)
        self._survey = Survey(
            sides,
            self._stock,
            entering=self._entering,
            fillings=self._ledger.fillings,
            ledger_outage=ledger_outage,
            log=self._log,
        )
        self._bookkeeping = Bookkeeping(
            log=self._log,
            gateway=gateway,
            ledger=self._ledger,
            ledger_outage=ledger_outage,
            evidence=self._evidence,
            frontier=self._frontier,
            progress=self._progress,
            states=self._states,
            lag=self._lag,
            is_settled_below=self._release_log,
            create_task=self._writes.create_task,
        )

    def _order_desk(self, sides: Sides, ledger_outage: Outage) -> OrderDesk:
        comparing = Comparing(
            self._states,
            evidence=self._evidence,
            progress=self._progress,
            redacted=self._ledger.redacted,
            has_lost=lambda namespace: ledger_outage.endure(
                lambda: self._ledger.losses.of(namespace)
            ),
            enabled=self._limits.state_checks,
        )
        self._filling = Filling(
            sides,
            self._stock,
            states=self._states,
            reconciler=self._reconciler,
            admission=self._admission,
            expiries=self._expiries,
            entering=self._entering,
            log=self._log,
            # What operations meet that waited for a merge is made equal by comparing it.
            check=comparing.check,
        )
        return OrderDesk(
            self._ledger.orders,
            {
                **self._filling.performers,
                OrderKind.COMPARE: comparing,
                OrderKind.MEND: Mending(self._reconciler, comparing),
                OrderKind.DECLARE: Declaring(self._rules, self._evidence.happened),
                OrderKind.WITHDRAW: Withdrawing(self._rules, self._evidence.happened),
            },
            log=self._log,
            evidence=self._evidence,
            ledger_outage=ledger_outage,
            create_task=self._tasks.create_task,
            stints=self._stints,
        )

    def _own(self, cluster: str) -> Own:
        async def redefine() -> None:
            self._gateway.redefined()
            await self._entering.hear()

        return Own(
            log=self._log,
            cluster=cluster,
            lowest=self._lowest_place,
            highest=lambda: self._intake.highest_clock,
            steps=self._lowest_step,
            position=lambda: self._progress.accepted,
            end=self._reader.end,
            clock=lambda: self._legacy_outage.endure(self._legacy.clock),
            disputed=lambda: self._reconciler.disputed,
            doubtful=lambda: self._states.excused,
            filling=lambda: self._filling.unsettled,
            definitions=lambda: self._gateway.definitions + self._stock.version,
            redefine=redefine,
        )

    async def run(self) -> None:
        """Verify until cancelled; the last checkpoint then covers all that was finished."""
        self._evidence.happened(EventKind.VERIFIER_STARTED, position=self._reader.position)
        await self._survey.load()
        await self._owe_unfinished_states()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(), name="follow log")
                tasks.create_task(self._bookkeeping.run(), name="keep ledger")
                tasks.create_task(self._peers.run(), name="trade with other sidecars")
                tasks.create_task(self._desk.run(), name="work off orders")
                tasks.create_task(self._survey.run(), name="survey collections")
                tasks.create_task(self._filling.run(), name="settle collections")
                tasks.create_task(self._explaining.run(), name="explain on legacy")
                tasks.create_task(self._rules.run(self._evidence.happened), name="follow rules")
                if self._roll_back is not None:
                    acting = self._roll_back.run(
                        flush=self._bookkeeping.flush, withhold=self._withhold
                    )
                    tasks.create_task(acting, name="roll back")
                if self._beside is not None:
                    listening = self._beside.run(
                        is_open=self._is_open,
                        grown=self._progress.wanted.set,
                        happened=self._evidence.happened,
                    )
                    tasks.create_task(listening, name="listen to the relay")
                if self._limits.state_checks:
                    tasks.create_task(self._states.run(), name="compare states")
                tasks.create_task(
                    follow_expiry(self._gateway, self._reconciler, self._gateway_outage),
                    name="follow expiry",
                )
        finally:
            # What is not written in time is found again from the last checkpoint.
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self._bookkeeping.flush()
                    if self.is_drained:
                        self._announcement.take_back()
                        await self._peers.leave()

    @property
    def is_drained(self) -> bool:
        """Return whether everything on the log so far has its verdict."""
        return (
            self._reader.is_at_end
            and not len(self._lineup)
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
        for each in unforgotten:
            chosen = CHOICE if each.alternatives else None
            self._states.owe(
                each.namespace,
                [*each.identifiers, *each.alternatives],
                each.position,
                excuse=self._stock.reason(each.namespace) or each.excuse or chosen,
                generated=each.generated,
            )

    async def _follow(self) -> None:
        nap_s = _SHORTEST_NAP_S
        while True:
            began = self._reader.position
            records = self._reader.poll(_RECORDS_AT_ONCE) if self._lineup.has_room else []
            for skipped in self._reader.take_skipped():
                self._intake.skipped(skipped.position, skipped.reason)
            self._budget.look(time.time_ns())
            for record in records:
                self._intake.accept(record)
                self._newest_ns = max(self._newest_ns, record.received_ns)
            # Until all are admitted a write is neither on its way nor in front of what asks for it.
            self._progress.is_admitting = True
            units = self._intake.release(time.time_ns())
            at_once = self._line_up(units, began)
            self._admission.note(units)
            # Before anything is judged: else a verdict could reach the ledger with an older checkpoint, and
            # count twice after a crash.
            self._progress.accepted = self._reader.position
            self._telling.tell(units)
            for unit in at_once:
                await self._admission.admit(unit)
            await self._admit_lined_up()
            self._progress.position = self._lineup.began(self._reader.position)
            self._progress.is_admitting = False
            if records:
                self._progress.pulse()
                nap_s = _SHORTEST_NAP_S
                await self._has_room()
            else:
                self._progress.pulse()
                nap_s = await self._nap(_SHORTEST_NAP_S if self._lineup else nap_s)

    async def _nap(self, nap_s: float) -> float:
        """Wait until the log may have grown, and return for how long to wait next."""
        if self._beside is None and nap_s < _LONGEST_NAP_S:
            await asyncio.sleep(nap_s)
            return min(nap_s * 1.5, _LONGEST_NAP_S)
        wanted = self._progress.wanted
        with suppress(TimeoutError):
            async with asyncio.timeout(nap_s):
                await wanted.wait()
        if wanted.is_set():
            wanted.clear()
            return _SHORTEST_NAP_S
        if nap_s < _LONGEST_NAP_S:
            return min(nap_s * 1.5, _LONGEST_NAP_S)
        return min(nap_s * _DOZING, _LONGEST_NAP_S if self._is_waited_for else _LONGEST_DOZE_S)

    @property
    def _is_waited_for(self) -> bool:
        """Whether somebody is kept waiting by what stays unread: here, the relay before it lets the gateway answer, or another verifier."""
        return self._roll_back is not None or self._progress.is_awaited or self._peers.has_company

    def _withhold(self) -> None:
        """Have MongoDB answer everything."""
        self._telling.withhold()
        if self._beside is not None:
            self._beside.awaited.withhold()

    def _is_open(self, position: int) -> bool:
        """Say whether a write is ahead on the log, or has no verdict yet; where not, all that is known is told first."""
        is_open = position >= self._progress.accepted or self._frontier.is_open(position)
        if not is_open:
            self._telling.tell(())
        return is_open

    def _write_left(self, position: int) -> None:
        """Tell a relay that waits for a write, after what it needs to know for reading it."""
        assert self._beside is not None  # noqa: S101 - nobody else is told
        if self._beside.awaited.is_asked(position):
            self._telling.tell(())
        self._beside.awaited.done(position)

    def _line_up(self, units: Iterable[Unit], began: int) -> list[Unit]:
        """Line up what has its place among the operations of all logs; return the rest."""
        at_once = []
        for unit in units:
            place = self._peers.place_of(unit)
            if place is None:
                at_once.append(unit)
            else:
                self._lineup.add(Waiting(place, unit, began))
        return at_once

    async def _admit_lined_up(self) -> None:
        while (waiting := self._lineup.first) is not None:
            if not self._peers.may_pass(waiting.place):
                return
            unit = self._peers.pass_on(waiting.unit, waiting.place)
            await self._admission.admit(unit, waiting.place)
            # Only now: until the runner knows of it, nobody may pass it.
            self._lineup.remove_first()

    def _lowest_place(self) -> int | None:
        first = self._lineup.first
        return _lowest(
            None if first is None else first.place,
            self._intake.lowest_place(),
            self._runner.lowest_place(),
        )

    def _lowest_step(self) -> int | None:
        return _lowest(
            self._intake.lowest_step(), self._lineup.lowest_step(), self._runner.lowest_step()
        )

    async def _has_room(self) -> None:
        await asyncio.sleep(0)
        await self._runner.has_room()
        await self._progress.until(
            lambda: len(self._rechecks) <= _MOST_SUSPECTS and len(self._evidence) <= _MOST_UNWRITTEN
        )

    def _lag(self) -> Lag:
        backlog = self._reader.backlog_bytes()
        # A write is judged by its answer and then by what it left behind.
        unfinished = len(self._frontier) + len(self._states) + len(self._reconciler)
        behind_s = (time.time_ns() - self._newest_ns) / 1e9 if backlog and self._newest_ns else 0.0
        return Lag(operations=unfinished, seconds=max(behind_s, 0.0), bytes=backlog)

    def _release_log(self, position: int) -> None:
        remove_below(self._directory, position, keep=self._limits.keep_log)


def _lowest(*places: int | None) -> int | None:
    """Return the lowest of those that there are."""
    return min((place for place in places if place is not None), default=None)
