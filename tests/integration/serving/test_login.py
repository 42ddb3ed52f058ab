"""Users log in by both mechanisms, and nobody else does."""

from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import OperationFailure

from proxy.serving.users import Users

SECRET = "corr=ect,hörse"


def client(served: str, **options: Any) -> AsyncMongoClient[dict[str, Any]]:
    return AsyncMongoClient(served, serverMonitoringMode="poll", **options)


@pytest.mark.parametrize("mechanism", ["DEFAULT", "SCRAM-SHA-256", "SCRAM-SHA-1"])
async def test_a_user_logs_in(mechanism: str, served: str, users: Users) -> None:
    await users.add("ann, or =", SECRET)
    await users.load()

    async with client(
        served, username="ann, or =", password=SECRET, authMechanism=mechanism
    ) as connected:
        await connected["shop"]["rows"].insert_one({"_id": 1})
        status = await connected["admin"].command("connectionStatus")

    assert status["authInfo"]["authenticatedUsers"] == [{"user": "ann, or =", "db": "admin"}]


async def test_nobody_else_gets_in(served: str, users: Users) -> None:
    await users.add("ann", SECRET)
    await users.load()

    codes = []
    for options in ({"username": "ann", "password": "x"}, {"username": "bob", "password": "x"}, {}):
        async with client(served, **options) as connected:
            with pytest.raises(OperationFailure) as refused:
                await connected["shop"]["rows"].find_one()
            codes.append(refused.value.code)

    assert codes == [18, 18, 13]


async def test_a_removed_user_gets_in_no_more(served: str, users: Users) -> None:
    await users.add("ann", SECRET)
    await users.add("bob", SECRET)
    await users.remove("ann")
    await users.load()

    assert users.names == ("bob",)
    async with client(served, username="ann", password=SECRET) as connected:
        with pytest.raises(OperationFailure) as refused:
            await connected["shop"]["rows"].find_one()
    assert refused.value.code == 18
