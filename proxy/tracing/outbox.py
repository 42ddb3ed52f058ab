"""A bounded queue of what is to be sent, and the thread that sends it.

Whoever puts something in never waits: what finds no room, and what a collector did not take, is dropped and counted.
"""

import threading
from collections import deque
from typing import Final, Generic, Protocol, TypeVar

T = TypeVar("T")

CAPACITY: Final = 8192
AT_ONCE: Final = 512
_LONGEST_WAIT_S: Final = 5.0
_END_WITHIN_S: Final = 2.0


class Sending(Protocol[T]):
    """The way to a collector."""

    def send(self, batch: list[T]) -> bool:
        """Send all; False where the collector did not take it."""
        ...

    def close(self) -> None:
        """Give up what is being sent."""
        ...


class Outbox(Generic[T]):
    """Made by the thread that ends it."""

    def __init__(
        self,
        sending: Sending[T],
        *,
        signal: str,
        every_s: float,
        capacity: int = CAPACITY,
    ) -> None:
        self._sending = sending
        self._capacity = capacity
        self._every_s = min(every_s, _LONGEST_WAIT_S)
        self._waiting: deque[T] = deque()
        self._dropped = 0
        self._counting = threading.Lock()
        self._wake = threading.Event()
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, name=f"send {signal}", daemon=True)
        self._thread.start()

    @property
    def dropped(self) -> int:
        """Return how many found no room, or were not taken."""
        return self._dropped

    def put(self, item: T) -> None:
        """Take one to be sent soon, or drop it where too many wait."""
        waiting = len(self._waiting)
        if waiting >= self._capacity:
            self._drop(1)
            return
        self._waiting.append(item)
        if waiting >= AT_ONCE:
            self._wake.set()

    def end(self) -> None:
        """Send what is left, as far as the collector takes it within two seconds."""
        self._is_ending = True
        self._wake.set()
        self._thread.join(_END_WITHIN_S)
        self._sending.close()

    def _run(self) -> None:
        while not self._is_ending:
            is_woken = self._wake.wait(self._every_s)
            self._wake.clear()
            # One that is woken leaves what has come since: a request costs as much as a hundred things in it.
            self._send_waiting(at_least=AT_ONCE if is_woken else 1)
        self._send_waiting()

    def _send_waiting(self, at_least: int = 1) -> None:
        while len(self._waiting) >= at_least:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            if not self._sending.send(batch):
                self._drop(len(batch))
                return

    def _drop(self, n: int) -> None:
        with self._counting:
            self._dropped += n
