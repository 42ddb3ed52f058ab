"""A relay that runs for the length of a test."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from proxy.wire.legacy import Address, legacy_servers
from proxy.wire.listener import Listener
from tests.peers.memory_capture import MemoryCapture


class Relaying(NamedTuple):
    """A running relay, what it captured, and where it listens."""

    listener: Listener
    capture: MemoryCapture
    address: Address

    @property
    def uri(self) -> str:
        """Return what an application would be given, with default options."""
        return f"mongodb://{self.address}/"


@asynccontextmanager
async def relaying(legacy_uri: str, **settings: Any) -> AsyncIterator[Relaying]:
    """Run a relay before `legacy_uri` and cancel it at the end."""
    capture = MemoryCapture()
    chosen: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "drain_s": 0.2, **settings}
    listener = Listener(servers=legacy_servers(legacy_uri), capture=capture, **chosen)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(listener.run(), name="relay under test")
        yield Relaying(listener, capture, await listener.listening())
        task.cancel()
