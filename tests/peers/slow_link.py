"""A link between two processes that a test can make slow."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass


@dataclass(slots=True)
class SlowLink:
    """Where it listens, and how long each piece of data waits on its way there."""

    port: int = 0
    delay_s: float = 0.0


@asynccontextmanager
async def slow_link(port: int) -> AsyncIterator[SlowLink]:
    """Forward connections to a port of this machine."""
    link = SlowLink()
    open_writers: set[asyncio.StreamWriter] = set()

    async def pump(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, there: bool
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                if there and link.delay_s:
                    await asyncio.sleep(link.delay_s)
                writer.write(data)
                await writer.drain()
            writer.write_eof()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
            open_writers.update((writer, far_writer))
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(pump(reader, far_writer, there=True))
                    tasks.create_task(pump(far_reader, writer, there=False))
            finally:
                for each in (writer, far_writer):
                    open_writers.discard(each)
                    each.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        for each in list(open_writers):
            each.close()
        await server.wait_closed()
