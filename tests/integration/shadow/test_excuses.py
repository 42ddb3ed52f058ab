"""What excuses a difference does so however late it is judged, and by the verifier after one that was killed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pymongo.asynchronous.database import AsyncDatabase

from adapters.gateway import Generated, Mark
from comparators.operation import Kind, Operation
from comparators.verdict import Verdict
from proxy.shadow.legacy import Legacy
from tests.eventually import eventually
from tests.integration.shadow.handmade import Following, Handmade, handmade

pytestmark = pytest.mark.timeout(60)

HELD: dict[str, Any] = {"update": "held", "updates": [{"q": {"_id": 1}, "u": {"$set": {"a": 2}}}]}


@pytest.fixture
async def log(
    tmp_path: Path, mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str
) -> AsyncIterator[Handmade]:
    async with handmade(tmp_path, mongo_database, postgres_dsn) as made:
        yield made


def insert(collection: str, *identifiers: int) -> dict[str, Any]:
    return {"insert": collection, "documents": [{"_id": each, "n": 0} for each in identifiers]}


def update(*statements: tuple[dict[str, Any], dict[str, Any]], **options: Any) -> dict[str, Any]:
    return {"update": "users", "updates": [{"q": q, "u": u, **options} for q, u in statements]}


INCREASE_5 = update(({"_id": 5}, {"$inc": {"n": 1}}), upsert=True)


@asynccontextmanager
async def locked(log: Handmade, dsn: str, verifier: Following) -> AsyncIterator[list[int]]:
    """Lock the users from the gateway until what the body logged is at its place, and its first write is given up."""
    given_up: list[int] = []
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction():
            table = f'"{log.database.name}"."users"'
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield given_up
            asked = "SELECT count(*) FROM parallax.applied WHERE position = $1"
            await eventually(partial(connection.fetchval, asked, given_up[0]), within_s=20)
            await eventually(lambda: verifier.is_at_end, within_s=20)
    finally:
        await connection.close()


async def in_another_order(log: Handmade, first: dict[str, Any], second: dict[str, Any]) -> int:
    """Log two writes that ran side by side, with clocks that tell the wrong order; return the first's position.

    The clock of a write of several steps is that of its last one, so this happens.
    """
    intents = [log.begin(first), log.begin(second)]
    answers = [await log.database.command(each) for each in (first, second)]
    answers[0]["operationTime"], answers[1]["operationTime"] = (
        answers[1]["operationTime"],
        answers[0]["operationTime"],
    )
    for intent, answer in zip(intents, answers, strict=True):
        log.log_answer(intent, answer)
    return intents[0]


async def test_a_dispute_excuses_a_write_that_is_judged_after_it(
    log: Handmade, postgres_dsn: str
) -> None:
    """A collection is locked beyond the time limit while the survey has not come to it."""
    await log.write(insert("held", 1))
    await log.write(insert("users", 1))
    async with log.verifier(gateway_timeout_s=0.5) as verifier:
        # The survey waits for the answer to this write.
        held = log.begin(HELD)
        await eventually(lambda: _has(log, "users", 1), within_s=20)
        async with locked(log, postgres_dsn, verifier) as given_up:
            given_up.append(await log.write(INCREASE_5))
            await log.write(INCREASE_5)
        await eventually(lambda: _has(log, "users", 5), within_s=20)
        await log.answer(held, HELD)
        await verifier.drained()

    assert not (await log.evidence()).groups
    assert await _differing(log) == []


async def test_a_write_that_was_given_up_is_not_applied_after_a_restart(
    log: Handmade, postgres_dsn: str
) -> None:
    """Its document was read from legacy meanwhile, and has its effect already."""
    log.begin(HELD)
    await log.write(insert("users", 1))
    async with log.verifier(gateway_timeout_s=0.5) as verifier:
        await eventually(lambda: _has(log, "users", 1), within_s=20)
        async with locked(log, postgres_dsn, verifier) as given_up:
            given_up.append(await log.write(INCREASE_5))
        await eventually(lambda: _is_equal(log), within_s=20)

    async with log.verifier(resume=log.killed_at(*given_up)) as verifier:
        await verifier.drained()

    assert await _differing(log) == []
    assert not (await log.evidence()).groups
    assert (await log.verdicts())["update", Verdict.NOT_COMPARABLE] == 1


async def test_contention_excuses_a_write_after_a_restart(log: Handmade) -> None:
    """With whom it met is on the part of the log that is done."""
    log.begin(HELD)
    await log.write(insert("users", 1, 2))
    zero = update(({"n": 0}, {"$set": {"n": 5}}), multi=True)
    met = await in_another_order(log, zero, update(({"_id": 1}, {"$set": {"n": 1}})))
    async with log.verifier():
        await eventually(lambda: _is_applied(log, met), within_s=20)
        await eventually(lambda: _is_equal(log), within_s=20)

    async with log.verifier(resume=log.killed_at(met)) as verifier:
        await verifier.drained()

    assert (await log.verdicts())["update", Verdict.NOT_COMPARABLE] == 1
    assert not (await log.evidence()).groups
    assert await _differing(log) == []


async def test_contention_excuses_the_writes_that_meet_what_it_left(log: Handmade) -> None:
    await log.write(insert("users", 1, 2))
    both = update(({"_id": 1}, {"$set": {"n": 1}}), ({"_id": 2}, {"$set": {"n": 1}}))
    await in_another_order(log, both, update(({"_id": 1}, {"$set": {"n": 2}})))
    # On legacy it changes nothing.
    await log.write(update(({"_id": 1}, {"$set": {"n": 2}})))

    async with log.verifier() as verifier:
        await verifier.drained()

    assert not (await log.evidence()).groups
    assert await _differing(log) == []


async def test_what_the_clock_of_the_server_made_is_taken_over_after_a_restart(
    log: Handmade,
) -> None:
    """A verifier before has applied the write, and not compared what it stored."""
    command = {"insert": "users", "documents": [{"_id": 1}]}
    await log.write(command)
    stamp = update(({"_id": 1}, {"$currentDate": {"at": True}}))
    position = await log.write(stamp)
    for at, given in ((1, command), (position, stamp)):
        kind = Kind.INSERT if "insert" in given else Kind.UPDATE
        arguments = {key: value for key, value in given.items() if isinstance(value, list)}
        await log.gateway.run(
            Operation(
                database=log.database.name, collection="users", kind=kind, arguments=arguments
            ),
            generated=Generated(now_ms=int(datetime(2020, 1, 1, tzinfo=UTC).timestamp() * 1000)),
            mark=Mark(
                log=log.writer.log,
                position=at,
                namespace=f"{log.database.name}.users",
                generated=at == position,
            ),
        )

    async with log.verifier(resume=log.killed_at()) as verifier:
        await eventually(lambda: _is_equal(log), within_s=20)
        await verifier.drained()

    assert await log.verdicts() == {("state", Verdict.MATCH): 1}
    assert await _differing(log) == []


async def _is_applied(log: Handmade, position: int) -> bool:
    return any(each.position == position for each in await log.gateway.unforgotten(log.writer.log))


async def _has(log: Handmade, collection: str, identifier: int) -> bool:
    namespace = f"{log.database.name}.{collection}"
    return bool(await log.gateway.images(namespace, [identifier]))


async def _is_equal(log: Handmade) -> bool:
    return await _differing(log) == []


async def _differing(log: Handmade) -> list[Any]:
    """Return the users that the two sides do not hold alike."""
    legacy = Legacy(log.database.client, where="mongodb")
    namespace, identifiers = f"{log.database.name}.users", range(10)
    expected = await legacy.images(namespace, identifiers)
    stored = await log.gateway.images(namespace, identifiers)
    assert expected
    keys = expected.keys() | stored.keys()
    return [each for each in keys if expected.get(each) != stored.get(each)]
