"""What the gateway says and does while PostgreSQL is away, slow or contended."""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Any

import asyncpg
import pytest

from adapters.gateway import ForgoneError, Generated, Mark
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import decode
from comparators.errors import UnreachableError, UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Documents
from proxy.embedded import EmbeddedPostgres
from tests.eventually import eventually

GENERATED = Generated(now_ms=0)


def operation(kind: Kind, collection: str = "users", **arguments: Any) -> Operation:
    return Operation(database="shop", collection=collection, kind=kind, arguments=arguments)


def increment(identifier: Any) -> Operation:
    return operation(
        Kind.UPDATE, updates=[{"q": {"_id": identifier}, "u": {"$inc": {"n": 1}}, "upsert": True}]
    )


async def value_of(gateway: PostgresGateway, identifier: Any) -> dict[str, Any]:
    outcome = await gateway.run(
        operation(Kind.FIND, filter={"_id": identifier}), generated=GENERATED
    )
    assert isinstance(outcome.result, Documents)
    [found] = outcome.result.documents
    return decode(found)


async def test_no_increment_of_two_connections_is_lost(gateway: PostgresGateway) -> None:
    async with asyncio.TaskGroup() as group:
        for position in range(40):
            mark = Mark(log="log", position=position)
            group.create_task(gateway.run(increment(1), generated=GENERATED, mark=mark))

    assert await value_of(gateway, 1) == {"_id": 1, "n": 40}


async def test_a_collection_is_made_once_by_many(gateway: PostgresGateway) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(
                gateway.run(operation(Kind.INSERT, documents=[{"_id": n}]), generated=GENERATED)
            )
            for n in range(12)
        ]

    assert all(task.result().result == Acknowledgement(n=1) for task in tasks)


async def test_a_restart_costs_an_unreachable_error_and_no_write(
    gateway: PostgresGateway, postgres: EmbeddedPostgres
) -> None:
    await gateway.run(increment(1), generated=GENERATED, mark=Mark(log="log", position=1))

    await postgres.stop()
    with pytest.raises(UnreachableError):
        await gateway.run(increment(1), generated=GENERATED, mark=Mark(log="log", position=2))
    await postgres.start()
    for _ in range(2):
        await gateway.run(increment(1), generated=GENERATED, mark=Mark(log="log", position=2))

    assert await value_of(gateway, 1) == {"_id": 1, "n": 2}


async def test_a_deadline_belongs_to_whoever_set_it(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    await gateway.run(increment(1), generated=GENERATED)
    blocker = await asyncpg.connect(postgres_dsn)
    await blocker.execute('BEGIN; LOCK TABLE "shop"."users" IN ACCESS EXCLUSIVE MODE')

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await value_of(gateway, 1)

    await blocker.close()
    assert await value_of(gateway, 1) == {"_id": 1, "n": 1}


async def test_a_write_that_is_forgone_is_not_applied_by_an_attempt_that_goes_on(
    gateway: PostgresGateway, postgres_dsn: str
) -> None:
    """A statement whose client is gone waits on for its lock, and would run when it gets it."""
    await gateway.run(increment(1), generated=GENERATED)
    mark = Mark(log="log", position=1)
    late = operation(Kind.INSERT, documents=[{"_id": 2}])
    blocker = await asyncpg.connect(postgres_dsn)
    await blocker.execute('BEGIN; LOCK TABLE "shop"."users" IN ACCESS EXCLUSIVE MODE')
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await gateway.run(late, generated=GENERATED, mark=mark)

    await gateway.forgo(mark)

    await blocker.execute("ROLLBACK")
    asked = """SELECT count(*) = 0 FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'active' AND query LIKE '%INSERT INTO shop%'
        AND pid <> pg_backend_pid()"""
    await eventually(partial(blocker.fetchval, asked))
    await blocker.close()
    with pytest.raises(ForgoneError):
        await gateway.run(late, generated=GENERATED, mark=mark)
    assert await gateway.images("shop.users", [2]) == {}
    assert await gateway.unforgotten("log") == []


async def test_a_transaction_is_all_or_nothing(gateway: PostgresGateway) -> None:
    mark = Mark(log="log", position=1)
    async with gateway.transaction(mark) as transaction:
        await transaction.run(increment(1), generated=GENERATED)
        await transaction.run(increment(1), generated=GENERATED)
        duplicate = operation(Kind.INSERT, documents=[{"_id": 1}, {"_id": 2}])
        await transaction.run(duplicate, generated=GENERATED)
    with suppress(ZeroDivisionError):
        async with gateway.transaction() as transaction:
            await transaction.run(increment(1), generated=GENERATED)
            await transaction.run(
                operation(Kind.INSERT, "others", documents=[{"_id": 1}]), generated=GENERATED
            )
            raise ZeroDivisionError

    assert await value_of(gateway, 1) == {"_id": 1, "n": 2}
    assert await gateway.applied(mark)
    await gateway.run(operation(Kind.INSERT, "others", documents=[{"_id": 1}]), generated=GENERATED)


async def test_a_marked_transaction_is_applied_once(gateway: PostgresGateway) -> None:
    for _ in range(2):
        async with gateway.transaction(Mark(log="log", position=1)) as transaction:
            await transaction.run(increment(1), generated=GENERATED)

    assert await value_of(gateway, 1) == {"_id": 1, "n": 1}


async def test_what_is_not_supported_is_named_and_changes_nothing(gateway: PostgresGateway) -> None:
    with pytest.raises(UnsupportedError) as command:
        await gateway.run(operation(Kind.OTHER, mapReduce="users"), generated=GENERATED)
    with pytest.raises(UnsupportedError) as option:
        await gateway.run(operation(Kind.CREATE, encryptedFields={"a": 1}), generated=GENERATED)

    assert command.value.what == "command mapReduce"
    assert option.value.what == "option encryptedFields"
