"""Reads that wait a moment for the gateway: what was written of their collection before them is nearly there.

What a read must see is settled when it comes: every write that this relay had passed on by then. Whatever is written while it waits is
written beside it, and may be seen or not, as on MongoDB. So a collection that is written all the time is not waited for without end.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from proxy.wire.breaker import Breaker
from proxy.wire.outcomes import Outcomes
from proxy.wire.position import NEAR_BYTES, Position

LOOK_AGAIN_S: Final = 0.005
REST_S: Final = 0.2
"""A collection that was late too often is waited for once in so long."""
_MOST_TIRED: Final = 10_000

Ended = Callable[[bool], None]
"""Is told whether everything is there, or the time is over."""


class Catching:
    """One per relay."""

    def __init__(
        self,
        outcomes: Outcomes,
        applied: Position,
        *,
        within_s: float,
        monotonic: Callable[[], float],
    ) -> None:
        """`within_s` is how long a read waits at most; 0 for not at all."""
        self.outcomes: Final = outcomes
        self._applied = applied
        self.within_s: Final = within_s
        self._monotonic = monotonic
        self._tired: dict[str, Breaker] = {}
        """Collections that were not there in time when they were last waited for."""

    def is_worthwhile(self, namespace: str, last: int) -> bool:
        """Return whether to wait for the last write of a collection: what is far away, or was late too often, is not waited for."""
        position = self._applied.position(namespace)
        if not (
            self.within_s
            and self.outcomes.is_heard
            and position
            and last - position < NEAR_BYTES
            and not self._applied.lacks(namespace)
        ):
            return False
        tired = self._tired.get(namespace)
        return tired is None or tired.lets(self._monotonic())

    def is_there(self, namespace: str, last: int) -> bool:
        """Return whether a collection is on the gateway up to one of its writes."""
        applied = self._applied
        return not applied.lacks(namespace) and applied.position(namespace) > last

    def lacks_from(self, namespace: str) -> int:
        """Return the position of the first write that is not there."""
        return self._applied.position(namespace)

    def ended(self, namespace: str, *, is_there: bool) -> None:
        """Note how it went."""
        if is_there:
            self._tired.pop(namespace, None)
            return
        if len(self._tired) >= _MOST_TIRED:
            self._tired.clear()
        self._tired.setdefault(namespace, Breaker(REST_S)).failed(self._monotonic())


class Wait:
    """One read that waits. Who waits is told later, never while this is made."""

    def __init__(self, catching: Catching, namespace: str, last: int, ended: Ended) -> None:
        self._catching = catching
        self._namespace = namespace
        self._last = last
        self._ended = ended
        self._asked = -1
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._timer = self._loop.call_later(catching.within_s, self._over)
        self._again: asyncio.TimerHandle | None = None
        self._ask(last)

    @property
    def waited_s(self) -> float:
        """Return how long it has waited."""
        return self._loop.time() - self._since

    def cancel(self) -> None:
        """Wait no more, and tell nobody."""
        self._timer.cancel()
        self._catching.outcomes.forget_arrival(self._asked, self._look)
        if self._again is not None:
            self._again.cancel()

    def _ask(self, position: int) -> None:
        self._asked = position
        if not self._catching.outcomes.ask_arrival(position, self._look):
            self._look_again()

    def _look_again(self) -> None:
        self._again = self._loop.call_later(LOOK_AGAIN_S, self._look)

    def _look(self) -> None:
        """Look whether it is there: one write is, but an earlier one of the collection may be slower."""
        catching = self._catching
        if catching.is_there(self._namespace, self._last):
            self._end(is_there=True)
            return
        position = catching.lacks_from(self._namespace)
        if 0 < position <= self._last and position != self._asked:
            self._ask(position)
        else:
            # Documents of it may differ still, or nobody is there who could tell.
            self._look_again()

    def _over(self) -> None:
        is_there = self._catching.is_there(self._namespace, self._last)
        self._end(is_there=is_there)

    def _end(self, *, is_there: bool) -> None:
        self.cancel()
        self._catching.ended(self._namespace, is_there=is_there)
        self._ended(is_there)
