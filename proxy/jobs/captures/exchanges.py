"""The exchanges on a log as they were completed: a request and what became of it.

A log may still be written and worked on: what is read is what there is now.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from comparators.errors import SettingsError
from proxy.capture.reader import CaptureReader, Skipped
from proxy.capture.record import Record, RecordKind
from proxy.capture.segment import bases, newest_header
from proxy.request import Request, read_request
from proxy.shadow.decode import UNDECODABLE

_RECORDS_AT_ONCE: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """An exchange of request and reply. `record` completes it; for a write, `intent` came before.

    `request` is None for a message that cannot be decoded; `ended`: a write whose answer can no longer come.
    """

    record: Record
    intent: Record | None
    request: Request | None
    ended: bool = False

    @property
    def start(self) -> int:
        """Return where it began on the log."""
        return self.record.position if self.intent is None else self.intent.position

    @property
    def positions(self) -> tuple[int, ...]:
        """Return the positions of its own records."""
        if self.intent is None:
            return (self.record.position,)
        if self.ended:
            return (self.intent.position,)
        return (self.intent.position, self.record.position)

    @property
    def received_ns(self) -> int:
        """Return when the request was complete at the relay."""
        return (self.record if self.intent is None else self.intent).received_ns

    @property
    def reply(self) -> bytes:
        """Return the answer as captured, empty where there was none."""
        return b"" if self.ended else self.record.reply


def demand_log(directory: Path) -> None:
    """Refuse a folder that holds no log."""
    if newest_header(directory) is None:
        raise SettingsError(
            "this is no capture log: it has no segment that can be read",
            where=str(directory),
            remedy="name the folder with the `.log` files; a sidecar keeps it as `capture` in its data directory",
        )


def records(directory: Path) -> Iterator[Record | Skipped]:
    """Give the records of a log up to its end of now, and the parts that hold none, in order."""
    reader = CaptureReader(directory, min(bases(directory), default=0))
    try:
        until = reader.end()
        while reader.position < until:
            found = reader.poll(_RECORDS_AT_ONCE)
            if not found:
                reader.finish()
            parts: list[Record | Skipped] = [*reader.take_skipped(), *found]
            yield from sorted(parts, key=lambda part: part.position)
    finally:
        reader.close()


def completed(directory: Path) -> Generator[Traded]:
    """Give the exchanges of a log in the order of their answers, then the writes that have none."""
    pairing = Pairing()
    for part in records(directory):
        if isinstance(part, Record):
            yield from pairing.take(part)
    for intent in pairing.waiting():
        yield Traded(record=intent, intent=intent, request=_decoded(intent), ended=True)


class Pairing:
    """Bring the records of writes together with their replies."""

    def __init__(self) -> None:
        self._begun: dict[int, tuple[Record, Request | None]] = {}

    @property
    def begun(self) -> int:
        """Return how many writes wait for their reply."""
        return len(self._begun)

    def oldest(self, position: int) -> int:
        """Return where the oldest write began that waits, else the position."""
        return min(self._begun, default=position)

    def waiting(self) -> list[Record]:
        """Return the intents that wait for their reply."""
        return [intent for intent, _ in self._begun.values()]

    def take(self, record: Record) -> list[Traded]:
        """Take the next record and return what it completes."""
        match record.kind:
            case RecordKind.INTENT:
                self._begun[record.position] = (record, _decoded(record))
                return []
            case RecordKind.REPLY:
                known = self._begun.pop(record.intent, None)
                return [] if known is None else [_answered(record, *known)]
            case RecordKind.EXCHANGE:
                return [Traded(record=record, intent=None, request=_decoded(record))]
            case RecordKind.OPENED:
                return self._forsake(record, None)
            case RecordKind.CLOSED:
                return self._forsake(record, record.connection)
            case RecordKind.GAP:
                return []

    def _forsake(self, record: Record, connection: int | None) -> list[Traded]:
        gone = [
            start
            for start, (intent, _) in self._begun.items()
            if connection is None or intent.connection == connection
        ]
        return [_answered(record, *self._begun.pop(start), ended=True) for start in gone]


def _answered(
    record: Record, intent: Record, request: Request | None, *, ended: bool = False
) -> Traded:
    return Traded(record=record, intent=intent, request=request, ended=ended)


def _decoded(record: Record) -> Request | None:
    try:
        return read_request(record.request, start=record.position)
    except UNDECODABLE:
        return None
