"""The application's own 47 models, from its own package, live through the sidecar as they live without it."""

from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.conftest import ONLY_MONGODB, Place, database_name
from tests.e2e.ledger import Expected, assert_verified
from tests.e2e.test_node import sees_the_same

SHARES = 2
"""The models are dealt out to so many runs."""

MAPPED_DATABASE = "mapped_end_to_end"


def command(share: int) -> list[str]:
    return ["librechat.mjs", f"{share}/{SHARES}"]


# On PostgreSQL alone `distinct` gives no null for a missing field, which MongoDB does where its planner takes an index.
@ONLY_MONGODB
@pytest.mark.timeout(300)
# Half of them on tables of documents; all of them on relational tables, below.
@pytest.mark.parametrize("share", range(SHARES // 2))
async def test_models(
    share: int,
    watched: str,
    served: Place,
    expected: Expected,
    mongo: EmbeddedMongo,
) -> None:
    await sees_the_same(command(share), watched, expected, served=served, mongo=mongo)


@pytest.fixture(scope="module")
async def mapped_dsn(postgres: EmbeddedPostgres) -> str:
    """Give a PostgreSQL database for the relational tables of the profile."""
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{MAPPED_DATABASE}"')
    finally:
        await connection.close()
    return postgres.dsn_of(MAPPED_DATABASE)


@pytest.fixture(scope="module")
async def mapped_sidecar(
    mongo: EmbeddedMongo, mapped_dsn: str, server_directory: Path
) -> AsyncIterator[EmbeddedSidecar]:
    """Run a Parallax of its own on the LibreChat profile."""
    async with embedded_sidecar(
        server_directory / "mapped",
        legacy=mongo.uri,
        gateway=mapped_dsn,
        settings={
            "PARALLAX_GATEWAY_ENTITIES": "librechat",
            # Every read is compared, however late on a busy machine.
            "PARALLAX_VERIFIER_SAMPLE_BEYOND_S": "0",
            "PARALLAX_VERIFIER_NICE": "0",
        },
    ) as running:
        yield running


@pytest.mark.timeout(300)
@pytest.mark.parametrize("share", range(SHARES))
async def test_models_in_relational_tables(
    share: int, mapped_sidecar: EmbeddedSidecar, mapped_dsn: str, mongo: EmbeddedMongo
) -> None:
    name = database_name(f"relational_{share}")
    expected = Expected()

    await sees_the_same(command(share), name, expected, served=mapped_sidecar, mongo=mongo)

    await mapped_sidecar.drained(within_s=150)
    await both_sides_become_equal(mongo.uri, mapped_dsn, name)
    assert_verified(await mapped_sidecar.evidence(), name, expected)
    assert await tables_without_a_map(mapped_dsn, name) == []


async def tables_without_a_map(dsn: str, database: str) -> list[str]:
    """Return the collections that live in document tables, although the profile knows them all."""
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch(
            "SELECT name FROM parallax.collections WHERE database = $1 AND map IS NULL", database
        )
    finally:
        await connection.close()
    return [row["name"] for row in rows]
