"""Where no database deletes what has expired, the process of the API does."""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from structlog.testing import capture_logs

from adapters.gateway import Generated
from adapters.repositories.databases import database_for
from adapters.sqlite.adapter import SqliteSettings
from comparators.canonical import decode
from comparators.errors import UnreachableError
from comparators.operation import Kind, Operation
from comparators.outcome import Documents
from proxy.cli.reaping import GRACE_S, Reaping, reaping_of
from proxy.embedded import EmbeddedMongo
from tests.eventually import eventually

pytestmark = pytest.mark.timeout(60)
INDEX = {"key": {"at": 1}, "name": "at_1", "expireAfterSeconds": 0}


def operation(kind: Kind, /, **arguments: Any) -> Operation:
    return Operation(database="app", collection="sessions", kind=kind, arguments=arguments)


async def test_what_expired_some_minutes_ago_is_deleted(tmp_path: Path) -> None:
    now_ms = int(time.time() * 1000)
    generated = Generated(now_ms=now_ms)
    documents = [
        {"_id": 1, "at": DatetimeMS(now_ms - 1_000)},
        {"_id": 2, "at": DatetimeMS(now_ms - (GRACE_S + 60) * 1_000)},
        {"_id": 3},
    ]
    url = SqliteSettings(path=tmp_path / "reaped.db").url()
    async with database_for(url, connections=2, entities={}) as database:
        await database.run(operation(Kind.CREATE_INDEXES, indexes=[INDEX]), generated=generated)
        await database.run(operation(Kind.INSERT, documents=documents), generated=generated)
        reaping = reaping_of(database)
        assert reaping is not None

        async def left() -> list[Any]:
            find = operation(Kind.FIND, filter={}, sort={"_id": 1})
            result = (await database.run(find, generated=generated)).result
            assert isinstance(result, Documents)
            return [decode(each)["_id"] for each in result.documents]

        async def is_gone() -> bool:
            return await left() == [1, 3]

        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(reaping.run())
            await eventually(is_gone)
            running.cancel()


async def test_mongodb_does_so_itself(mongo: EmbeddedMongo) -> None:
    async with database_for(mongo.uri, connections=1, entities={}) as database:
        assert reaping_of(database) is None


class _Away:
    """A database that does not answer at first."""

    def __init__(self) -> None:
        self.asked = 0

    def with_expiry(self) -> Sequence[str]:
        return ["app.sessions"]

    async def expire(self, namespace: str, *, now_ms: int, grace_s: int = 0) -> Sequence[Any]:
        self.asked += 1
        if self.asked == 1:
            raise UnreachableError("the database does not answer", where="database", remedy="wait")
        return []


async def test_one_that_is_away_is_asked_again() -> None:
    away = _Away()
    with capture_logs() as told:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(Reaping(away, every_s=0.001).run())
            await eventually(lambda: away.asked > 2)
            running.cancel()

    assert [line["event"] for line in told] == ["tidying_failed"]
