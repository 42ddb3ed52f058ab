"""A gateway on each database: MongoDB, and PostgreSQL with tables of documents and with the tables of LibreChat."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from adapters.entities.profile import load_profile
from adapters.repositories.gateway import RepositoryGateway


class Clock:
    """Milliseconds that a test sets, and each look moves on by one."""

    def __init__(self) -> None:
        self.now_ms = 1_700_000_000_000

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["mongodb", "documents", "tables"])
def opened(request: pytest.FixtureRequest, clock: Clock) -> RepositoryGateway:
    """Give a gateway that is not connected yet, whose databases nobody else uses."""
    if request.param == "mongodb":
        server: Any = request.getfixturevalue("mongo")
        name = request.getfixturevalue("mongo_database").name
        return RepositoryGateway(server.uri, name=name, clock=clock)
    dsn: str = request.getfixturevalue("postgres_dsn")
    maps = load_profile("librechat") if request.param == "tables" else {}
    return RepositoryGateway(dsn, entities=maps, clock=clock)


@pytest.fixture
async def gateway(opened: RepositoryGateway) -> AsyncIterator[RepositoryGateway]:
    """Give a connected gateway."""
    async with opened as connected:
        yield connected
