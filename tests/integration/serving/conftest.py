"""`parallax gateway` in this process, over a PostgreSQL database of its own."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from pymongo import AsyncMongoClient

from adapters.postgresql.gateway import PostgresGateway
from proxy.embedded.process import accepts_connections
from proxy.serving.door import OpenDoor
from proxy.serving.identity import Identity
from proxy.serving.server import Server, ServerLimits
from proxy.serving.users import Users
from tests.eventually import eventually

LIMITS = ServerLimits(
    connections=50,
    transactions=4,
    cursor_bytes=1 << 20,
    cursor_idle_s=600,
    transaction_s=60,
    drain_s=2,
)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def limits() -> ServerLimits:
    """Give the limits of the server; a module or a test may have others."""
    return LIMITS


@pytest.fixture
async def users(postgres_dsn: str) -> AsyncIterator[Users]:
    """Give the users of the server: nobody, until a test adds some."""
    known = Users(postgres_dsn)
    await known.prepare()
    yield known
    await known.close()


@pytest.fixture
async def served(postgres_dsn: str, limits: ServerLimits, users: Users) -> AsyncIterator[str]:
    """Serve, and give the address for drivers."""
    port = free_port()
    async with (
        PostgresGateway(postgres_dsn, connections=8) as gateway,
        asyncio.TaskGroup() as tasks,
    ):
        server = Server(
            gateway,
            door=OpenDoor("127.0.0.1", port),
            limits=limits,
            users=users,
            identity=lambda: Identity(replica_set="rs0"),
        )
        running = tasks.create_task(server.run(), name="server")
        await eventually(lambda: accepts_connections(port))
        yield f"mongodb://127.0.0.1:{port}/"
        running.cancel()


@pytest.fixture
async def client(served: str) -> AsyncIterator[AsyncMongoClient[dict[str, object]]]:
    async with AsyncMongoClient[dict[str, object]](
        served, serverMonitoringMode="poll"
    ) as connected:
        yield connected
