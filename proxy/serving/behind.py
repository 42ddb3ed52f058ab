"""The process that answers a relay's reads from the gateway, on a socket that belongs to the relay."""

import asyncio
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Final

import structlog

from adapters.gateway import Gateway
from proxy.serving.availability import Availability
from proxy.serving.client import Client
from proxy.serving.commands import Answered, nobody
from proxy.serving.conversation import Conversation
from proxy.serving.cursors import Cursors
from proxy.serving.reads import Reads
from proxy.tracing.served import Served

_log = structlog.get_logger()

TIDY_EVERY_S: Final = 1.0


class Behind:
    """Serves one relay until cancelled. The relay has MongoDB's answer to everything, so nothing is drained."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        path: Path,
        cursors: Cursors,
        definitions: Callable[[], int],
        answered: Answered = nobody,
        spans: Served | None = None,
    ) -> None:
        """`spans` tells of reads in traces; None where nobody is told."""
        self._path = path
        self._cursors = cursors
        self._availability = Availability(gateway)
        self._reads = Reads(
            gateway,
            self._availability,
            cursors=cursors,
            definitions=definitions,
            answered=answered,
            spans=spans,
        )
        self._numbers = count(1)

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as self._tasks:
            self._tasks.create_task(self._availability.run(), name="availability")
            self._tasks.create_task(self._expire(), name="expire cursors")
            # What a predecessor left behind when it was killed.
            self._path.unlink(missing_ok=True)
            server = await asyncio.start_unix_server(self._accept, self._path)
            _log.info("serving", address=str(self._path))
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()

    async def _expire(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            self._cursors.expire()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Client(number=next(self._numbers), peer="relay", reached=str(self._path))
        conversation = Conversation(self._reads.answer, client, reader, writer)
        self._tasks.create_task(conversation.run(), name=f"relay {client.number}")
