"""Plans of a real MongoDB: which index, and no value."""

import asyncio
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from comparators.operation import Kind, Operation
from proxy.shadow.explaining import MOST_WAITING, Explaining
from proxy.shadow.legacy import Legacy
from tests.eventually import eventually

SECRET = "s3cret"
BY_EMAIL = "IXSCAN, index email_1 (email: 1), email in 1 range"

PLANS: dict[Kind, tuple[dict[str, Any], str]] = {
    Kind.FIND: (
        {"filter": {"email": SECRET, "n": {"$gt": 424242}}, "sort": {"n": -1}, "limit": 7},
        f"SORT, by n\n  FETCH, filter on n\n    {BY_EMAIL}",
    ),
    Kind.COUNT: (
        {"query": {"$or": [{"email": SECRET}, {"at.5f1c0e8a9d3b2a0011223344": 424242}]}},
        "COUNT\n  SUBPLAN\n    COLLSCAN, filter on at.* email",
    ),
    Kind.DISTINCT: (
        {"key": "email"},
        "PROJECTION_COVERED\n  DISTINCT_SCAN, index email_1 (email: 1)",
    ),
    Kind.AGGREGATE: (
        {
            "pipeline": [
                {"$match": {"email": {"$in": [SECRET, "b"]}}},
                {"$densify": {"field": "n", "range": {"step": 1, "bounds": "full"}}},
                {"$out": "elsewhere"},
            ]
        },
        "SORT, by n\n  FETCH\n    IXSCAN, index email_1 (email: 1), email in 2 ranges\n$_internalDensify",
    ),
    Kind.UPDATE: (
        {"updates": [{"q": {"email": SECRET}, "u": {"$set": {"n": 424242}}}, {"q": {}, "u": {}}]},
        f"FETCH\n  {BY_EMAIL}",
    ),
    Kind.DELETE: ({"deletes": [{"q": {"_id": 424242}, "limit": 1}]}, "IDHACK"),
    Kind.FIND_AND_MODIFY: (
        {"query": {"email": SECRET}, "update": {"$inc": {"n": 1}}},
        f"FETCH\n  {BY_EMAIL}",
    ),
    Kind.INSERT: ({"documents": [{"_id": 424242}]}, "no plan: MongoDB explains no insert"),
}


@pytest.mark.parametrize("kind", PLANS)
async def test_a_plan_shows_indexes_and_no_value(
    kind: Kind,
    mongo_database: AsyncDatabase[dict[str, Any]],
    mongo_client: AsyncMongoClient[dict[str, Any]],
) -> None:
    await mongo_database.users.insert_many([{"email": f"e{n}", "n": n} for n in range(20)])
    await mongo_database.users.create_index("email")
    arguments, wanted = PLANS[kind]
    operation = Operation(
        database=mongo_database.name, collection="users", kind=kind, arguments=arguments
    )
    found: list[str] = []
    explaining = Explaining(
        Legacy(mongo_client, where="mongodb"), lambda _, plan: found.append(plan)
    )

    for _ in range(MOST_WAITING + 1):
        explaining.ask(operation)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(explaining.run())
        await eventually(lambda: found)
        running.cancel()

    assert found == [wanted]
    assert await mongo_database.list_collection_names() == ["users"]
    assert await mongo_database.users.count_documents({}) == 20
