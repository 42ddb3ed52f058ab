"""A capture log in memory: keeps the calls in their order."""

from typing import NamedTuple

import bson


class Noted(NamedTuple):
    """One call, with the command name taken from the request."""

    kind: str
    connection: int
    collection: str
    request: bytes
    reply: bytes
    intent: int
    received_ns: int = 0
    legacy_ns: int = 0
    overhead_ns: int = 0

    @property
    def command(self) -> dict[str, object]:
        """Return the command document of the request, without document sequences."""
        return bson.decode(self.request[21:][: int.from_bytes(self.request[21:25], "little")])


class MemoryCapture:
    """Fulfils `proxy.wire.captor.Capture`."""

    def __init__(self) -> None:
        self.noted: list[Noted] = []
        self.flushes = 0

    def intent(self, *, connection: int, received_ns: int, request: bytes, collection: str) -> int:
        self.noted.append(Noted("intent", connection, collection, request, b"", 0, received_ns))
        return len(self.noted)

    def reply(
        self,
        *,
        connection: int,
        received_ns: int,
        legacy_ns: int,
        overhead_ns: int,
        intent: int,
        reply: bytes,
        collection: str,
    ) -> None:
        self.noted.append(
            Noted(
                "reply",
                connection,
                collection,
                b"",
                reply,
                intent,
                received_ns,
                legacy_ns,
                overhead_ns,
            )
        )

    def exchange(
        self,
        *,
        connection: int,
        received_ns: int,
        legacy_ns: int,
        overhead_ns: int,
        request: bytes,
        reply: bytes,
        collection: str,
    ) -> None:
        self.noted.append(
            Noted(
                "exchange",
                connection,
                collection,
                request,
                reply,
                0,
                received_ns,
                legacy_ns,
                overhead_ns,
            )
        )

    def closed(self, *, connection: int, received_ns: int) -> None:
        self.noted.append(Noted("closed", connection, "", b"", b"", 0, received_ns))

    def flush(self) -> None:
        self.flushes += 1

    def of(self, kind: str) -> list[Noted]:
        """Return the calls of one kind."""
        return [noted for noted in self.noted if noted.kind == kind]
