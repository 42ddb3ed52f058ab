"""The sidecar that holds a collection for a backfill dies in the middle of the copy, while another one lives."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from sqlalchemy import select

from comparators.verdict import Verdict
from proxy.capture.reader import CaptureReader
from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.ledger import tables
from proxy.ledger.access import Access, opened
from proxy.ledger.fillings import Fillings, FillingState
from proxy.ledger.orders import OrderKind
from proxy.ledger.read import read_report
from tests.eventually import eventually
from tests.faults.sidecar.test_backfill import DOCUMENTS, change_people, load_people
from tests.faults.sidecar.traffic import Database, differing
from tests.integration.cli.command import Ran, parallax
from tests.integration.shadow.test_several_sidecars import (  # noqa: F401 - a fixture of its own
    PAUSE_S,
    database,
    drained,
    kill_both,
    two_sidecars,
)

CHUNK = 200
COPIED_WITHIN_S = 6
"""So slowly that the sidecar is killed when some chunks are merged and others are not."""

pytestmark = pytest.mark.timeout(240)


async def test_the_holding_sidecar_is_killed_in_the_middle_of_a_copy(
    mongo: EmbeddedMongo,
    postgres_dsn: str,
    database: str,  # noqa: F811 - pytest's way to name a fixture
    tmp_path: Path,
) -> None:
    identifiers = await load_people(mongo, database)
    ledger, name = f"sqlite:///{tmp_path / 'ledger.db'}", f"{database}.people"
    async with two_sidecars(mongo, postgres_dsn, ledger, tmp_path) as sidecars:
        await drained(ledger)
        ended = asyncio.Event()
        async with AsyncExitStack() as held, asyncio.TaskGroup() as tasks:
            access = await held.enter_async_context(opened(ledger))
            for seed, sidecar in enumerate(sidecars):
                client = await held.enter_async_context(
                    AsyncMongoClient[Any](sidecar.uri, serverMonitoringMode="poll")
                )
                tasks.create_task(_change(client[database], identifiers, seed, ended))
            filling = tasks.create_task(_backfill(mongo, postgres_dsn, ledger, name, tmp_path))
            try:
                holder = await eventually(lambda: _holder(access, name, sidecars), within_s=60)
                await kill_both(holder)
                filled = await filling
            finally:
                ended.set()
        await drained(ledger, verifiers=1)
        await holder.start()
        await drained(ledger)

        assert filled.code == 0, filled.printed
        assert "2 indexes" in filled.out
        assert await differing(mongo.uri, postgres_dsn, database) == {}
        evidence = await read_report(ledger)
        assert [group for group in evidence.groups if group.verdict is Verdict.MISMATCH] == []
        await eventually(lambda: _is_complete(ledger, name), within_s=20)


async def _change(
    people: Database, identifiers: list[Any], seed: int, until: asyncio.Event
) -> None:
    # The application of the sidecar that is killed sees its connections break.
    with suppress(PyMongoError):
        await change_people(people, identifiers, seed, until, pause_s=PAUSE_S)


async def _backfill(
    mongo: EmbeddedMongo, gateway: str, ledger: str, name: str, directory: Path
) -> Ran:
    environment = {
        "PARALLAX_LEGACY_URI": mongo.uri,
        "PARALLAX_GATEWAY_URI": gateway,
        "PARALLAX_LEDGER_URI": ledger,
        "PARALLAX_BACKFILL_DOCUMENTS_PER_CHUNK": str(CHUNK),
    }
    rate = str(DOCUMENTS // COPIED_WITHIN_S)
    return await parallax(
        *("backfill", name, "--rate", rate),
        directory=directory,
        environment=environment,
        within_s=150,
    )


async def _holder(
    access: Access, name: str, sidecars: list[EmbeddedSidecar]
) -> EmbeddedSidecar | None:
    """Return who holds the collection, once a chunk is merged and others are not."""
    held = select(tables.orders.c.log).where(
        tables.orders.c.namespace == name, tables.orders.c.kind == OrderKind.HOLD.value
    )
    merged = select(tables.chunks.c.documents).where(tables.chunks.c.namespace == name)
    async with access.reading() as connection:
        chunks = (await connection.scalars(merged)).all()
        logs = (await connection.scalars(held)).all()
    if None not in chunks or all(each is None for each in chunks):
        return None
    return next(each for each in sidecars if _log_of(each) == logs[-1])


def _log_of(sidecar: EmbeddedSidecar) -> str | None:
    reader = CaptureReader(sidecar.data / "capture")
    reader.poll(1)
    reader.close()
    return reader.log


async def _is_complete(ledger: str, name: str) -> bool:
    async with opened(ledger) as access:
        return (await Fillings(access).all())[name] is FillingState.COMPLETE
