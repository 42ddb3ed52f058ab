"""Our own databases pass the suite that other packages' adapters are held to."""

from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from adapters.adapter import Adapter
from adapters.mongodb.adapter import ADAPTER as MONGODB
from adapters.postgresql.adapter import ADAPTER as POSTGRESQL
from adapters.sqlite.adapter import ADAPTER as SQLITE
from adapters.testing import CASES, conform
from proxy.embedded import EmbeddedMongo

pytestmark = pytest.mark.timeout(60)


@pytest.mark.parametrize("adapter", [MONGODB, POSTGRESQL, SQLITE], ids=lambda each: each.name)
async def test_it_conforms(
    adapter: Adapter,
    mongo: EmbeddedMongo,
    postgres_dsn: str,
    mongo_client: AsyncMongoClient[Any],
    tmp_path: Path,
) -> None:
    urls = {
        "mongodb": mongo.uri,
        "postgresql": postgres_dsn,
        "sqlite": f"sqlite:///{tmp_path}/x.db",
    }
    url = urls[adapter.name]
    assert adapter.open is not None

    async with adapter.open(url, 4) as database:
        findings = await conform(database, "conformance", adapter.capabilities)

    assert len(findings) == len(CASES)
    assert [each for each in findings if each.problem] == []
    assert "conformance" not in await mongo_client.list_database_names()
