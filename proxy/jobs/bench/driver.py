"""Drive operations and time them, without coordinated omission.

At a set rate each operation has a moment at which it is *due*, fixed before anything was sent. Its latency counts from there,
also when it could not be sent in time because those before it were not answered: a stall is seen by all whom it delays.
Source: Tene: "How NOT to Measure Latency" (2013); Schroeder, Wierman, Harchol-Balter: "Open Versus Closed" (NSDI 2006).
"""

import asyncio
import selectors
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Final

from proxy.jobs.bench.loads import Load

HEAD_START_S: Final = 0.02
"""From the call to the first operation: by then all who drive are waiting."""

Run = Callable[[int], Awaitable[str | None]]
"""Run the operation of this number, and return what failed; None where nothing did."""


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return a loop that wakes to the microsecond: those on epoll, and uvloop, round up to a millisecond."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What one measurement saw, without its warm-up. `late_s`: how late operations were sent although somebody was free for them."""

    latencies_s: tuple[float, ...]
    elapsed_s: float
    failures: Counter[str]
    late_s: tuple[float, ...]


class _Driving:
    def __init__(self, run: Run, load: Load, numbers: Iterator[int], size: int) -> None:
        self._run = run
        self._load = load
        self._numbers = numbers
        self._begin = time.perf_counter() + HEAD_START_S
        self.due = [0.0] * size
        self.done = [0.0] * size
        self.late: list[float] = []
        self.failed: list[tuple[int, str]] = []

    async def work(self) -> None:
        """Take one operation after the other until there is none."""
        for number in self._numbers:
            self.due[number] = await self._moment_of(number)
            failure = await self._run(number)
            self.done[number] = time.perf_counter()
            if failure is not None:
                self.failed.append((number, failure))

    async def _moment_of(self, number: int) -> float:
        """Wait until an operation is due, and return when it was."""
        offset = self._load.due_s(number)
        if offset is None:
            return time.perf_counter()
        due = self._begin + offset
        wait = due - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
            self.late.append(time.perf_counter() - due)
        return due


async def drive(run: Run, load: Load, *, warm_up: int, count: int) -> Driven:
    """Run `warm_up` operations that do not count, and `count` that do, without a pause between."""
    size = warm_up + count
    driving = _Driving(run, load, iter(range(size)), size)
    async with asyncio.TaskGroup() as tasks:
        for number in range(load.connections):
            tasks.create_task(driving.work(), name=f"connection {number}")
    measured = range(warm_up, size)
    return Driven(
        latencies_s=tuple(driving.done[each] - driving.due[each] for each in measured),
        elapsed_s=max(driving.done[warm_up:]) - min(driving.due[warm_up:]),
        failures=Counter(failure for number, failure in driving.failed if number >= warm_up),
        late_s=tuple(driving.late),
    )
