"""The Node driver and both Mongoose versions see through the sidecar exactly what they see without it."""

import asyncio
from collections.abc import Sequence

import pytest

from proxy.embedded import EmbeddedMongo
from proxy.embedded.served import EmbeddedGateway
from tests.e2e.conftest import ON_POSTGRESQL_ALONE, ONLY_MONGODB, Place
from tests.e2e.ledger import Expected
from tests.e2e.node_runs import NODE, as_text, run_node, without_texts

MONGOOSE = sorted(path.stem for path in (NODE / "mongoose").glob("*.mjs"))
DRIVER = sorted(path.stem for path in (NODE / "driver").glob("*.mjs"))

REFUSED_ALONE = {"change_stream"}
"""Programs whose subject PostgreSQL alone does not serve."""

SLOW_ALONE = {"ttl_index"}
"""Waits for a minute at worst until documents are gone; tests of the gateway cover expiry."""

MET_AT_START = {"written at the same time by several clients"}
"""Mongoose makes collections and indexes while the application writes to them already."""


@ONLY_MONGODB
@pytest.mark.parametrize("version", ["8", "9"])
@pytest.mark.parametrize("program", MONGOOSE)
async def test_mongoose(
    program: str,
    version: str,
    watched: str,
    expected: Expected,
    served: Place,
    mongo: EmbeddedMongo,
) -> None:
    command = ["mongoose.mjs", version, program]

    await sees_the_same(command, watched, expected, served=served, mongo=mongo)


@ON_POSTGRESQL_ALONE
@pytest.mark.parametrize("program", sorted(set(MONGOOSE) - REFUSED_ALONE - SLOW_ALONE))
async def test_mongoose_on_postgresql_alone(
    program: str,
    watched: str,
    expected: Expected,
    served: Place,
    mongo: EmbeddedMongo,
) -> None:
    command = ["mongoose.mjs", "8", program]

    await sees_the_same(command, watched, expected, served=served, mongo=mongo)


@pytest.mark.parametrize("program", DRIVER)
async def test_driver(
    program: str,
    watched: str,
    expected: Expected,
    served: Place,
    mongo: EmbeddedMongo,
) -> None:
    command = ["driver.mjs", program]

    await sees_the_same(command, watched, expected, served=served, mongo=mongo)


def test_there_are_programs() -> None:
    assert MONGOOSE
    assert DRIVER


async def sees_the_same(
    command: Sequence[str],
    database: str,
    expected: Expected,
    *,
    served: Place,
    mongo: EmbeddedMongo,
    options: str = "",
) -> None:
    """Run a program on MongoDB and on what is served; assert that its transcripts are equal."""
    apart = f"{database}_d"
    direct_uri = f"mongodb://{mongo.members[0].address}/{apart}{options}"
    async with asyncio.TaskGroup() as tasks:
        direct = tasks.create_task(run_node(command, direct_uri, apart))
        through = tasks.create_task(run_node(command, f"{served.uri}{database}{options}", database))

    seen, wanted = through.result().seen, direct.result().seen
    if isinstance(served, EmbeddedGateway):
        seen, wanted = without_texts(seen), without_texts(wanted)
    assert as_text(seen) == as_text(wanted)
    expected.reasons |= through.result().unverified
    expected.maybe |= through.result().maybe | MET_AT_START
