"""The processes beside the relay, as the side demands that has the last word.

Before the cut-over a verifier, and one that answers reads; after it one that answers everything, and one that keeps MongoDB current. On
the way both are there. What the others know of definitions is read anew on the way back, because they begin anew.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

from proxy.wire.crossing import Crossing

LOOK_S: Final = 0.05

Job = Callable[[], Coroutine[Any, Any, None]]


class Crew:
    """Runs jobs until cancelled: those of before unless the gateway has the last word, those of after where it is needed."""

    def __init__(
        self, crossing: Crossing, *, before: Mapping[str, Job], after: Mapping[str, Job]
    ) -> None:
        self._crossing = crossing
        self._before = before
        self._after = after

    async def run(self) -> None:
        """Begin and end jobs as they are needed."""
        running: dict[str, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as tasks:
            while True:
                wanted = self._wanted()
                for name in running.keys() - wanted.keys():
                    running.pop(name).cancel()
                for name in wanted.keys() - running.keys():
                    running[name] = tasks.create_task(wanted[name](), name=name)
                await asyncio.sleep(LOOK_S)

    def _wanted(self) -> Mapping[str, Job]:
        before = {} if self._crossing.is_through else self._before
        after = self._after if self._crossing.needs_gateway else {}
        return {**before, **after}
