"""The Node driver and both Mongoose versions see through the sidecar exactly what they see without it."""

import asyncio
from collections.abc import Sequence

import pytest

from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import EmbeddedSidecar
from tests.e2e.ledger import Expected
from tests.e2e.node_runs import NODE, as_text, run_node

MONGOOSE = sorted(path.stem for path in (NODE / "mongoose").glob("*.mjs"))
DRIVER = sorted(path.stem for path in (NODE / "driver").glob("*.mjs"))

MET_AT_START = {"written at the same time by several clients"}
"""Mongoose makes collections and indexes while the application writes to them already."""


@pytest.mark.parametrize("version", ["8", "9"])
@pytest.mark.parametrize("program", MONGOOSE)
async def test_mongoose(
    program: str,
    version: str,
    watched: str,
    expected: Expected,
    sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
) -> None:
    command = ["mongoose.mjs", version, program]

    await sees_the_same(command, watched, expected, sidecar=sidecar, mongo=mongo)


@pytest.mark.parametrize("program", DRIVER)
async def test_driver(
    program: str,
    watched: str,
    expected: Expected,
    sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
) -> None:
    command = ["driver.mjs", program]

    await sees_the_same(command, watched, expected, sidecar=sidecar, mongo=mongo)


def test_there_are_programs() -> None:
    assert MONGOOSE
    assert DRIVER


async def sees_the_same(
    command: Sequence[str],
    database: str,
    expected: Expected,
    *,
    sidecar: EmbeddedSidecar,
    mongo: EmbeddedMongo,
    options: str = "",
) -> None:
    """Run a program with and without the sidecar; assert that its transcripts are equal."""
    apart = f"{database}_d"
    direct_uri = f"mongodb://{mongo.members[0].address}/{apart}{options}"
    async with asyncio.TaskGroup() as tasks:
        direct = tasks.create_task(run_node(command, direct_uri, apart))
        through = tasks.create_task(
            run_node(command, f"{sidecar.uri}{database}{options}", database)
        )

    assert as_text(through.result().seen) == as_text(direct.result().seen)
    expected.reasons |= through.result().unverified
    expected.maybe |= through.result().maybe | MET_AT_START
