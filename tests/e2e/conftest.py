"""The whole of Parallax between drivers and real servers, and what must hold after every test."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.served import EmbeddedGateway, embedded_gateway
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.e2e.both_sides import both_sides_become_equal
from tests.e2e.ledger import Expected, assert_verified, wrong_verdicts

GATEWAY_DATABASE = "end_to_end"
Place = EmbeddedSidecar | EmbeddedGateway


@pytest.fixture(scope="session")
async def gateway_dsn(postgres: EmbeddedPostgres) -> str:
    """Give the PostgreSQL database that the sidecar of the session writes to."""
    return await _database(postgres, GATEWAY_DATABASE)


@pytest.fixture(scope="session")
async def sidecar(
    mongo: EmbeddedMongo, gateway_dsn: str, server_directory: Path
) -> AsyncIterator[EmbeddedSidecar]:
    """Run one Parallax for the session. At its end nothing on the ledger may be wrong."""
    directory = server_directory / "sidecar"
    settings = {"PARALLAX_VERIFIER_NICE": "0"}
    async with embedded_sidecar(
        directory, legacy=mongo.uri, gateway=gateway_dsn, settings=settings
    ) as running:
        yield running
        await running.drained()
        evidence = await running.evidence()
        assert evidence.tally.verified > 0
        assert not wrong_verdicts(evidence, ""), "a verdict came after its test had ended"
        assert not evidence.divergent


@pytest.fixture
def expected() -> Expected:
    """Let a test say which operations Parallax cannot compare; all others must be verified."""
    return Expected()


@pytest.fixture(scope="session")
async def alone(
    postgres: EmbeddedPostgres, server_directory: Path
) -> AsyncIterator[EmbeddedGateway]:
    """Run `parallax gateway` for the session, on a PostgreSQL database of its own. At its end nothing may have failed inside."""
    dsn = await _database(postgres, "end_to_end_alone")
    async with embedded_gateway(server_directory / "gateway", gateway=dsn) as running:
        yield running
        assert "serving_failed" not in running.log.read_text()


@pytest.fixture(params=["sidecar", "alone"])
def served(request: pytest.FixtureRequest) -> Place:
    """Give what an application is pointed at: MongoDB behind the sidecar, or PostgreSQL alone."""
    place: Place = request.getfixturevalue(request.param)
    return place


ONLY_MONGODB = pytest.mark.parametrize("served", ["sidecar"], indirect=True)
"""For a test of what the gateway refuses by name."""
ON_POSTGRESQL_ALONE = pytest.mark.parametrize("served", ["alone"], indirect=True)


@pytest.fixture
async def watched(
    request: pytest.FixtureRequest,
    served: Place,
    mongo: EmbeddedMongo,
    gateway_dsn: str,
    expected: Expected,
) -> AsyncIterator[str]:
    """Give the name of a database that nobody else uses.

    After the test, everything it did through the sidecar must be verified and both sides must be equal.
    """
    name = database_name(request.node.name)
    yield name
    if request.node.stash.get(FAILED, False) or isinstance(served, EmbeddedGateway):
        return
    sidecar = served
    await sidecar.drained()
    await both_sides_become_equal(mongo.uri, gateway_dsn, name)
    assert_verified(await sidecar.evidence(), name, expected)


async def _database(postgres: EmbeddedPostgres, name: str) -> str:
    connection = await asyncpg.connect(postgres.dsn)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"')
    finally:
        await connection.close()
    return postgres.dsn_of(name)


FAILED = pytest.StashKey[bool]()
"""Set on a test whose body failed: what it left undone says nothing about Parallax."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


def database_name(test: str) -> str:
    """Return a name that tells the test, short enough for both databases."""
    readable = re.sub(r"[^a-z0-9]+", "_", test.lower().removeprefix("test_")).strip("_")[:40]
    return f"{readable}_{uuid4().hex[:6]}"
