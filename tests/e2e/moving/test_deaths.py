"""What the application notices when parts die while the gateway answers reads and writes: nothing."""

import asyncio
import os
import signal

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres, StopMode
from proxy.flags.document import Said
from proxy.flags.phases import Phase
from tests.e2e.moving.application import nothing_is_lost, used
from tests.e2e.moving.sidecar import Moving


async def test_verifier_and_gateway_process_die_in_canary(
    moving: Moving, mongo: EmbeddedMongo
) -> None:
    canary = Said(phase=Phase.CANARY, percent=100)
    before = await moving.writes()

    async with used(moving, "moving_killed") as applications:
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
    assert sum(event.n for event in evidence.events if event.kind == "acknowledged_early") > 0


async def test_postgresql_dies_in_gateway(
    moving: Moving, mongo: EmbeddedMongo, postgres: EmbeddedPostgres
) -> None:
    gateway = Said(phase=Phase.GATEWAY)

    async with used(moving, "moving_unplugged") as applications:
        await moving.says(reads=gateway, writes=gateway)
        await moving.answers_writes("moving_again")
        await postgres.stop(StopMode.IMMEDIATE)
        await asyncio.sleep(0.5)
        await postgres.start()
        await moving.answers_writes("moving_again")

    await nothing_is_lost(moving, mongo, "moving_unplugged", applications)
