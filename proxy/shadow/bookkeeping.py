"""Take what was found out to the ledger, twice a second, together with how far the log is verified.

Sooner where an order is settled: somebody waits for it.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog

from adapters.gateway import Gateway
from comparators.errors import CapacityError, UnreachableError
from proxy.ledger.entries import Checkpoint, Dropped, Lag
from proxy.ledger.write import Ledger
from proxy.shadow.aftermath import Owing
from proxy.shadow.evidence import Evidence, Gathered
from proxy.shadow.frontier import Frontier
from proxy.shadow.patience import Outage
from proxy.shadow.progress import Progress

_log = structlog.get_logger()

_FLUSH_S: Final = 0.5
_TOGETHER_S: Final = 0.02
_CONDENSE_S: Final = 60.0


class Bookkeeping:
    """One per verifier. `is_settled_below` is told which part of the log nobody needs any more."""

    def __init__(
        self,
        *,
        log: str,
        gateway: Gateway,
        ledger: Ledger,
        ledger_outage: Outage,
        evidence: Evidence,
        frontier: Frontier,
        progress: Progress,
        states: Owing,
        lag: Callable[[], Lag],
        is_settled_below: Callable[[int], object],
        create_task: Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]],
    ) -> None:
        """`create_task` is that of a group that outlives the one this is run in."""
        self._log = log
        self._gateway = gateway
        self._ledger = ledger
        self._ledger_outage = ledger_outage
        self._evidence = evidence
        self._frontier = frontier
        self._progress = progress
        self._states = states
        self._lag = lag
        self._is_settled_below = is_settled_below
        self._writing = asyncio.Lock()
        self._unsent: deque[tuple[Gathered, Checkpoint]] = deque()
        self._create_task = create_task
        self._sending: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Write now and then until cancelled."""
        condense_at_s = time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FLUSH_S):
                    await self._evidence.awaited.wait()
                    # What ends at the same time is told at the same time.
                    await asyncio.sleep(_TOGETHER_S)
            await self.flush()
            if time.monotonic() >= condense_at_s:
                condense_at_s = time.monotonic() + _CONDENSE_S
                await self._condense()

    async def end(self, keeping: asyncio.Task[None]) -> None:
        """End the task that runs this, between two writings."""
        async with self._writing:
            keeping.cancel()

    async def flush(self) -> None:
        """Write what there is, and let go of what was needed for a restart below the checkpoint."""
        async with self._writing:
            await self._flush()

    async def _condense(self) -> None:
        async with self._writing:
            try:
                await self._ledger.condense(time.time_ns())
            except (UnreachableError, CapacityError):
                # What stays by the minute is only larger; the next flush tells of the outage.
                _log.debug("latencies_kept_by_minute")

    async def _flush(self) -> None:
        # Taken together, before any await: the checkpoint covers exactly these findings.
        gathered = self._evidence.take()
        position, still_open = self._progress.accepted, self._frontier.open()
        for namespace, n in self._states.take_unpaid().items():
            self._evidence.dropped(namespace, Dropped.STATES, "too many to keep", n, time.time_ns())
        checkpoint = Checkpoint(
            log=self._log, position=position, at_ns=time.time_ns(), open=still_open
        )
        self._unsent.append((gathered, checkpoint))
        await self._send()
        self._progress.pulse()
        needed = min(still_open, default=position)
        await self._forget(min(needed, self._states.oldest(position)))
        self._is_settled_below(needed)

    async def _send(self) -> None:
        """Write what was gathered. Whoever is cancelled meanwhile leaves it to the next one to wait for it.

        A driver that is cancelled in the middle of a transaction keeps its connection from everybody else.
        """
        while self._unsent:
            if self._sending is None:
                self._sending = self._create_task(self._write(*self._unsent[0]))
            await asyncio.wait({self._sending})
            sent, self._sending = self._sending, None
            sent.result()
            self._unsent.popleft()

    async def _forget(self, position: int) -> None:
        try:
            await self._gateway.forget_marks(self._log, below=position)
        except UnreachableError:
            # Marks that stay longer cost nothing; the next checkpoint forgets them.
            _log.debug("marks_kept", position=position)

    async def _write(self, gathered: Gathered, checkpoint: Checkpoint) -> None:
        await self._ledger_outage.endure(partial(self._record, gathered, checkpoint))

    async def _record(self, gathered: Gathered, checkpoint: Checkpoint) -> None:
        await self._ledger.record(
            gathered.findings,
            checkpoint=checkpoint,
            lag=self._lag(),
            events=gathered.events,
            drops=gathered.drops,
            diverged=gathered.diverged,
            resolved=gathered.resolved,
            settled=gathered.settled,
            explained=gathered.explained,
        )
