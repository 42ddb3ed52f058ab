"""A whole sidecar for a module, and a database of its own for each test."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from comparators.verdict import Verdict
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.evidence import Evidence, Group
from tests.administering import administer
from tests.faults.sidecar.traffic import differing


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An application's view through the sidecar, and what the ledger says of it."""

    sidecar: EmbeddedSidecar
    database: AsyncDatabase[dict[str, Any]]
    legacy_uri: str
    gateway_dsn: str

    async def evidence(self) -> Evidence:
        """Wait until everything is verified and return what was found."""
        await self.sidecar.drained()
        return await self.sidecar.evidence()

    async def verdicts(self, collection: str) -> dict[Verdict, int]:
        """Return the verdicts on the operations of one collection, without zeros."""
        namespace = f"{self.database.name}.{collection}"
        for found in (await self.evidence()).collections:
            if found.namespace == namespace:
                return {verdict: n for verdict, n in found.tally.verdicts.items() if n}
        return {}

    async def reasons(self, collection: str) -> set[str]:
        """Return the reasons of all verdicts in one collection."""
        namespace = f"{self.database.name}.{collection}"
        found = await self.evidence()
        return {reason.reason for reason in found.reasons if reason.namespace == namespace}

    async def mismatches(self, collection: str) -> list[Group]:
        """Return the groups of confirmed mismatches in one collection."""
        namespace = f"{self.database.name}.{collection}"
        return [
            group
            for group in (await self.evidence()).groups
            if group.verdict is Verdict.MISMATCH and group.namespace == namespace
        ]

    async def differing(self) -> dict[str, list[str]]:
        """Return what only one side stores."""
        return await differing(self.legacy_uri, self.gateway_dsn, self.database.name)

    async def damage(self, statement: str) -> None:
        """Change the gateway behind Parallax's back; `{schema}` stands for the database's schema."""
        connection = await asyncpg.connect(self.gateway_dsn)
        try:
            await connection.execute(statement.format(schema=f'"{self.database.name}"'))
        finally:
            await connection.close()


@pytest.fixture(scope="module")
async def gateway_dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Give a PostgreSQL database to a module."""
    name = f"shadow_{uuid4().hex[:8]}"
    await administer(postgres, f'CREATE DATABASE "{name}"')
    yield postgres.dsn_of(name)
    await administer(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
async def replica_sidecar(
    mongo: EmbeddedMongo, gateway_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar before the replica set."""
    async with _sidecar(tmp_path_factory, mongo.uri, gateway_dsn) as running:
        yield running


@pytest.fixture(scope="module")
async def standalone_sidecar(
    mongo_standalone: EmbeddedMongo, gateway_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a sidecar before the standalone server."""
    async with _sidecar(tmp_path_factory, mongo_standalone.uri, gateway_dsn) as running:
        yield running


@pytest.fixture
async def bench(
    replica_sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
    gateway_dsn: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Bench]:
    """Give a test an application on the replica set."""
    async with _client(replica_sidecar) as client:
        yield _bench(client, replica_sidecar, mongo, gateway_dsn, request)


@pytest.fixture
async def standalone_bench(
    standalone_sidecar: EmbeddedSidecar,
    mongo_standalone: EmbeddedMongo,
    gateway_dsn: str,
    request: pytest.FixtureRequest,
) -> AsyncIterator[Bench]:
    """Give a test an application on the standalone server."""
    async with _client(standalone_sidecar) as client:
        yield _bench(client, standalone_sidecar, mongo_standalone, gateway_dsn, request)


def _sidecar(factory: pytest.TempPathFactory, legacy: str, gateway: str) -> Any:
    directory: Path = factory.mktemp("sidecar")
    settings = {"PARALLAX_VERIFIER_NICE": "0"}
    return embedded_sidecar(directory, legacy=legacy, gateway=gateway, settings=settings)


def _client(sidecar: EmbeddedSidecar) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(sidecar.uri, serverMonitoringMode="poll")


def _bench(
    client: AsyncMongoClient[dict[str, Any]],
    sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
    dsn: str,
    request: pytest.FixtureRequest,
) -> Bench:
    readable = re.sub(r"[^a-z0-9]+", "_", request.node.name.lower())[:30]
    return Bench(
        sidecar=sidecar,
        database=client[f"{readable}_{uuid4().hex[:6]}"],
        legacy_uri=mongo.uri,
        gateway_dsn=dsn,
    )
