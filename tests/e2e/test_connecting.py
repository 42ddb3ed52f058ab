"""Every way in which a driver may be told to connect works through the sidecar."""

import asyncio
import re
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import ServerSelectionTimeoutError

from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import EmbeddedSidecar
from tests.e2e.conftest import Place
from tests.e2e.ledger import Expected
from tests.e2e.test_node import sees_the_same

OPTIONS = [
    "?directConnection=true",
    "?replicaSet=rs0",
    "?replicaSet=rs0&retryWrites=false&retryReads=false",
    "?maxPoolSize=1&minPoolSize=1",
    "?readConcernLevel=majority&w=majority&wtimeoutMS=10000&journal=true",
    "?readPreference=secondaryPreferred",
    "?serverMonitoringMode=poll&heartbeatFrequencyMS=500",
    "?compressors=zlib",
]


@pytest.mark.parametrize("options", OPTIONS)
async def test_node_driver(
    options: str,
    watched: str,
    served: Place,
    expected: Expected,
    mongo: EmbeddedMongo,
) -> None:
    command = ["driver.mjs", "writes_and_reads"]

    await sees_the_same(command, watched, expected, served=served, mongo=mongo, options=options)


@pytest.mark.parametrize("options", OPTIONS)
async def test_pymongo(options: str, watched: str, served: Place) -> None:
    if "serverMonitoringMode" not in options:
        options += "&serverMonitoringMode=poll"
    async with AsyncMongoClient[dict[str, Any]](f"{served.uri}{options}") as client:
        things = client[watched]["things"]
        async with asyncio.TaskGroup() as tasks:
            for number in range(10):
                tasks.create_task(things.insert_one({"_id": number, "n": number % 2}))

        assert await things.count_documents({"n": 1}) == 5
        assert client.nodes == {("127.0.0.1", served.port)}


async def test_replica_set_of_another_name_is_not_found_as_without_the_sidecar(
    sidecar: EmbeddedSidecar, mongo: EmbeddedMongo
) -> None:
    errors = [
        await _selection_error(f"{uri}?replicaSet=other&serverSelectionTimeoutMS=300")
        for uri in (sidecar.uri, f"mongodb://{mongo.members[0].address}/")
    ]

    assert errors[0] == errors[1]


async def _selection_error(uri: str) -> str:
    """Return the message of the failed selection, without the identity of its topology."""
    async with AsyncMongoClient[dict[str, Any]](f"{uri}&serverMonitoringMode=poll") as client:
        with pytest.raises(ServerSelectionTimeoutError) as raised:
            await client["any"].command("ping")
    return re.sub("id: [0-9a-f]{24}", "id", str(raised.value))
