"""What the application notices when parts die while the gateway answers reads and writes: nothing."""

import asyncio
import os
import signal
import time

import asyncpg
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, StopMode
from proxy.flags.document import Said
from proxy.flags.phases import Phase
from proxy.ledger.entries import EventKind
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.moving.application import Document, nothing_is_lost, used
from tests.e2e.moving.sidecar import Moving
from tests.eventually import eventually


async def test_verifier_and_gateway_process_die_in_canary(
    moving: Moving, mongo: EmbeddedMongo
) -> None:
    canary = Said(phase=Phase.CANARY, percent=100)
    before = await moving.writes()

    async with used(moving, "moving_killed", users=2) as applications:
        await moving.says(reads=canary, writes=canary)
        await moving.answers_writes("moving_again")
        for killed in (moving.server(), moving.verifier()):
            assert killed is not None
            os.kill(killed, signal.SIGKILL)
        await moving.answers_writes("moving_again")

    await nothing_is_lost(moving, mongo, "moving_killed", applications)
    counts = await moving.writes() - before
    assert counts["lost"] > 0, "nobody noticed that the verifier was gone"
    evidence = await moving.sidecar.evidence()
    assert (
        sum(event.n for event in evidence.events if event.kind is EventKind.ACKNOWLEDGED_EARLY) > 0
    )


async def test_postgresql_dies_in_gateway(
    moving: Moving, mongo: EmbeddedMongo, postgres: EmbeddedPostgres
) -> None:
    gateway = Said(phase=Phase.GATEWAY)

    async with used(moving, "moving_unplugged", users=2) as applications:
        await moving.says(reads=gateway, writes=gateway)
        await moving.answers_writes("moving_again")
        await postgres.stop(StopMode.IMMEDIATE)
        await asyncio.sleep(0.5)
        await postgres.start()
        await moving.answers_writes("moving_again")

    await nothing_is_lost(moving, mongo, "moving_unplugged", applications)


async def test_postgresql_says_nothing_in_dual(
    moving: Moving,
    client: AsyncMongoClient[Document],
    mongo: EmbeddedMongo,
    mongo_client: AsyncMongoClient[Document],
) -> None:
    """As after a split of the network: whoever asks gets no answer, and no error either."""
    database = "moving_silent"
    collection = client[database]["items"]
    await collection.insert_one({"_id": 0})
    await moving.sidecar.drained()
    await moving.says(writes=Said(phase=Phase.DUAL))
    before = await moving.writes()
    connection = await asyncpg.connect(moving.gateway)

    async with connection.transaction():
        await connection.execute(f"LOCK TABLE {database}.items IN ACCESS EXCLUSIVE MODE")
        began_s = time.monotonic()
        async with asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(collection.insert_one({"_id": 1}))
            await eventually(
                lambda: mongo_client[database]["items"].find_one({"_id": 1}), within_s=2
            )
            assert not waiting.done(), "others see it before it is acknowledged"
        took_s = time.monotonic() - began_s
    await connection.close()
    await moving.answers_writes("moving_again", "confirmed")

    assert 2 <= took_s < 10, "it waits for as long as the setting says"
    assert (await moving.writes() - before)["late"] == 1
    await moving.sidecar.drained()
    await both_sides_become_equal(mongo.uri, moving.gateway, database)
    events = (await moving.sidecar.evidence()).events
    early = [each for each in events if each.namespace == f"{database}.items"]
    assert [(each.kind, each.detail, each.n) for each in early] == [
        (EventKind.ACKNOWLEDGED_EARLY, "late", 1)
    ]
