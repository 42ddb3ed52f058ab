"""One time limit for many operations, with one timer for all of them.

`asyncio.timeout` makes and cancels a timer for each operation. Operations with the same limit end their time in the
order in which they began, so it is enough to have a timer for the oldest.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Running:
    task: asyncio.Task[Any]
    deadline: float
    cancelling: int
    """How often the task had been cancelled by others when the operation began."""
    expired: bool = False


class Limit:
    """Let each operation run for `limit_s` seconds. One instance serves one event loop."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._running: dict[_Running, None] = {}
        """In the order of their deadlines."""
        self._timer: asyncio.TimerHandle | None = None

    async def within(self, run: Callable[[], Awaitable[T]]) -> T:
        """Return what an operation gives; TimeoutError where it takes too long, as from `asyncio.timeout`."""
        loop = asyncio.get_running_loop()
        task = cast("asyncio.Task[Any]", asyncio.current_task(loop))
        running = _Running(task, loop.time() + self._limit_s, task.cancelling())
        self._running[running] = None
        if self._timer is None:
            self._timer = loop.call_at(running.deadline, self._look)
        try:
            return await run()
        except asyncio.CancelledError as error:
            if running.expired and task.uncancel() <= running.cancelling:
                raise TimeoutError from error
            raise
        finally:
            del self._running[running]

    def _look(self) -> None:
        """Cancel what is past its deadline, and come again at the next one."""
        self._timer = None
        loop = asyncio.get_running_loop()
        now_s = loop.time()
        for running in self._running:
            if running.deadline > now_s:
                self._timer = loop.call_at(running.deadline, self._look)
                return
            if not running.expired:
                running.expired = True
                running.task.cancel()
