"""A sidecar between two databases, and what the jobs do to them."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
import pytest
from bson import Int64, ObjectId
from pymongo import AsyncMongoClient

from adapters.postgresql.digests import Digests
from comparators.canonical import CODEC
from proxy.cli.entry import run
from proxy.embedded.sidecar import EmbeddedSidecar
from proxy.jobs.asking import Asking
from proxy.jobs.budget import Budget
from proxy.jobs.chunks import ChunkRunner
from proxy.jobs.runners.local import LocalRunner
from proxy.jobs.sweep import Sweep, Swept
from proxy.ledger.access import opened
from proxy.ledger.lookup import redaction_of
from proxy.ledger.orders import Orders
from proxy.ledger.redaction import Redaction
from proxy.ledger.sweeps import Sweeps
from tests.integration.cli.command import Ran
from tests.integration.jobs.damages import Document

MAPPED: Final = "orders"
MAP: Final = """\
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
[children.order_lines]
path = "lines"
[children.order_lines.columns]
sku = { path = "sku", type = "text" }
"""


def identifier(collection: str, n: int) -> Any:
    """Return an `_id` of the type that the map of a collection expects, or without a map of any type."""
    if collection == MAPPED:
        return ObjectId()
    return (n, f"note {n}", {"a": n}, Int64(2**40 + n), ObjectId())[n % 5]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A sidecar with a database on both of its sides."""

    sidecar: EmbeddedSidecar
    legacy: str
    gateway: str
    database: str

    async def fill(self, collection: str, documents: list[Document]) -> None:
        async with AsyncMongoClient[Document](
            self.sidecar.uri, serverMonitoringMode="poll"
        ) as client:
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

    @property
    def namespaces(self) -> tuple[str, str]:
        """The collection with a map, and one without."""
        return f"{self.database}.{MAPPED}", f"{self.database}.notes"

    def past_the_sidecar(self) -> "AsyncMongoClient[Document]":
        """Return a client that goes past the sidecar."""
        return AsyncMongoClient(self.legacy, serverMonitoringMode="poll")

    async def sql(self, statement: str) -> None:
        """Change the gateway behind Parallax's back; `{schema}` stands for the database's schema."""
        connection = await asyncpg.connect(self.gateway)
        try:
            await connection.execute(statement.format(schema=f'"{self.database}"'))
        finally:
            await connection.close()

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
        capsys.readouterr()
        code = await asyncio.to_thread(run, [*arguments, *sides])
        printed = capsys.readouterr()
        return Ran(code=code, out=printed.out, err=printed.err)
