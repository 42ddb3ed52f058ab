"""How far the verifier has come, for those who wait until it has come far enough."""

import asyncio
from collections.abc import Callable


class Progress:
    """The position up to which the log was read and admitted, with a pulse at each change."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.accepted = position
        """Up to where records were taken in: what began below has its verdict, or is open."""
        self.is_admitting = False
        """Whether there are units that the order has let go, and that have no place behind each other yet."""
        self.wanted = asyncio.Event()
        """Is set when there is something to do before a nap is over: somebody waits for what may be on the log."""
        self._changed = asyncio.Event()
        self._waiting = 0

    @property
    def is_awaited(self) -> bool:
        """Whether somebody waits."""
        return self._waiting > 0

    def pulse(self) -> None:
        """Wake everybody who waits, to look again."""
        if self._waiting:
            self._changed.set()
            self._changed = asyncio.Event()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until a condition on the verifier's state holds."""
        if condition():
            return
        # Once, not at each pulse: what they wait for need not be on the log at all.
        self.wanted.set()
        while not condition():
            self._waiting += 1
            try:
                await self._changed.wait()
            finally:
                self._waiting -= 1
