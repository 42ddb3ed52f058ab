"""Peers that break off, stall or talk nonsense, on either side of the relay."""

import asyncio
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from enum import StrEnum

from tests.peers.messages import HEADER, op_msg, op_query

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter

ANSWER = {"ok": 1.0, "n": 1}


class Misbehaviour(StrEnum):
    """What a peer does where it should send a message."""

    SILENT = "silent"
    SLOW = "slow"
    RESET = "reset"
    PARTIAL = "partial frame"
    GARBAGE = "garbage"
    OVERSIZE = "oversize"
    UNDERSIZE = "undersize"
    COMPRESSED = "compressed"


ENDS_BY_ITSELF = frozenset({Misbehaviour.RESET, Misbehaviour.PARTIAL})
BREAKS_PROTOCOL = frozenset(
    {
        Misbehaviour.GARBAGE,
        Misbehaviour.OVERSIZE,
        Misbehaviour.UNDERSIZE,
        Misbehaviour.COMPRESSED,
    }
)


async def misbehave(writer: Writer, how: Misbehaviour, whole: bytes) -> None:
    """Do to `whole` what `how` says, instead of sending it."""
    match how:
        case Misbehaviour.SILENT:
            return
        case Misbehaviour.SLOW:
            for byte in whole:
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            return
        case Misbehaviour.RESET:
            writer.transport.abort()
            return
        case Misbehaviour.PARTIAL:
            writer.write(whole[: len(whole) // 2])
            await writer.drain()
            writer.close()
            return
        case Misbehaviour.GARBAGE:
            writer.write(b"\xff" * 64)
        case Misbehaviour.OVERSIZE:
            writer.write(HEADER.pack(48_000_001, 1, 0, 2013))
        case Misbehaviour.UNDERSIZE:
            writer.write(HEADER.pack(15, 1, 0, 2013))
        case Misbehaviour.COMPRESSED:
            writer.write(HEADER.pack(25, 1, 0, 2012) + struct.pack("<iib", 2013, 9, 1))
    await writer.drain()


async def next_message(reader: Reader) -> bytes:
    """Return the next whole message; IncompleteReadError at the end."""
    header = await reader.readexactly(16)
    return header + await reader.readexactly(HEADER.unpack(header)[0] - 16)


@asynccontextmanager
async def legacy_that(
    serve: Callable[[Reader, Writer], Awaitable[None]],
) -> AsyncIterator[str]:
    """Run a server in mongod's place and give its URI; each connection is closed when `serve` is done with it."""
    ending = asyncio.Event()

    async def connected(reader: Reader, writer: Writer) -> None:
        try:
            await serve(reader, writer)
            await _until_end(reader, ending)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"mongodb://127.0.0.1:{port}/?directConnection=true"
    finally:
        ending.set()
        server.close()


async def _until_end(reader: Reader, ending: asyncio.Event) -> None:
    """Wait until the other side closes, or the test is over."""
    async with asyncio.TaskGroup() as tasks:

        async def over() -> None:
            await ending.wait()
            reader.feed_eof()

        waiting = tasks.create_task(over())
        while await reader.read(65536):
            pass
        waiting.cancel()


async def answering(reader: Reader, writer: Writer) -> None:
    """Answer every message with success."""
    while True:
        request = await next_message(reader)
        writer.write(op_msg(ANSWER, response_to=HEADER.unpack_from(request)[1]))
        await writer.drain()


def a_read(request_id: int = 1) -> bytes:
    return op_msg({"find": "things", "$db": "app"}, request_id=request_id)


def a_write(request_id: int = 1) -> bytes:
    return op_msg(
        {"insert": "things", "$db": "app"},
        sequences={"documents": [{"_id": 1}]},
        request_id=request_id,
    )


def an_old_hello(request_id: int = 1) -> bytes:
    return op_query("admin.$cmd", {"isMaster": 1}, request_id=request_id)
