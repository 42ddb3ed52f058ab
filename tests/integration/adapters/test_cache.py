"""The cache before a database, on a real Redis and PostgreSQL: fresh after every write, and never in the way."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest

from adapters.caching.database import CachedDatabase
from adapters.database import Database
from adapters.gateway import Generated, Transaction
from adapters.postgresql.gateway import PostgresGateway
from adapters.redis.adapter import ADAPTER, check
from adapters.redis.cache import ANSWERS_WITHIN_S, LEFT_ALONE_S, RedisCache
from comparators.canonical import decode
from comparators.errors import SettingsError
from comparators.operation import Kind, Operation
from comparators.outcome import Count, Documents, Failure, Outcome
from tests.eventually import eventually
from tests.peers.redis_server import RunningRedis, running_redis

pytestmark = pytest.mark.timeout(60)

NOW = Generated(now_ms=1_700_000_000_000)


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="cached", collection="users", kind=kind, arguments=arguments)


class Counting:
    """A database that counts what it is asked, and takes its time where it is told to."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.asked = 0
        self.takes_s = 0.0

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        self.asked += 1
        outcome = await self._database.run(operation, generated=generated)
        await asyncio.sleep(self.takes_s)
        return outcome

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._database.transaction() as transaction:
            yield transaction

    async def reachable(self) -> None:
        await self._database.reachable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Two processes' worth of caches on one Redis, before one database."""

    redis: RunningRedis
    behind: Counting
    one: CachedDatabase
    other: CachedDatabase
    cache: RedisCache

    async def write(self, kind: Kind, through: Database | None = None, **arguments: Any) -> None:
        await (through or self.one).run(operation(kind, **arguments), generated=NOW)

    async def read(self, condition: dict[str, Any], through: Database | None = None) -> list[Any]:
        result = await self.result(Kind.FIND, through, filter=condition)
        assert isinstance(result, Documents)
        return [decode(each) for each in result.documents]

    async def result(self, kind: Kind, through: Database | None = None, **arguments: Any) -> Any:
        outcome = await (through or self.one).run(operation(kind, **arguments), generated=NOW)
        return outcome.result


@pytest.fixture(scope="module")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RunningRedis]:
    async with running_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def bench(redis: RunningRedis, postgres_dsn: str) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as held:
        gateway = await held.enter_async_context(PostgresGateway(postgres_dsn, connections=4))
        behind, prefix = Counting(gateway), uuid4().hex
        caches = [
            # Generous: only a Redis that is away is to count as such, on a busy machine too.
            await held.enter_async_context(RedisCache(redis.url, prefix=prefix, within_s=2.0))
            for _ in range(2)
        ]
        one, other = (CachedDatabase(behind, each) for each in caches)
        found = Bench(redis=redis, behind=behind, one=one, other=other, cache=caches[0])
        users = [{"_id": 1, "name": "ada", "n": 1}, {"_id": 2, "name": "grace", "n": 2}]
        await found.write(Kind.INSERT, documents=users)
        behind.asked = 0
        yield found


async def test_what_was_read_once_is_not_asked_again(bench: Bench) -> None:
    first = await bench.read({"_id": 1})
    again = await bench.read({"_id": 1}, bench.other)
    counts = [await bench.result(Kind.COUNT, query={"n": {"$gt": 1}}) for _ in range(2)]
    values = [await bench.result(Kind.DISTINCT, key="name", query={}) for _ in range(2)]

    assert first == again == [{"_id": 1, "name": "ada", "n": 1}]
    assert counts == [Count(n=1)] * 2
    assert values[0] == values[1]
    assert bench.behind.asked == 3
    assert (bench.one.tally.hits, bench.one.tally.misses, bench.other.tally.hits) == (2, 3, 1)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (Kind.UPDATE, {"updates": [{"q": {"_id": 1}, "u": {"$set": {"n": 9}}}]}),
        (Kind.UPDATE, {"updates": [{"q": {"name": "ada"}, "u": {"$set": {"n": 9}}}]}),
        (Kind.FIND_AND_MODIFY, {"query": {"_id": 1}, "update": {"$set": {"n": 9}}}),
        (Kind.DELETE, {"deletes": [{"q": {"_id": 1}, "limit": 1}]}),
        (Kind.DELETE, {"deletes": [{"q": {}, "limit": 0}]}),
        (Kind.DROP, {}),
    ],
)
async def test_a_write_is_seen_at_once_whoever_reads(
    bench: Bench, kind: Kind, arguments: dict[str, Any]
) -> None:
    before = await bench.read({"_id": 1}, bench.other), await bench.read({"n": 1}, bench.other)

    await bench.write(kind, **arguments)
    by_key, by_field = await bench.read({"_id": 1}, bench.other), await bench.read({"n": 1})

    assert before[0] == before[1] != []
    assert by_field == []
    assert by_key == await bench.read({"_id": 1}, bench.behind)


async def test_a_write_of_one_document_leaves_the_others_in_the_cache(bench: Bench) -> None:
    await bench.read({"_id": 2})
    await bench.write(Kind.UPDATE, updates=[{"q": {"_id": 1}, "u": {"$set": {"n": 9}}}])
    bench.behind.asked = 0

    assert await bench.read({"_id": 2}) == [{"_id": 2, "name": "grace", "n": 2}]
    assert bench.behind.asked == 0


