"""Run work as soon as nothing it depends on is unfinished, a bounded number at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from adapters.gateway import Footprint
from proxy.shadow.progress import Progress
from proxy.shadow.schedule import Schedule

T = TypeVar("T")
CreateTask = Callable[[Coroutine[Any, Any, None]], object]


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """Something to do on the gateway, and what it reads or writes there."""

    footprints: tuple[Footprint, ...]
    run: Callable[[], Awaitable[None]]
    place: int | None = None
    """In the order that several logs share; None where it does not matter."""
    steps: int | None = None
    """The clock after which it began, for a write of several steps."""


class Runner:
    """Start work in dependency order; its tasks belong to the verifier's group."""

    def __init__(
        self,
        create_task: CreateTask,
        progress: Progress,
        *,
        concurrency: int,
        window: int,
        by_collection: bool = False,
    ) -> None:
        """`by_collection` lets nothing run beside a write of its collection, whatever the documents.

        Then what is read, and in which natural order, does not depend on how long anything took.
        """
        self._create_task = create_task
        self._progress = progress
        self._concurrency = concurrency
        self._window = window
        self._by_collection = by_collection
        self._schedule: Schedule[Work] = Schedule()
        self._running = 0
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._schedule)

    def lowest_place(self) -> int | None:
        """Return the lowest place of what is unfinished."""
        unfinished = self._schedule.unfinished()
        return min((work.place for work in unfinished if work.place is not None), default=None)

    def lowest_step(self) -> int | None:
        """Return the clock after which the first unfinished write of several steps began."""
        unfinished = self._schedule.unfinished()
        return min((work.steps for work in unfinished if work.steps is not None), default=None)

    def submit(self, work: Work) -> None:
        """Add work behind all that was submitted before it."""
        footprints = work.footprints
        if self._by_collection:
            footprints = tuple(replace(each, keys=None) for each in footprints)
        self._schedule.add(work, footprints)
        self._start_ready()

    async def has_room(self) -> None:
        """Wait while as many operations as the window are unfinished, then until half of them are done.

        Half, so that whoever fills the window is woken once for many operations and not for each.
        """
        if len(self._schedule) >= self._window:
            self._room.clear()
            await self._room.wait()

    async def is_idle(self) -> None:
        """Wait until nothing is unfinished."""
        if len(self._schedule):
            await self._progress.until(lambda: not len(self._schedule))

    def _start_ready(self) -> None:
        while self._running < self._concurrency:
            work = self._schedule.take()
            if work is None:
                return
            self._running += 1
            self._create_task(self._perform(work))

    async def _perform(self, first: Work) -> None:
        """Run work, then whatever is ready: under load a task serves many operations."""
        work: Work | None = first
        while work is not None:
            # A cancelled one stays unfinished, so that nothing behind it starts: the verifier is ending.
            await work.run()
            self._schedule.finish(work)
            if len(self._schedule) <= self._window // 2:
                self._room.set()
            self._progress.pulse()
            work = self._schedule.take()
            self._start_ready()
        self._running -= 1


async def result_of(
    runner: Runner, footprints: tuple[Footprint, ...], ask: Callable[[], Awaitable[T]]
) -> T:
    """Submit a question to the gateway at this place of the order and return its answer."""
    answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    async def run() -> None:
        try:
            value = await ask()
        except Exception as error:  # noqa: BLE001 - it is raised where the answer is awaited
            if not answer.done():
                answer.set_exception(error)
        else:
            if not answer.done():
                answer.set_result(value)

    runner.submit(Work(footprints, run))
    return await answer
