"""Pieces of a collection, and how tasks on them are run: in this process or on a cluster.

A task is a function of one value, its specification, to another one. Both can be pickled, so a task may run
anywhere; whatever it needs (addresses, bounds) is in there, and it leaves nothing behind when it fails. A failed task is run
again a few times; its chunk counts once, by the one result that was handed on.
"""

import asyncio
import pickle
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final, Protocol, TypeVar

import structlog

from comparators.errors import RefusedError, SettingsError, UnsupportedError

S = TypeVar("S")
R = TypeVar("R")
Task = Callable[[S], Coroutine[Any, Any, R]]
"""A function at the top of a module: it is found by its name where it runs."""

ATTEMPTS: Final = 4
FIRST_PAUSE_S: Final = 0.2

_HOPELESS: Final = (RefusedError, SettingsError, UnsupportedError, pickle.PicklingError)
"""What a second try would end with as well."""

_log = structlog.get_logger()


class ChunkRunner(Protocol):
    """Where tasks run."""

    @property
    def places(self) -> int:
        """How many tasks are run at once."""

    async def run(self, task: Task[S, R], spec: S) -> R:
        """Run a task once, and return its result or raise what it raised."""


async def attempted(
    runner: ChunkRunner, task: Task[S, R], spec: S, *, attempts: int = ATTEMPTS
) -> R:
    """Return the result of a task, run again when it fails; raise what the last try raised."""
    pause_s = FIRST_PAUSE_S
    for attempt in range(1, attempts + 1):
        try:
            return await runner.run(task, spec)
        except _HOPELESS:
            raise
        except Exception as error:
            if attempt == attempts:
                raise
            # Only its type: the message of a driver can quote values.
            _log.warning("chunk_failed", kind=type(error).__name__, attempt=attempt)
        await asyncio.sleep(pause_s)
        pause_s *= 2
    raise AssertionError("unreachable")


async def for_each(
    runner: ChunkRunner, specs: Iterable[S], work: Callable[[S], Awaitable[None]]
) -> None:
    """Await `work` once for each specification, as many at once as the runner has places.

    The first one that fails for good ends the others.
    """
    remaining = iter(specs)

    async def one_after_the_other() -> None:
        for spec in remaining:
            await work(spec)

    async with asyncio.TaskGroup() as tasks:
        for place in range(runner.places):
            tasks.create_task(one_after_the_other(), name=f"chunks {place}")