async def test_an_answer_from_before_a_write_is_not_kept_after_it(bench: Bench) -> None:
    bench.behind.takes_s = 0.2
    async with asyncio.TaskGroup() as tasks:
        slow = tasks.create_task(bench.read({"_id": 1}, bench.other))
        await eventually(lambda: bench.behind.asked > 0)
        bench.behind.takes_s = 0.0
        await bench.write(Kind.UPDATE, updates=[{"q": {"_id": 1}, "u": {"$set": {"n": 9}}}])

    assert [each["n"] for each in slow.result()] == [1]
    assert [each["n"] for each in await bench.read({"_id": 1}, bench.other)] == [9]


async def test_a_transaction_is_void_in_the_cache_when_it_ends(bench: Bench) -> None:
    await bench.read({"_id": 1})
    update = operation(Kind.UPDATE, updates=[{"q": {"_id": 1}, "u": {"$set": {"n": 9}}}])

    async with bench.one.transaction() as transaction:
        await transaction.run(update, generated=NOW)
        during = await bench.read({"_id": 1})
    after = await bench.read({"_id": 1})

    assert [each["n"] for each in during] == [1]
    assert [each["n"] for each in after] == [9]


async def test_many_who_want_the_same_ask_the_database_once(bench: Bench) -> None:
    bench.behind.takes_s = 0.1
    async with asyncio.TaskGroup() as tasks:
        asking = [
            tasks.create_task(bench.read({"n": 2}, through))
            for through in [bench.one, bench.other] * 20
        ]

    assert {str(each.result()) for each in asking} == {str(asking[0].result())}
    assert bench.behind.asked == 1


async def test_a_refusal_is_not_kept_and_holds_nobody_up(bench: Bench) -> None:
    began = time.monotonic()
    results = [
        await bench.result(Kind.FIND, through, filter={"n": {"$nonsense": 1}})
        for through in [bench.one, bench.other, bench.one]
    ]

    assert all(isinstance(each, Failure) for each in results)
    assert bench.behind.asked == 3
    assert time.monotonic() - began < 1.5, "somebody waited for an answer that is not kept"


async def test_keys_are_dropped_by_pattern(bench: Bench) -> None:
    await bench.cache.set("page:1", b"x", ttl_s=60)
    await bench.cache.set("page:2", b"x", ttl_s=60)
    await bench.cache.set("other", b"x", ttl_s=60)

    assert await bench.cache.invalidate("page:*") == 2
    assert await bench.cache.get("page:1") is None
    assert await bench.cache.get("other") == b"x"


async def test_what_was_kept_goes_by_itself(bench: Bench) -> None:
    await bench.cache.set("soon", b"x", ttl_s=0.05)

    async def is_gone() -> bool:
        return await bench.cache.get("soon") is None

    await eventually(is_gone)


async def test_no_value_can_be_read_from_a_key(bench: Bench, redis: RunningRedis) -> None:
    await bench.read({"name": "grace"})

    async with RedisCache(redis.url) as look:
        keys = [key async for key in look._redis.scan_iter(match="*users*")]
    assert keys
    assert not any(b"grace" in key for key in keys)


@pytest.mark.parametrize("how", ["hung", "gone"])
async def test_a_dead_redis_costs_a_bounded_delay_and_no_error(bench: Bench, how: str) -> None:
    await bench.read({"_id": 1})
    async with RedisCache(bench.redis.url) as cache:
        cached = CachedDatabase(bench.behind, cache)
        await bench.read({"_id": 2}, cached)
        if how == "hung":
            bench.redis.process.send(signal.SIGSTOP)
        else:
            await bench.redis.process.stop()
        try:
            began, reads = time.monotonic(), 0
            while time.monotonic() - began < 2 * LEFT_ALONE_S:
                assert len(await bench.read({"_id": 2}, cached)) == 1
                reads += 1
            update = [{"q": {"_id": 2}, "u": {"$set": {"n": 9}}}]
            await bench.write(Kind.UPDATE, cached, updates=update)
            assert [each["n"] for each in await bench.read({"_id": 2}, cached)] == [9]
            spent_s = time.monotonic() - began
        finally:
            if how == "hung":
                bench.redis.process.send(signal.SIGCONT)
            else:
                await bench.redis.start()

        # One attempt a second, each of which may take so long; all other reads wait for nothing.
        assert 1 <= cache.failures <= spent_s / LEFT_ALONE_S + 1
        assert cache.failures * ANSWERS_WITHIN_S < spent_s

        seen = set()

        async def is_used_again() -> bool:
            [found] = await bench.read({"_id": 2}, cached)
            seen.add(found["n"])
            return not cached._unrenewed

        await eventually(is_used_again, within_s=20)
        assert seen == {9}, "stale after Redis came back"
        assert reads > 10


async def test_a_wrong_password_is_told_as_such(redis: RunningRedis) -> None:
    with pytest.raises(SettingsError, match="password"):
        await check(redis.url.replace("redis://", "redis://ada:wrong@"))


async def test_its_settings_reach_it(redis: RunningRedis) -> None:
    port = int(redis.url.rpartition(":")[2].partition("/")[0])
    health = await ADAPTER.check(ADAPTER.settings.model_validate({"port": port}).url())

    assert health.version
    assert health.latency_s > 0
