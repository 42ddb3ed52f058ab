"""One sidecar for all jobs, and a database of its own for each test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import embedded_sidecar
from tests.administering import administer
from tests.integration.jobs.field import MAP, MAPPED, Field
from tests.integration.jobs.test_runners import dask_cluster


@pytest.fixture(scope="package")
async def shared_field(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Field]:
    """Run a sidecar that keeps one collection in a mapped table."""
    directory = tmp_path_factory.mktemp("sidecar")
    maps = directory / "maps"
    maps.mkdir()
    (maps / f"{MAPPED}.toml").write_text(MAP)
    settings = {"PARALLAX_VERIFIER_NICE": "0", "PARALLAX_GATEWAY_ENTITIES": str(maps)}
    async with (
        _database(postgres) as dsn,
        embedded_sidecar(
            directory / "run", legacy=mongo.uri, gateway=dsn, settings=settings
        ) as running,
    ):
        await running.drained()
        yield Field(sidecar=running, legacy=mongo.uri, gateway=dsn, database="")


@pytest.fixture
async def field(shared_field: Field) -> Field:
    """Give a test a database of its own behind the sidecar."""
    return Field(
        sidecar=shared_field.sidecar,
        legacy=shared_field.legacy,
        gateway=shared_field.gateway,
        database=f"jobs_{uuid4().hex[:8]}",
    )


@pytest.fixture(scope="package")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """Run a Dask cluster for all tests that leave its workers alive; give the scheduler's address."""
    async with dask_cluster(tmp_path_factory.mktemp("cluster")) as address:
        yield address


@asynccontextmanager
async def _database(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"jobs_{uuid4().hex[:8]}"
    await administer(postgres, f'CREATE DATABASE "{name}"')
    try:
        yield postgres.dsn_of(name)
    finally:
        await administer(postgres, f'DROP DATABASE "{name}" WITH (FORCE)')
