"""Read a log that was kept at the speed at which it was written, at a multiple of it, or without waiting."""

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from proxy.capture.reader import CaptureReader, Skipped
from proxy.capture.record import Record, RecordKind

_AHEAD: Final = 256
_NEVER_LATE_S: Final = 0.0


class PacedReader:
    """Give the records of a log up to `until`, each when it is due.

    `speed` is how many recorded seconds pass in one; None does not wait. A record is due when its request
    came, a reply when legacy had answered. Time counts from the first record that is read.
    """

    def __init__(
        self,
        reader: CaptureReader,
        *,
        until: int,
        speed: float | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._until = until
        self._speed = speed
        self._clock = clock
        self._waiting: deque[Record] = deque()
        self._began: tuple[float, int] | None = None
        """When the first record was given, here and on the log."""

    @property
    def position(self) -> int:
        """Return where the next record begins that was not given yet."""
        return self._waiting[0].position if self._waiting else self._reader.position

    @property
    def is_finished(self) -> bool:
        """Return whether every record was given that there is."""
        if self._waiting:
            return False
        return self._reader.position >= self._until or self._reader.is_at_end

    def poll(self, max_records: int) -> list[Record]:
        """Return the records that are due."""
        if len(self._waiting) < _AHEAD:
            self._read(max_records)
        due: list[Record] = []
        while self._waiting and len(due) < max_records and self.due_in_s <= _NEVER_LATE_S:
            due.append(self._waiting.popleft())
        return due

    def finish(self) -> None:
        """Give up what is left at the end; `is_finished` must hold."""
        if self._reader.position < self._until:
            self._reader.finish()

    def take_skipped(self) -> list[Skipped]:
        """Return the parts of the log that hold no record anybody could read."""
        return self._reader.take_skipped()

    def backlog_bytes(self) -> int:
        """Return how much of the log is still to be given."""
        waiting = self._reader.position - self.position
        return self._reader.backlog_bytes() + max(waiting, 0)

    @property
    def due_in_s(self) -> float:
        """Return how long the next record still has to wait."""
        if self._speed is None or not self._waiting:
            return _NEVER_LATE_S
        now_s, recorded_ns = self._clock(), _moment_of(self._waiting[0])
        if self._began is None:
            self._began = (now_s, recorded_ns)
        began_s, began_ns = self._began
        return (recorded_ns - began_ns) / 1e9 / self._speed - (now_s - began_s)

    def _read(self, max_records: int) -> None:
        for record in self._reader.poll(max_records):
            if record.position < self._until:
                self._waiting.append(record)


def _moment_of(record: Record) -> int:
    answered = record.kind is RecordKind.REPLY
    return record.received_ns + (record.legacy_ns if answered else 0)
