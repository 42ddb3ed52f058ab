"""Cursors compare as the concatenation of their batches; batch boundaries may differ."""

from dataclasses import dataclass, field
from typing import Final

from comparators.outcome import Documents, Outcome
from proxy.shadow.exchange import ControlCommand, Exchange

MAX_RESULT_BYTES: Final = 64 * 1024 * 1024
IDLE_NS: Final = 60 * 1_000_000_000
"""A cursor that nobody asked for this long is compared as far as it was read."""


@dataclass(slots=True, eq=False)
class Cursor:
    """The result of one operation as far as the client has read it.

    `parts` are the starts of the exchanges that belong to it; `gateway` is what the other path
    answered, once it has.
    """

    exchange: Exchange
    documents: list[bytes]
    read_ns: int
    parts: list[int] = field(default_factory=list)
    size: int = 0
    complete: bool = False
    ended: bool = False
    gateway: Outcome | None = None
    compared: bool = False
    """Whoever comes last, the operation on the gateway or the end of the reading, compares; once."""

    @property
    def ended_at(self) -> int:
        """Return the position of the part that was read last."""
        return max(self.parts, default=self.exchange.position)

    @property
    def is_too_large(self) -> bool:
        """Return whether the result was larger than the verifier keeps in memory."""
        return self.size > MAX_RESULT_BYTES

    def legacy(self) -> Outcome:
        """Return the concatenated answer of the legacy path."""
        return Outcome(
            result=Documents(documents=tuple(self.documents), complete=self.complete),
            duration_s=self.exchange.legacy_s,
        )

    def take(self, documents: tuple[bytes, ...]) -> None:
        """Append a batch; past the limit documents are counted, not kept."""
        self.size += sum(map(len, documents))
        if self.is_too_large:
            self.documents.clear()
        else:
            self.documents.extend(documents)


class Cursors:
    """The open cursors by the number MongoDB gave them."""

    def __init__(self) -> None:
        self._open: dict[int, Cursor] = {}

    def open(self, exchange: Exchange) -> Cursor | None:
        """Return the cursor that an exchange leaves open, None when its result is whole."""
        batch = exchange.batch
        if batch is None or batch.cursor == 0 or exchange.endless:
            return None
        cursor = Cursor(exchange, [], exchange.answered_ns)
        cursor.take(batch.documents)
        self._open[batch.cursor] = cursor
        return cursor

    def advance(self, more: ControlCommand) -> tuple[Cursor, bool] | None:
        """Add the batch of a getMore; return its cursor and whether it has ended.

        None when the cursor is not one that is being compared.
        """
        number = more.cursors[0]
        cursor = self._open.get(number)
        if cursor is None:
            return None
        cursor.parts.append(more.start)
        cursor.read_ns = more.answered_ns
        batch = more.batch
        if batch is not None:
            cursor.take(batch.documents)
            cursor.complete = batch.cursor == 0
        if batch is None or batch.cursor == 0:
            self._end(number)
        return cursor, cursor.ended

    def kill(self, command: ControlCommand) -> list[Cursor]:
        """End the cursors that a client gave up."""
        return [self._end(number) for number in command.cursors if number in self._open]

    def end_idle(self, now_ns: int) -> list[Cursor]:
        """End the cursors that nobody has read for long."""
        idle = [n for n, cursor in self._open.items() if now_ns - cursor.read_ns > IDLE_NS]
        return [self._end(number) for number in idle]

    def end(self) -> list[Cursor]:
        """End all cursors: nothing more will be read."""
        return [self._end(number) for number in list(self._open)]

    def _end(self, number: int) -> Cursor:
        cursor = self._open.pop(number)
        cursor.ended = True
        return cursor
