"""PostgreSQL, the gateway and clients go away in the middle of things; drivers see retryable errors and nothing is done twice."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import bson
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure, PyMongoError

from proxy.embedded import EmbeddedPostgres, embedded_postgres
from proxy.embedded.postgres import StopMode
from proxy.embedded.served import EmbeddedGateway, embedded_gateway
from tests.eventually import eventually

Client = AsyncMongoClient[dict[str, Any]]
WRITERS = 4
WRITE_CONFLICT = 112


@pytest.fixture(scope="module")
async def own_postgres(server_directory: Path) -> AsyncIterator[EmbeddedPostgres]:
    async with embedded_postgres(server_directory / "postgresql-of-serving") as server:
        yield server


@pytest.fixture(scope="module")
async def served(
    own_postgres: EmbeddedPostgres, server_directory: Path
) -> AsyncIterator[EmbeddedGateway]:
    settings = {"PARALLAX_SERVING_TRANSACTION_S": "2", "PARALLAX_SERVING_CURSOR_IDLE_S": "2"}
    async with embedded_gateway(
        server_directory / "served", gateway=own_postgres.dsn, settings=settings
    ) as running:
        yield running
        assert "serving_failed" not in running.log.read_text()


@pytest.fixture
async def client(served: EmbeddedGateway) -> AsyncIterator[Client]:
    async with Client(
        served.uri,
        serverMonitoringMode="poll",
        heartbeatFrequencyMS=500,
        serverSelectionTimeoutMS=60_000,
    ) as connected:
        yield connected


async def count_up(client: Client, name: str, until: asyncio.Event) -> int:
    """Increment a number until told to stop; return how often that was acknowledged."""
    done = 0
    while not until.is_set():
        await client["load"]["tally"].update_one({"_id": name}, {"$inc": {"n": 1}}, upsert=True)
        done += 1
    return done


async def test_a_restart_of_postgresql_costs_waiting_and_no_write(
    client: Client, own_postgres: EmbeddedPostgres
) -> None:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        writers = [tasks.create_task(count_up(client, f"writer {n}", stop)) for n in range(WRITERS)]

        async def counted() -> bool:
            return len(await client["load"]["tally"].find().to_list()) == WRITERS

        await eventually(counted, within_s=50)
        await own_postgres.stop(StopMode.IMMEDIATE)
        await own_postgres.start()
        before = {row["_id"]: row["n"] for row in await client["load"]["tally"].find().to_list()}

        async def goes_on() -> bool:
            rows = await client["load"]["tally"].find().to_list()
            return all(row["n"] > before[row["_id"]] for row in rows)

        await eventually(goes_on, within_s=50)
        stop.set()

    rows = await client["load"]["tally"].find().sort("_id").to_list()
    assert [row["n"] for row in rows] == [writer.result() for writer in writers]


async def test_while_postgresql_is_away_drivers_are_told_in_time(
    served: EmbeddedGateway, own_postgres: EmbeddedPostgres
) -> None:
    await own_postgres.stop(StopMode.IMMEDIATE)
    try:
        async with Client(
            served.uri, serverMonitoringMode="poll", serverSelectionTimeoutMS=500
        ) as client:
            async with asyncio.timeout(15):
                with pytest.raises(PyMongoError):
                    await client["shop"]["rows"].insert_one({"_id": 1})
    finally:
        await own_postgres.start()

    async with Client(served.uri, serverMonitoringMode="poll") as client:
        await client["shop"]["rows"].insert_one({"_id": 1})


async def test_a_transaction_whose_client_vanishes_is_undone(
    served: EmbeddedGateway, client: Client
) -> None:
    rows = client["shop"]["accounts"]
    await rows.insert_one({"_id": 1, "n": 0})
    change = {"q": {"_id": 1}, "u": {"$inc": {"n": 1}}}
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(
        _message(
            {
                "update": "accounts",
                "updates": [change],
                "lsid": {"id": bson.Binary(bytes(16), 4)},
                "txnNumber": bson.Int64(1),
                "startTransaction": True,
                "autocommit": False,
                "$db": "shop",
            }
        )
    )
    assert await reader.read(16)
    writer.close()

    async def is_free() -> bool:
        async with client.start_session() as mine:
            await mine.start_transaction()
            try:
                await rows.update_one({"_id": 1}, {"$inc": {"n": 10}}, session=mine)
            except OperationFailure as refused:
                # Whatever else it is shows in the end: then it never becomes free.
                return refused.code != WRITE_CONFLICT
            await mine.commit_transaction()
            return True

    await eventually(is_free, within_s=50)
    assert await rows.find_one({"_id": 1}) == {"_id": 1, "n": 10}


def _message(command: dict[str, Any]) -> bytes:
    body = struct.pack("<IB", 0, 0) + bson.encode(command)
    return struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body


@pytest.mark.parametrize(
    "broken",
    [
        struct.pack("<iiii", 60_000_000, 1, 0, 2013) + bytes(32),
        struct.pack("<iiii", 3, 1, 0, 2013),
        struct.pack("<iiii", 26, 1, 0, 2012) + bytes(10),
        struct.pack("<iiiiIB", 26, 1, 0, 2013, 0, 0) + b"\x05\x00\x00\x00\x01",
        struct.pack("<iiiiIB", 26, 1, 0, 2013, 0, 0) + b"\xff\xff\xff\x7f\x00",
    ],
)
async def test_a_broken_message_closes_its_connection_alone(
    broken: bytes, served: EmbeddedGateway, client: Client
) -> None:
    await client["admin"].command("ping")
    complaints = served.log.read_text().count("wire_error")

    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(broken)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()

    assert served.log.read_text().count("wire_error") == complaints + 1
    await client["admin"].command("ping")


async def test_a_write_is_done_once_although_the_gateway_is_killed(
    server_directory: Path, own_postgres: EmbeddedPostgres
) -> None:
    async with embedded_gateway(server_directory / "killed", gateway=own_postgres.dsn) as running:
        stop = asyncio.Event()
        async with Client(
            running.uri,
            serverMonitoringMode="poll",
            heartbeatFrequencyMS=500,
            serverSelectionTimeoutMS=60_000,
        ) as client:
            await client["load"]["killed"].insert_one({"_id": 1, "n": 0})
            async with asyncio.TaskGroup() as tasks:
                writers = [tasks.create_task(_count_shared(client, stop)) for _ in range(WRITERS)]
                await eventually(lambda: _reaches(client, 20), within_s=50)
                await running.kill()
                await running.start()
                reached = (await client["load"]["killed"].find_one() or {})["n"]
                await eventually(lambda: _reaches(client, reached + 20), within_s=50)
                stop.set()
            found = await client["load"]["killed"].find_one()

    assert found == {"_id": 1, "n": sum(writer.result() for writer in writers)}


async def _count_shared(client: Client, until: asyncio.Event) -> int:
    done = 0
    while not until.is_set():
        await client["load"]["killed"].update_one({"_id": 1}, {"$inc": {"n": 1}})
        done += 1
    return done


async def _reaches(client: Client, n: int) -> bool:
    found = await client["load"]["killed"].find_one()
    return found is not None and found["n"] >= n


async def test_the_end_answers_what_it_can_and_leaves_nothing_half_done(
    server_directory: Path, own_postgres: EmbeddedPostgres
) -> None:
    directory = server_directory / "drained"
    async with embedded_gateway(directory, gateway=own_postgres.dsn) as running:
        stop = asyncio.Event()
        async with Client(running.uri, serverMonitoringMode="poll") as client:
            await client["load"]["killed"].update_one({"_id": 1}, {"$set": {"n": 0}}, upsert=True)
            async with asyncio.TaskGroup() as tasks:
                writers = [tasks.create_task(_count_shared(client, stop)) for _ in range(WRITERS)]
                await eventually(lambda: _reaches(client, 10), within_s=50)
                await running.stop()
                await running.start()
                stop.set()
            found = await client["load"]["killed"].find_one()
        assert found == {"_id": 1, "n": sum(writer.result() for writer in writers)}
    assert "drain_cut_short" not in running.log.read_text()
