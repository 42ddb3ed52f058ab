"""Replay a log that was kept: the verifier's work without a legacy database to ask.

What the log tells is judged as the verifier judges it: answers of reads and acknowledgements of writes. What only legacy could
tell (is a difference still there, what is stored) is not asked for: see `unknowns`. Time is the log's, records are taken
one by one, and nothing runs beside a write of its collection: two replays of one log give the same verdicts.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from adapters.gateway import Gateway
from comparators.rules import Rules
from proxy.capture.pacing import PacedReader
from proxy.capture.reader import Skipped
from proxy.capture.record import HARMLESS, Record
from proxy.ledger.entries import Lag
from proxy.ledger.write import Ledger
from proxy.shadow.admission import Admission
from proxy.shadow.bookkeeping import Bookkeeping
from proxy.shadow.evidence import Evidence
from proxy.shadow.execution import Execution
from proxy.shadow.expiry import Expiries
from proxy.shadow.frontier import Frontier, Resume
from proxy.shadow.intake import Intake
from proxy.shadow.judging import Judging
from proxy.shadow.meanwhile import Meanwhile
from proxy.shadow.patience import Outage, Side
from proxy.shadow.progress import Progress
from proxy.shadow.rulebook import Rulebook
from proxy.shadow.runner import Runner
from proxy.shadow.stock import Stock
from proxy.shadow.touches import Touches
from proxy.shadow.units import Lost
from proxy.shadow.unknowns import EVERYTHING, Unknowns

_RECORDS_AT_ONCE: Final = 256
_MOST_UNWRITTEN: Final = 50_000
_LONGEST_NAP_S: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much runs at once, and how long one operation may take."""

    concurrency: int
    gateway_timeout_s: float


class Replay:
    """One run over a log; `run` ends when everything on it has its verdict."""

    def __init__(
        self,
        *,
        log: str,
        begins_ns: int,
        reader: PacedReader,
        resume: Resume,
        gateway: Gateway,
        ledger: Ledger,
        rules: Rules,
        pace: Pace,
        tasks: asyncio.TaskGroup,
        writes: asyncio.TaskGroup,
    ) -> None:
        """`writes` outlives `tasks`: what is being written to the ledger is not cancelled."""
        self._reader = reader
        self._frontier = Frontier()
        self._intake = Intake(resume, self._frontier)
        self._progress = Progress(reader.position)
        self._evidence = Evidence(log)
        self._last: Record | None = None
        self._skipped: deque[Skipped] = deque()
        self._meanwhile = Meanwhile(self._intake, begins_ns=begins_ns)
        self._build(log, gateway, ledger, rules, pace, tasks, writes)

    def _build(
        self,
        log: str,
        gateway: Gateway,
        ledger: Ledger,
        rules: Rules,
        pace: Pace,
        tasks: asyncio.TaskGroup,
        writes: asyncio.TaskGroup,
    ) -> None:
        create_task: Callable[..., object] = tasks.create_task
        self._outage = outage = Outage(Side.GATEWAY, self._evidence.was_away)
        self._unforgotten = partial(gateway.unforgotten, log)
        expiries = Expiries(gateway, outage)
        touches = Touches()
        self._unknowns = Unknowns(gateway, outage, expiries=expiries, meanwhile=self._meanwhile)
        self._runner = Runner(
            create_task,
            self._progress,
            concurrency=pace.concurrency,
            window=pace.concurrency * 16,
            by_collection=True,
        )
        # What is replayed is all there is.
        stock = Stock()
        stock.suspect(())
        judging = Judging(
            gateway=gateway,
            rules=Rulebook(rules),
            evidence=self._evidence,
            touches=touches,
            states=self._unknowns,
            rechecks=self._unknowns,
            reconciler=self._unknowns,
            stock=stock,
            expiries=expiries,
            gateway_outage=outage,
            create_task=create_task,
            leave=self._frontier.leave,
        )
        execution = Execution(
            log=log,
            gateway=gateway,
            judging=judging,
            touches=touches,
            states=self._unknowns,
            reconciler=self._unknowns,
            stock=stock,
            gateway_outage=outage,
            gateway_timeout_s=pace.gateway_timeout_s,
            leave=self._frontier.leave,
        )
        self._admission = Admission(
            gateway=gateway,
            runner=self._runner,
            execution=execution,
            judging=judging,
            reconciler=self._unknowns,
            states=self._unknowns,
            evidence=self._evidence,
            touches=touches,
            expiries=expiries,
            frontier=self._frontier,
        )
        self._bookkeeping = Bookkeeping(
            log=log,
            gateway=gateway,
            ledger=ledger,
            ledger_outage=Outage(Side.LEDGER, self._evidence.was_away),
            evidence=self._evidence,
            frontier=self._frontier,
            progress=self._progress,
            states=self._unknowns,
            lag=self._lag,
            is_settled_below=lambda _position: None,
            create_task=writes.create_task,
        )

    async def run(self) -> None:
        """Replay to the end of the log; cancelled before, the checkpoint covers what was finished."""
        for applied in await self._outage.endure(self._unforgotten):
            self._unknowns.resume(applied.namespace, applied.position)
        try:
            async with asyncio.TaskGroup() as tasks:
                keeping = tasks.create_task(self._bookkeeping.run(), name="keep ledger")
                await self._follow()
                await self._runner.is_idle()
                await self._bookkeeping.end(keeping)
        finally:
            # What is not written in time is found again from the last checkpoint.
            with suppress(TimeoutError):
                async with asyncio.timeout(5):
                    await self._bookkeeping.flush()

    @property
    def left_bytes(self) -> int:
        """Return how much of the log is still to be replayed."""
        return self._reader.backlog_bytes()

    async def _follow(self) -> None:
        while not self._reader.is_finished:
            records = self._reader.poll(_RECORDS_AT_ONCE)
            self._skipped.extend(self._reader.take_skipped())
            for record in records:
                await self._skip_before(record.position)
                self._last = record
                self._intake.accept(record)
                await self._admit_all(record, record.end)
            if not records:
                await asyncio.sleep(min(max(self._reader.due_in_s, 0), _LONGEST_NAP_S))
                continue
            await self._progress.until(lambda: len(self._evidence) <= _MOST_UNWRITTEN)
        self._reader.finish()
        self._skipped.extend(self._reader.take_skipped())
        if self._last is not None:
            await self._skip_before(self._reader.position)
            self._intake.end(self._last)
            await self._admit_all(self._last, self._reader.position)

    async def _admit_all(self, record: Record, position: int) -> None:
        """Admit what a record releases; whatever waits for time waits for the time of the log."""
        units = self._intake.release(record.received_ns)
        self._meanwhile.note(units)
        self._admission.note(units)
        self._progress.accepted = position
        for unit in units:
            if isinstance(unit, Lost):
                await self._lose(*unit.gap.lost_writes)
            await self._admission.admit(unit)
        self._progress.position = position

    async def _skip_before(self, position: int) -> None:
        """Give up what may have been written in parts of the log that cannot be read."""
        while self._skipped and self._skipped[0].position < position:
            skipped = self._skipped.popleft()
            self._intake.skipped(skipped.position, skipped.reason)
            if skipped.reason not in HARMLESS:
                await self._lose(EVERYTHING)

    async def _lose(self, *namespaces: str) -> None:
        """Note that writes of these collections are missing, behind everything that was read before them."""
        await self._runner.is_idle()
        for namespace in namespaces:
            self._unknowns.lose(namespace)

    def _lag(self) -> Lag:
        return Lag(operations=len(self._frontier), seconds=0.0, bytes=self._reader.backlog_bytes())
