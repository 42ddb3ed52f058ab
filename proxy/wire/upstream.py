"""Connect to the member of the legacy deployment that takes writes."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

from comparators.errors import UnreachableError
from proxy.wire.legacy import Address, LegacyServers
from proxy.wire.primary import PrimaryMonitor

PRIMARY_WITHIN_S: Final = 2.0
"""How long a new client waits for a primary. Short: drivers try again by themselves, and a hang would look like our fault."""

P = TypeVar("P", bound=asyncio.Protocol)


class NoPrimaryError(UnreachableError):
    """No member takes writes, as far as is known."""


class Upstream:
    """Open connections to legacy, one per client. None is shared or used again."""

    def __init__(
        self,
        servers: LegacyServers,
        *,
        connect_timeout_s: float = 5.0,
        on_change: Callable[[Address | None], None] = lambda _address: None,
    ) -> None:
        self._servers = servers
        self._connect_timeout_s = connect_timeout_s
        self._monitor = PrimaryMonitor(servers, on_change=on_change)

    @property
    def address(self) -> Address | None:
        """Return where new connections go; None while no member takes writes."""
        return self._monitor.current

    async def run(self) -> None:
        """Follow the primary until cancelled."""
        await self._monitor.run()

    async def connect(self, factory: Callable[[], P]) -> tuple[asyncio.Transport, P, Address]:
        """Return a connection to the primary; UnreachableError if there is none in time."""
        loop = asyncio.get_running_loop()
        address = await self._primary(loop.time() + PRIMARY_WITHIN_S)
        tls = self._servers.tls
        try:
            async with asyncio.timeout(self._connect_timeout_s):
                transport, protocol = await loop.create_connection(
                    factory,
                    address.host,
                    address.port,
                    ssl=tls,
                    server_hostname=address.host if tls is not None else None,
                )
        except (OSError, TimeoutError) as error:
            raise UnreachableError(
                f"legacy cannot be reached: {str(error) or type(error).__name__}",
                where=str(address),
                remedy="check that mongod runs, and that [legacy] uri and its TLS options fit it",
            ) from error
        return transport, protocol, address

    async def _primary(self, deadline: float) -> Address:
        if self._monitor.current is not None:
            return self._monitor.current
        try:
            async with asyncio.timeout_at(deadline):
                return await self._monitor.wait()
        except TimeoutError as error:
            raise NoPrimaryError(
                "no member of the legacy deployment takes writes",
                where=", ".join(str(seed) for seed in self._servers.seeds),
                remedy="check the replica set: it may be electing, or have lost its majority",
            ) from error
