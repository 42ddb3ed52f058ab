"""Our own databases pass the suite that other packages' adapters are held to."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from adapters.adapter import Adapter
from adapters.mongodb.adapter import ADAPTER as MONGODB
from adapters.mysql.adapter import ADAPTER as MYSQL
from adapters.postgresql.adapter import ADAPTER as POSTGRESQL
from adapters.sqlite.adapter import ADAPTER as SQLITE
from adapters.testing import CASES, conform
from proxy.embedded import EmbeddedMongo

pytestmark = pytest.mark.timeout(60)


ADAPTERS = {
    "mongo_uri": MONGODB,
    "postgres_dsn": POSTGRESQL,
    "mysql_url": MYSQL,
    "sqlite_url": SQLITE,
}
"""By the fixture that gives the address of a database."""


@pytest.fixture(params=ADAPTERS, ids=[each.name for each in ADAPTERS.values()])
def place(request: pytest.FixtureRequest) -> tuple[Adapter, str]:
    return ADAPTERS[request.param], request.getfixturevalue(request.param)


@pytest.fixture
def mongo_uri(mongo: EmbeddedMongo) -> str:
    return mongo.uri


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/x.db"


async def test_it_conforms(place: tuple[Adapter, str], mongo_client: AsyncMongoClient[Any]) -> None:
    adapter, url = place
    assert adapter.open is not None

    async with adapter.open(url, 4) as database:
        findings = await conform(database, "conformance", adapter.capabilities)

    assert len(findings) == len(CASES)
    assert [each for each in findings if each.problem] == []
    assert "conformance" not in await mongo_client.list_database_names()
