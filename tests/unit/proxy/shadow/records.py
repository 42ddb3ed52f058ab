"""Build captured records as a relay would have written them."""

import struct
from dataclasses import dataclass, field
from typing import Any

import bson
from bson.timestamp import Timestamp

from proxy.capture.record import Record, RecordKind

LSID = {"id": bson.Binary(b"0123456789abcdef", 4)}


def message(document: dict[str, Any], **sequences: list[dict[str, Any]]) -> bytes:
    """Return an OP_MSG with a body and document sequences."""
    sections = b"\x00" + bson.encode(document)
    for name, documents in sequences.items():
        content = name.encode() + b"\x00" + b"".join(map(bson.encode, documents))
        sections += b"\x01" + struct.pack("<i", len(content) + 4) + content
    body = struct.pack("<I", 0) + sections
    return struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body


def reply(clock: int | None = None, **fields: Any) -> bytes:
    """Return a successful reply, with `operationTime` where a clock is given."""
    stamp = {} if clock is None else {"operationTime": Timestamp(clock, 1)}
    return message({**fields, "ok": 1.0, **stamp})


def failure(code: int, clock: int | None = None) -> bytes:
    """Return a reply that MongoDB refuses with."""
    stamp = {} if clock is None else {"operationTime": Timestamp(clock, 1)}
    return message({"ok": 0.0, "code": code, "codeName": "Name", "errmsg": "text", **stamp})


@dataclass(slots=True)
class Tape:
    """Records with increasing positions."""

    position: int = 0
    records: list[Record] = field(default_factory=list)

    def intent(self, request: bytes, connection: int = 1) -> int:
        """Append a write before its answer and return its position."""
        return self._append(RecordKind.INTENT, request=request, connection=connection)

    def reply(self, intent: int, answer: bytes, connection: int = 1) -> int:
        """Append the answer to a write."""
        return self._append(RecordKind.REPLY, intent=intent, reply=answer, connection=connection)

    def exchange(self, request: bytes, answer: bytes, connection: int = 1) -> int:
        """Append a read with its answer."""
        return self._append(
            RecordKind.EXCHANGE, request=request, reply=answer, connection=connection
        )

    def opened(self) -> int:
        """Append the beginning of a relay."""
        return self._append(RecordKind.OPENED, request=bson.encode({}), connection=0)

    def closed(self, connection: int = 1) -> int:
        """Append the end of a connection."""
        return self._append(RecordKind.CLOSED, connection=connection)

    def _append(
        self,
        kind: RecordKind,
        *,
        connection: int,
        intent: int = 0,
        request: bytes = b"",
        reply: bytes = b"",
    ) -> int:
        self.position += 100
        self.records.append(
            Record(
                position=self.position,
                kind=kind,
                connection=connection,
                received_ns=self.position * 1_000_000,
                legacy_ns=1_000_000,
                overhead_ns=20_000,
                intent=intent,
                request=request,
                reply=reply,
            )
        )
        return self.position
