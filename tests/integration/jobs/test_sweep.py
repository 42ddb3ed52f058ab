"""Sweeps find every document that differs and no other, and repairs mend them, while an application writes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from bson import Int64, ObjectId
from pymongo import AsyncMongoClient

from adapters.postgresql.digests import Digests
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import CODEC
from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.jobs.asking import Asking
from proxy.jobs.budget import Budget
from proxy.jobs.chunks import ChunkRunner
from proxy.jobs.runners.local import LocalRunner
from proxy.jobs.sweep import Sweep, Swept
from proxy.ledger.access import opened
from proxy.ledger.entries import DivergenceState
from proxy.ledger.lookup import redaction_of
from proxy.ledger.orders import Orders
from proxy.ledger.redaction import Redaction
from proxy.ledger.sweeps import Sweeps
from tests.integration.cli.command import Ran
from tests.integration.jobs.damages import Document, damage, document

pytestmark = pytest.mark.timeout(180)

MAP = """\
collection = "orders"
table = "orders"
[id]
type = "objectid"
[columns]
n = { path = "n", type = "integer" }
name = { path = "name", type = "text" }
at = { path = "at", type = "timestamptz" }
sub_a = { path = "sub.a", type = "integer" }
tags = { path = "tags", type = "text[]" }
"""
COLLECTIONS = ("orders", "notes")
DOCUMENTS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A sidecar with a database on both of its sides."""

    sidecar: EmbeddedSidecar
    legacy: str
    gateway: str
    database: str

    async def fill(self, collection: str, documents: list[Document]) -> None:
        async with AsyncMongoClient[Any](self.sidecar.uri, serverMonitoringMode="poll") as client:
            target = client[self.database].get_collection(collection, codec_options=CODEC)
            await target.insert_many(documents)
        await self.sidecar.drained()

    async def sweep(
        self, collection: str, *, runner: ChunkRunner | None = None, per_chunk: int = 40
    ) -> Swept:
        async with AsyncExitStack() as held:
            access = await held.enter_async_context(opened(self.sidecar.ledger))
            sweep = Sweep(
                legacy_uri=self.legacy,
                gateway_uri=self.gateway,
                digests=await held.enter_async_context(Digests(self.gateway)),
                runner=runner or LocalRunner(places=2),
                asking=Asking(Orders(access), who="ada", why="test"),
                sweeps=Sweeps(access),
                budget=Budget(None),
                documents_per_chunk=per_chunk,
            )
            return await sweep.run(f"{self.database}.{collection}")

    async def redaction(self) -> Redaction:
        async with opened(self.sidecar.ledger) as access:
            return await redaction_of(access)

    async def run(self, *arguments: str, capsys: pytest.CaptureFixture[str]) -> Ran:
        """Run a command in this process: it would spend most of the time starting."""
        sides = [
            "--legacy",
            self.legacy,
            "--gateway",
            self.gateway,
            "--ledger",
            self.sidecar.ledger,
        ]
        code = await asyncio.to_thread(run, [*arguments, *sides])
        printed = capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)


@pytest.fixture(scope="module")
async def sidecar(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[EmbeddedSidecar, str, str]]:
    """Run a sidecar that keeps `orders` in a mapped table."""
    directory = tmp_path_factory.mktemp("sidecar")
    maps = directory / "maps"
    maps.mkdir()
    (maps / "orders.toml").write_text(MAP)
    async with _database(postgres) as dsn:
        settings = {"PARALLAX_VERIFIER_NICE": "0", "PARALLAX_GATEWAY_ENTITIES": str(maps)}
        async with embedded_sidecar(
            directory / "run", legacy=mongo.uri, gateway=dsn, settings=settings
        ) as running:
            yield running, mongo.uri, dsn


@asynccontextmanager
async def _database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    import asyncpg

    name = f"sweep_{uuid4().hex[:8]}"
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute(f'CREATE DATABASE "{name}"')
    try:
        yield postgres.dsn_of(name)
    finally:
        await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await connection.close()


@pytest.fixture
async def field(sidecar: tuple[EmbeddedSidecar, str, str]) -> Field:
    """Give a test a database of its own behind the sidecar."""
    running, legacy, gateway = sidecar
    return Field(
        sidecar=running, legacy=legacy, gateway=gateway, database=f"sweep_{uuid4().hex[:8]}"
    )


def identifier(collection: str, n: int) -> Any:
    """Return an `_id` of the type that the map of a collection expects, or without a map of any type."""
    if collection == "orders":
        return ObjectId()
    return (n, f"note {n}", {"a": n}, Int64(2**40 + n), ObjectId())[n % 5]


@pytest.mark.parametrize("collection", COLLECTIONS)
async def test_fifty_damaged_documents_are_found_and_mended(
    field: Field, collection: str, capsys: pytest.CaptureFixture[str]
) -> None:
    namespace = f"{field.database}.{collection}"
    documents = [document(identifier(collection, n), n) for n in range(DOCUMENTS + 5)]
    documents, extra = documents[:-5], documents[-5:]
    await field.fill(collection, documents)
    before = await field.sweep(collection)
    async with PostgresGateway(field.gateway) as gateway:
        kinds = await damage(gateway, namespace, documents, extra)
    redaction = await field.redaction()
    wanted = {
        redaction.document(namespace, each["_id"])
        for each in [*documents[:40], *extra, *documents[40:45]]
    }

    swept = await field.sweep(collection)
    planned = await field.run("repair", "--dry-run", "--collection", namespace, capsys=capsys)
    again = await field.sweep(collection)
    repaired = await field.run(
        "repair", "--collection", namespace, "--who", "ada", "--why", "test", capsys=capsys
    )
    after = await field.run("sweep", namespace, capsys=capsys)

    assert (before.differing, before.documents, before.chunks > 3) == ([], DOCUMENTS, True)
    assert set(swept.differing) == wanted
    assert (len(swept.differing), swept.suspects, swept.uncompared) == (50, 50, 0)
    assert set(again.differing) == wanted, "a dry run changes nothing"
    assert planned.code == 0
    assert planned.out.count("replace it") == 40
    assert (planned.out.count("insert it"), planned.out.count("delete it")) == (5, 5)
    assert (repaired.code, repaired.out) == (0, "repaired and equal: 50\n")
    assert after.code == 0, after.printed
    divergent = [
        each for each in (await field.sidecar.evidence()).divergent if each.namespace == namespace
    ]
    assert len(divergent) == len(kinds)
    assert {(each.state, each.who, each.why) for each in divergent} == {
        (DivergenceState.REPAIRED, "ada", "test")
    }
    assert all(each.differences for each in divergent)
