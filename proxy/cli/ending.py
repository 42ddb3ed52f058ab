"""How a process of Parallax ends: by cancellation, whatever the reason."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import uvloop

_POLL_S: Final = 0.2


def run_until_cancelled(main: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine on uvloop; its cancellation is a normal end."""

    async def ending() -> None:
        # Cancelled by a signal or a condition of our own: what had to happen stood in `finally`.
        with suppress(asyncio.CancelledError):
            await main

    uvloop.run(ending())


@contextmanager
def cancelled_by_signals() -> Iterator[None]:
    """Cancel the current task at SIGTERM or SIGINT."""
    loop, task = asyncio.get_running_loop(), current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextmanager
def cancelled_without(parent: int | None) -> Iterator[None]:
    """Cancel the current task once the process `parent` is no longer our parent; None watches nobody.

    The parent says who it is: it may be gone before this process first looks.
    """
    if parent is None:
        yield
        return
    loop, task = asyncio.get_running_loop(), current_task()
    watch: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal watch
        if os.getppid() != parent:
            task.cancel()
        else:
            watch = loop.call_later(_POLL_S, look)

    look()
    try:
        yield
    finally:
        if watch is not None:
            watch.cancel()


async def cancelled_when(condition: Callable[[], bool], task: asyncio.Task[Any]) -> None:
    """Cancel a task once a condition holds; looks five times a second."""
    while not condition():  # noqa: ASYNC110 - what it watches has no event
        await asyncio.sleep(_POLL_S)
    task.cancel()


def current_task() -> asyncio.Task[Any]:
    """Return the task this runs in."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("not inside a task")
    return task
