"""Records that are encoded and wait for the next system call.

Each record takes three parts, its header, its request and its reply, so that nothing is copied on the way to
the disk. A header is made for the position that the record will have, which is known as soon as it is buffered.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.capture.record import HEADER_BYTES, Bytes, Head, RecordKind, head_of, header

PARTS_PER_RECORD: Final = 3


class Unwritten(NamedTuple):
    """A record that did not reach the disk."""

    head: Head
    request: Bytes
    collection: str


class RecordBuffer:
    """What lies between the end of the log on disk and `end`."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._collections: list[str] = []
        self.parts: list[Bytes] = []
        self.end = 0
        """The position of the next record."""

    def append(
        self,
        kind: RecordKind,
        connection: int,
        received_ns: int,
        legacy_ns: int,
        overhead_ns: int,
        intent: int,
        request: Bytes,
        reply: Bytes,
        collection: str,
    ) -> int:
        """Add a record and return its position. `collection` is for counting it, should it be lost."""
        position = self.end
        self.parts += (
            header(
                position,
                kind,
                connection,
                received_ns,
                legacy_ns,
                overhead_ns,
                intent,
                request,
                reply,
                self._seed,
            ),
            request,
            reply,
        )
        self._collections.append(collection)
        self.end = position + HEADER_BYTES + len(request) + len(reply)
        return position

    def begin_at(self, position: int) -> None:
        """Forget what is buffered; the next record goes to `position`."""
        self.parts = []
        self._collections = []
        self.end = position

    def unwritten(self, start: int, end: int) -> Iterator[Unwritten]:
        """Return the records from `end` on, where the first buffered one stands at `start`."""
        position = start
        for number, collection in enumerate(self._collections):
            at = number * PARTS_PER_RECORD
            encoded, request, reply = self.parts[at : at + PARTS_PER_RECORD]
            if position >= end:
                yield Unwritten(head_of(bytes(encoded)), request, collection)
            position += len(encoded) + len(request) + len(reply)
