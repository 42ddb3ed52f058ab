"""Commands of many statements, applied once however often they are tried, and together with what others write."""

import asyncio
from typing import Any, Final

import pytest
from bson.objectid import ObjectId

from adapters.gateway import Generated, Mark
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents, Result

IDS: Final = [ObjectId(f"{number:024x}") for number in range(50)]
NOW: Final = Generated(now_ms=0)


async def ask(
    gateway: PostgresGateway, kind: Kind, mark: Mark | None = None, **arguments: Any
) -> Result:
    operation = Operation(database="shop", collection="users", kind=kind, arguments=arguments)
    return (await gateway.run(operation, generated=NOW, mark=mark)).result


async def numbers(gateway: PostgresGateway) -> list[int]:
    """Return `a` of all documents in natural order."""
    found = await ask(gateway, Kind.FIND, filter={})
    assert isinstance(found, Documents)
    return [decode(raw)["a"] for raw in found.documents]


def increments(name: str = "a") -> list[dict[str, Any]]:
    return [{"q": {"_id": each}, "u": {"$inc": {name: 1}}} for each in IDS]


@pytest.mark.parametrize(
    "upsert", [False, True], ids=["changed by known statements", "worked out in memory"]
)
async def test_a_command_that_is_tried_again_has_its_first_outcome(
    gateway: PostgresGateway, upsert: bool
) -> None:
    inserted = [Mark(log="log", position=1, namespace="shop.users")] * 2
    changed = [Mark(log="log", position=2, namespace="shop.users")] * 2
    updates = [{**each, "upsert": upsert} for each in increments()]

    made = [
        await ask(gateway, Kind.INSERT, mark, documents=[{"_id": each, "a": 1} for each in IDS])
        for mark in inserted
    ]
    outcomes = [await ask(gateway, Kind.UPDATE, mark, updates=updates) for mark in changed]

    assert made == [Acknowledgement(n=50)] * 2
    assert outcomes == [Acknowledgement(n=50, modified=50)] * 2
    assert await numbers(gateway) == [2] * 50


async def test_one_statement_that_finds_nothing_leaves_the_others_in_effect(
    gateway: PostgresGateway,
) -> None:
    await ask(gateway, Kind.INSERT, documents=[{"_id": each, "a": 1} for each in IDS[1:]])

    result = await ask(gateway, Kind.UPDATE, updates=increments())

    assert result == Acknowledgement(n=49, modified=49)
    assert await numbers(gateway) == [2] * 49


async def test_commands_of_many_statements_at_once_lose_nothing(gateway: PostgresGateway) -> None:
    await ask(gateway, Kind.INSERT, documents=[{"_id": each, "a": 0} for each in IDS])

    async with asyncio.TaskGroup() as tasks:
        asked = [
            tasks.create_task(
                ask(gateway, Kind.UPDATE, updates=increments()[:: 1 if number % 2 else -1])
            )
            for number in range(4)
        ]

    assert [task.result() for task in asked] == [Acknowledgement(n=50, modified=50)] * 4
    assert await numbers(gateway) == [4] * 50
