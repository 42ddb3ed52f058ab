"""TTL indexes on a real PostgreSQL: what they say, and what the reaper removes."""

from typing import Any

from bson.datetime_ms import DatetimeMS

from adapters.gateway import Expiry, Generated
from adapters.operations.ttl import Reaper
from adapters.postgresql.gateway import PostgresGateway
from comparators.canonical import decode
from comparators.operation import Kind, Operation
from comparators.outcome import Documents

GENERATED = Generated(now_ms=0)
NOW_MS = 1_700_000_000_000


async def run(gateway: PostgresGateway, kind: Kind, **arguments: Any) -> Any:
    operation = Operation(database="d", collection="sessions", kind=kind, arguments=arguments)
    return (await gateway.run(operation, generated=GENERATED)).result


async def with_index(gateway: PostgresGateway, after_s: int, **options: Any) -> None:
    index = {"key": {"at": 1}, "name": "at_1", "expireAfterSeconds": after_s, **options}
    await run(gateway, Kind.CREATE_INDEXES, indexes=[index])


async def identifiers(gateway: PostgresGateway) -> list[Any]:
    found = await run(gateway, Kind.FIND, filter={})
    assert isinstance(found, Documents)
    return [decode(document)["_id"] for document in found.documents]


async def test_a_ttl_index_is_told(gateway: PostgresGateway) -> None:
    await with_index(gateway, 60)

    assert await gateway.expiring("d.sessions") == (Expiry(path="at", after_s=60),)
    assert await gateway.expiring("d.others") == ()


async def test_the_reaper_removes_what_is_past_its_date(gateway: PostgresGateway) -> None:
    await with_index(gateway, 60)
    past, due, young = (DatetimeMS(NOW_MS - ms) for ms in (100_000, 60_000, 59_999))
    await run(
        gateway,
        Kind.INSERT,
        documents=[
            {"_id": "past", "at": past},
            {"_id": "due", "at": due},
            {"_id": "young", "at": young},
            {"_id": "earliest of several", "at": [young, past]},
            {"_id": "no date", "at": "2001"},
            {"_id": "missing"},
        ],
    )

    gone = await Reaper(gateway).reap(NOW_MS)

    assert gone == 3
    assert await identifiers(gateway) == ["young", "no date", "missing"]


async def test_grace_is_added_to_the_limit(gateway: PostgresGateway) -> None:
    await with_index(gateway, 0)
    await run(gateway, Kind.INSERT, documents=[{"_id": 1, "at": DatetimeMS(NOW_MS - 5_000)}])

    assert await gateway.expire("d.sessions", now_ms=NOW_MS, grace_s=10) == []
    assert await gateway.expire("d.sessions", now_ms=NOW_MS, grace_s=5) == [1]


async def test_a_partial_ttl_index_spares_the_others(gateway: PostgresGateway) -> None:
    await with_index(gateway, 0, partialFilterExpression={"temporary": True})
    await run(
        gateway,
        Kind.INSERT,
        documents=[
            {"_id": 1, "at": DatetimeMS(0), "temporary": True},
            {"_id": 2, "at": DatetimeMS(0)},
        ],
    )

    await Reaper(gateway).reap(NOW_MS)

    assert await identifiers(gateway) == [2]
