"""A log that a relay captured and no verifier has touched, and what it takes to replay it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient, ReturnDocument

from proxy.embedded.sidecar import embedded_sidecar
from proxy.ledger.evidence import Evidence
from proxy.ledger.read import Gates, read_report
from tests.eventually import eventually
from tests.faults.sidecar.traffic import Traffic, drive
from tests.integration.cli.command import Ran, parallax

STEPS = 800
LENIENT = {
    "PARALLAX_GATES_MIN_SAMPLES": "1",
    "PARALLAX_GATES_MIN_DURATION_S": "0",
    "PARALLAX_GATES_MAX_MISMATCH_RATE": "1",
    "PARALLAX_GATES_MAX_ERROR_RATE": "1",
    "PARALLAX_GATES_MAX_TIMEOUT_RATE": "1",
    "PARALLAX_GATES_MIN_COVERAGE": "0",
    "PARALLAX_GATES_MAX_LATENCY_RATIO": "inf",
}
"""Seconds of traffic prove neither rates nor speed."""
UNTIMED = Gates(max_latency_ratio=inf)
"""Two runs judge alike, but for how long things took."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """The folder of the log, and the database that its traffic wrote to."""

    directory: Path
    database: str


async def captured(legacy: str, directory: Path, database: str) -> Captured:
    """Let applications use a database through a relay alone."""
    async with (
        embedded_sidecar(
            directory,
            legacy=legacy,
            gateway="postgresql://nobody@127.0.0.1:1/none",
            arguments=["--no-verifier"],
        ) as relay,
        AsyncMongoClient[dict[str, Any]](relay.uri, serverMonitoringMode="poll") as client,
    ):
        await _quiet_session(client[database])
        until, traffic = asyncio.Event(), Traffic()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(drive(relay.uri, database, until=until, traffic=traffic))
            try:
                await eventually(lambda: traffic.done >= STEPS, within_s=60)
            finally:
                until.set()
        await client[database].users.find().to_list()
    return Captured(directory=directory / "data" / "capture", database=database)


async def _quiet_session(database: Any) -> None:
    """Do a little of everything, one after the other."""
    orders = database.orders
    await orders.create_index("number", unique=True)
    await orders.insert_many([{"number": n, "total": n * 10, "who": "Ada"} for n in range(50)])
    await orders.update_many({"number": {"$lt": 10}}, {"$inc": {"total": 5}})
    await orders.find_one_and_update(
        {"number": 7}, {"$set": {"paid": True}}, return_document=ReturnDocument.AFTER
    )
    await orders.find({"total": {"$gte": 100}}, batch_size=10).sort("number", 1).to_list()
    assert await orders.count_documents({"paid": True}) == 1
    await orders.delete_one({"number": 3})


async def replayed(
    capture: Path,
    gateway: str,
    ledger: Path,
    *options: str,
    settings: Mapping[str, str] | None = None,
) -> Ran:
    """Run `parallax replay`."""
    return await parallax(
        "replay",
        str(capture),
        *options,
        directory=ledger.parent,
        environment={
            "PARALLAX_GATEWAY_URI": gateway,
            "PARALLAX_LEDGER_URI": f"sqlite:///{ledger}",
            **LENIENT,
            **(settings or {}),
        },
    )


async def evidence_of(ledger: Path) -> Evidence:
    """Return what a ledger holds."""
    return await read_report(f"sqlite:///{ledger}", gates=UNTIMED)
