"""PostgreSQL in the registry."""

import time
from contextlib import AbstractAsyncContextManager
from typing import ClassVar, Final

from adapters.adapter import Adapter, Capability, Health, Role
from adapters.connection import ConnectionSettings, Port, Tls
from adapters.database import Database
from adapters.postgresql.connections import Connections

_SSL_MODES: Final = {Tls.REQUIRED: "require", Tls.VERIFIED: "verify-full"}


class PostgresSettings(ConnectionSettings):
    """How PostgreSQL is reached."""

    scheme: ClassVar[str] = "postgresql"
    port: Port = 5432

    def options(self) -> dict[str, str]:
        """Return the options under libpq's names."""
        options: dict[str, str] = {}
        if self.tls is not Tls.OFF:
            options["sslmode"] = _SSL_MODES[self.tls]
        if self.ca is not None:
            options["sslrootcert"] = str(self.ca)
        return options


async def check(url: str) -> Health:
    """Ask the server for its version."""
    connections = Connections(url, limit=1)
    try:
        async with connections.held() as connection:
            began = time.perf_counter()
            version: str = await connection.fetchval("SHOW server_version")
            return Health(version=version, latency_s=time.perf_counter() - began)
    finally:
        await connections.close()


def _open(url: str, connections: int) -> AbstractAsyncContextManager[Database]:
    # Loaded when a database is opened: a list of adapters needs no planner.
    from adapters.postgresql.database import PostgresDatabase

    return PostgresDatabase(url, connections=connections)


ADAPTER: Final = Adapter(
    name="postgresql",
    title="PostgreSQL",
    role=Role.DATABASE,
    schemes=("postgresql", "postgres"),
    capabilities=frozenset(
        {
            Capability.TRANSACTIONS,
            Capability.FULL_TEXT,
            Capability.JSON,
            Capability.JOINS,
            Capability.UPSERT,
            Capability.TTL,
        }
    ),
    settings=PostgresSettings,
    check=check,
    package="adapters.postgresql",
    open=_open,
)
