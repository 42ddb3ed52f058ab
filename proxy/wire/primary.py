"""Know which member takes writes now.

PyMongo's own monitoring does the work: it needs no credentials, follows the specification that all drivers
share, and knows a stale primary from a new one.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from pymongo import AsyncMongoClient
from pymongo.server_description import ServerDescription
from pymongo.topology_description import TopologyDescription

from proxy.wire.legacy import Address, LegacyServers

LOOK_S: Final = 0.05
"""How stale the relay's view of the monitor may be; one look costs about a microsecond."""
HEARTBEAT_MS: Final = 500
"""The shortest that drivers allow: an election is noticed within this time."""
ANSWER_MS: Final = 2000
"""A member that takes longer to say hello counts as gone."""

_WRITABLE: Final = frozenset({"RSPrimary", "Standalone", "Mongos", "LoadBalancer"})


class PrimaryMonitor:
    """Watch the topology; say where to connect."""

    def __init__(
        self, servers: LegacyServers, *, on_change: Callable[[Address | None], None]
    ) -> None:
        self._servers = servers
        self._on_change = on_change
        self._current: Address | None = servers.seeds[0] if servers.is_direct else None
        self._known = asyncio.Event()
        if self._current is not None:
            self._known.set()

    @property
    def current(self) -> Address | None:
        """Return who takes writes; None while that is not known."""
        return self._current

    async def wait(self) -> Address:
        """Return who takes writes as soon as somebody does."""
        while self._current is None:
            await self._known.wait()
        return self._current

    async def run(self) -> None:
        """Follow the topology until cancelled. A URI with `directConnection` leaves nothing to follow."""
        if self._servers.is_direct:
            return
        async with self._monitoring() as client:
            while True:
                self._see(_writable(client.topology_description, self._current))
                await asyncio.sleep(LOOK_S)

    @asynccontextmanager
    async def _monitoring(self) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
        client = AsyncMongoClient[dict[str, Any]](
            [str(seed) for seed in self._servers.seeds],
            heartbeatFrequencyMS=HEARTBEAT_MS,
            # A streaming monitor would be told of a change at once, but holds a second connection per member.
            serverMonitoringMode="poll",
            connectTimeoutMS=ANSWER_MS,
            appname="parallax relay",
            **self._servers.monitor_options,
        )
        try:
            await client.aconnect()
            yield client
        finally:
            await client.close()

    def _see(self, seen: Address | None) -> None:
        if seen == self._current:
            return
        self._current = seen
        if seen is None:
            self._known.clear()
        else:
            self._known.set()
        self._on_change(seen)


def _writable(topology: TopologyDescription, current: Address | None) -> Address | None:
    """Return a member that takes writes; the present one if there are several (mongos)."""
    writable = [
        _address_of(server)
        for server in topology.server_descriptions().values()
        if server.server_type_name in _WRITABLE
    ]
    if current in writable:
        return current
    return writable[0] if writable else None


def _address_of(server: ServerDescription) -> Address:
    host, port = server.address
    return Address(host, port or 27017)
