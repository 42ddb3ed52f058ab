"""A gateway that becomes slow under a flag that its speed had carried."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import asyncpg
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import embedded_sidecar
from proxy.flags.document import EMPTY, Said, said, with_flag
from proxy.flags.file import read_flags, write_flags
from proxy.flags.phases import Direction, Phase
from proxy.ledger.access import opened
from proxy.ledger.flag_changes import FlagChange, FlagChanges, GateThen
from proxy.ledger.gates import Result
from tests.eventually import eventually
from tests.peers.slow_link import slow_link

NAME = "slowed.users"
PASSED = tuple(
    GateThen(gate=f"latency_{which}", result=Result.PASS, found="1.00 times legacy")
    for which in ("p50", "p95", "p99")
)


async def test_a_gateway_that_becomes_slow_is_given_no_more_reads(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, server_directory: Path
) -> None:
    file = server_directory / "slowed" / "flags.json"
    file.parent.mkdir()
    write_flags(file, with_flag(EMPTY, Direction.READS, NAME, Said(phase=Phase.GATEWAY)))
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute("CREATE DATABASE slowed")
    await connection.close()
    direct = postgres.dsn_of("slowed")
    async with slow_link(postgres.port) as link:
        sidecar_of = embedded_sidecar(
            file.parent / "sidecar",
            legacy=mongo.uri,
            gateway=direct.replace(f":{postgres.port}/", f":{link.port}/"),
            settings={
                "PARALLAX_FLAGS_FILE": str(file),
                "PARALLAX_VERIFIER_NICE": "0",
                # On a machine that runs everything the gateway is slower than MongoDB, and not by chance.
                "PARALLAX_GATES_MAX_LATENCY_RATIO": "30",
                "PARALLAX_VERIFIER_CONCURRENCY": "48",
                "PARALLAX_SERVING_CONNECTIONS": "4",
            },
        )
        async with (
            sidecar_of as sidecar,
            AsyncMongoClient[dict[str, Any]](sidecar.uri, serverMonitoringMode="poll") as client,
        ):
            users = client["slowed"]["users"]
            await users.insert_many([{"_id": n} for n in range(10)])
            await sidecar.drained()
            async with opened(sidecar.ledger) as access:
                await FlagChanges(access).enter(
                    FlagChange(
                        at_ns=time.time_ns(),
                        direction=Direction.READS,
                        namespace=NAME,
                        before="shadow",
                        after="gateway",
                        who="ada",
                        why="it is fast enough",
                        gates=PASSED,
                    )
                )

            def stands() -> str:
                return str(said(read_flags(file), Direction.READS, NAME))

            reads = 0
            ended = asyncio.Event()

            async def read_on() -> None:
                nonlocal reads
                while not ended.is_set():
                    assert await users.find_one({"_id": 3}) == {"_id": 3}
                    reads += 1
                    await asyncio.sleep(0.04)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(6):
                    tasks.create_task(read_on())
                await eventually(lambda: reads > 250, within_s=60)
                assert stands() == "gateway", "it is as fast as it was"
                link.delay_s = 0.2
                await eventually(lambda: stands() == "shadow", within_s=60)
                ended.set()
            lines = [json.loads(line) for line in sidecar.log.read_text().splitlines()]

    [rolled_back] = [line for line in lines if line["event"] == "rolled_back"]
    # On a busy machine some of the slow answers come too late to be compared at all.
    assert rolled_back["reason"].startswith(("gate latency_p", "gate timeouts"))
    assert rolled_back["duration_s"] < 1
