"""What drivers know MongoDB by: its replica set and the last election there, from its `hello`."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final, cast

import bson
from bson.errors import BSONError
from bson.objectid import ObjectId

from comparators.errors import UnreachableError, WireError
from comparators.raw import INT32
from proxy.wire.protocol.framing import HEADER_BYTES, OP_MSG, REPLY_OPCODES, Framer
from proxy.wire.protocol.message import body_at
from proxy.wire.upstream import Upstream

WITHIN_S: Final = 2.0
KEPT: Final = ("setName", "setVersion", "electionId")
NUMBER: Final = 1


async def introduction_of(upstream: Upstream) -> Mapping[str, Any]:
    """Ask MongoDB, and return what is kept; UnreachableError where it does not answer."""
    transport, asking, address = await upstream.connect(_Asking)
    try:
        async with asyncio.timeout(WITHIN_S):
            told = await asking.told
    except (TimeoutError, OSError, ValueError, IndexError, BSONError, WireError) as error:
        raise UnreachableError(
            "MongoDB does not say who it is",
            where=str(address),
            remedy="check that the legacy URI names a MongoDB server",
        ) from error
    finally:
        transport.abort()
    kept = {name: told[name] for name in KEPT if name in told}
    return {
        name: str(value) if isinstance(value, ObjectId) else value for name, value in kept.items()
    }


class _Asking(asyncio.Protocol):
    """Asks one thing."""

    def __init__(self) -> None:
        self._framer = Framer(peer="legacy", opcodes=REPLY_OPCODES)
        self.told: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        document = bson.encode({"hello": 1, "$db": "admin"})
        size = HEADER_BYTES + 5 + len(document)
        head = b"".join(INT32.pack(number) for number in (size, NUMBER, 0, OP_MSG, 0))
        cast("asyncio.WriteTransport", transport).write(head + b"\x00" + document)

    def data_received(self, data: bytes) -> None:
        if self.told.done():
            return
        try:
            self._framer.receive(data)
            frame = self._framer.next_frame()
            if frame is not None:
                self.told.set_result(bson.decode(frame.raw[body_at(frame.raw) :]))
        except (ValueError, IndexError, BSONError, WireError) as error:
            self.told.set_exception(error)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.told.done():
            self.told.set_exception(exc or ConnectionResetError("MongoDB hung up"))
