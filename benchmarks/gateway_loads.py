"""What the gateway is measured by: each operation on the gateway, by hand on the same table, and on mongod."""

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from pymongo import UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from adapters.entities.entity import Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.gateway import Generated
from adapters.postgresql.gateway import PostgresGateway
from comparators.operation import Kind, Operation
from comparators.outcome import Failure

DOCUMENTS: Final = 10_000
USERS: Final = 100
TOGETHER: Final = 100
"""So many documents or statements has a command of many."""
GENERATED: Final = Generated(now_ms=1_700_000_000_000)
EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

MESSAGES: Final = EntityMap(
    collection="messages",
    table="messages",
    identity=Identity(type=IdentityType.OBJECTID),
    columns=tuple(
        Column(name=name.lower(), path=(name,), type=kind, array=name == "tags")
        for name, kind in {
            "user": ColumnType.TEXT,
            "conversation": ColumnType.TEXT,
            "text": ColumnType.TEXT,
            "model": ColumnType.TEXT,
            "tokens": ColumnType.INTEGER,
            "price": ColumnType.DOUBLE,
            "tags": ColumnType.TEXT,
            "unread": ColumnType.BOOLEAN,
            "createdAt": ColumnType.TIMESTAMPTZ,
            "updatedAt": ColumnType.TIMESTAMPTZ,
        }.items()
    ),
)


def document(number: int) -> dict[str, Any]:
    """Return a message of one of the users."""
    at = EPOCH + timedelta(seconds=number)
    return {
        "_id": ObjectId(number.to_bytes(12)),
        "user": f"user{number % USERS}",
        "conversation": f"conversation{number // 20}",
        "text": f"A message of medium length, as people write them, number {number}. " * 3,
        "model": f"model{number % 7}",
        "tokens": number % 1000,
        "price": number / 7,
        "tags": ["one", "two"][: number % 3],
        "unread": number % 2 == 0,
        "createdAt": at,
        "updatedAt": at,
    }


def as_canonical(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with dates as the verifier decodes them."""
    return {
        name: DatetimeMS(item) if isinstance(item, datetime) else item
        for name, item in value.items()
    }


@dataclass(kw_only=True)
class Sides:
    """The three sides, and what the loads draw from."""

    gateway: PostgresGateway
    bare: "asyncpg.Connection[asyncpg.Record]"
    mongo: AsyncCollection[Any]
    chance: random.Random = field(default_factory=lambda: random.Random(1))
    next_id: int = 10**6

    def id(self) -> ObjectId:
        return ObjectId(self.chance.randrange(DOCUMENTS).to_bytes(12))

    def new_id(self) -> int:
        self.next_id += 1
        return self.next_id

    async def ask(self, kind: Kind, **arguments: Any) -> None:
        operation = Operation(
            database="chat", collection="messages", kind=kind, arguments=arguments
        )
        outcome = await self.gateway.run(operation, generated=GENERATED)
        assert not isinstance(outcome.result, Failure)


INSERT_BY_HAND: Final = (
    'INSERT INTO chat.messages (id, "user", conversation, text, model, tokens, price, tags, '
    "unread, createdat, updatedat) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
)

Turn = tuple[
    Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]]
]
"""The same operation by the gateway, by hand, and on mongod."""


def find_by_id(sides: Sides) -> Turn:
    identifier = sides.id()
    return (
        lambda: sides.ask(Kind.FIND, filter={"_id": identifier}, limit=1, singleBatch=True),
        lambda: sides.bare.fetchrow("SELECT * FROM chat.messages WHERE id = $1", identifier.binary),
        lambda: sides.mongo.find_one({"_id": identifier}),
    )


def find_sorted(sides: Sides) -> Turn:
    user = f"user{sides.chance.randrange(USERS)}"
    return (
        lambda: sides.ask(Kind.FIND, filter={"user": user}, sort={"updatedAt": -1}, limit=20),
        lambda: sides.bare.fetch(
            'SELECT * FROM chat.messages WHERE "user" = $1 '
            "ORDER BY updatedat DESC NULLS LAST LIMIT 20",
            user,
        ),
        lambda: sides.mongo.find({"user": user}).sort({"updatedAt": -1}).limit(20).to_list(),
    )


def find_parts(sides: Sides) -> Turn:
    user = f"user{sides.chance.randrange(USERS)}"
    shown = {"text": 1, "tokens": 1}
    return (
        lambda: sides.ask(
            Kind.FIND, filter={"user": user}, sort={"updatedAt": -1}, limit=20, projection=shown
        ),
        lambda: sides.bare.fetch(
            'SELECT id, text, tokens FROM chat.messages WHERE "user" = $1 '
            "ORDER BY updatedat DESC NULLS LAST LIMIT 20",
            user,
        ),
        lambda: sides.mongo.find({"user": user}, shown).sort({"updatedAt": -1}).limit(20).to_list(),
    )


def insert_one(sides: Sides) -> Turn:
    one, other, third = (document(sides.new_id()) for _ in range(3))
    values = [other["_id"].binary, *list(other.values())[1:]]
    canonical = as_canonical(one)
    return (
        lambda: sides.ask(Kind.INSERT, documents=[canonical]),
        lambda: sides.bare.execute(INSERT_BY_HAND, *values),
        lambda: sides.mongo.insert_one(third),
    )


def update_by_id(sides: Sides) -> Turn:
    identifier, at = sides.id(), EPOCH + timedelta(seconds=sides.new_id())
    fields: dict[str, Any] = {"updatedAt": at, "text": f"edited at {at}"}
    change = {"$set": fields, "$inc": {"tokens": 1}}
    canonical = {"$set": as_canonical(fields), "$inc": {"tokens": 1}}
    return (
        lambda: sides.ask(Kind.UPDATE, updates=[{"q": {"_id": identifier}, "u": canonical}]),
        lambda: sides.bare.execute(
            "UPDATE chat.messages SET updatedat = $2, text = $3, tokens = tokens + 1 WHERE id = $1",
            identifier.binary,
            at,
            f"edited at {at}",
        ),
        lambda: sides.mongo.update_one({"_id": identifier}, change),
    )


def upsert(sides: Sides) -> Turn:
    """Half of them find their document."""
    exists = sides.chance.random() < 0.5
    one, other, third = (
        sides.id() if exists else ObjectId(sides.new_id().to_bytes(12)) for _ in range(3)
    )
    at = EPOCH + timedelta(seconds=sides.new_id())
    fields = {"updatedAt": at, "text": f"saved at {at}", "user": "user1", "unread": True}
    canonical = as_canonical(fields)
    return (
        lambda: sides.ask(
            Kind.FIND_AND_MODIFY,
            query={"_id": one},
            update={"$set": canonical},
            upsert=True,
            new=True,
        ),
        lambda: sides.bare.fetchrow(
            'INSERT INTO chat.messages (id, updatedat, text, "user", unread) '
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET updatedat = $2, text = $3, "
            '"user" = $4, unread = $5 RETURNING *',
            other.binary,
            at,
            f"saved at {at}",
            "user1",
            True,
        ),
        lambda: sides.mongo.find_one_and_update(
            {"_id": third}, {"$set": fields}, upsert=True, return_document=True
        ),
    )


def insert_many(sides: Sides) -> Turn:
    of_each = [[document(sides.new_id()) for _ in range(TOGETHER)] for _side in range(3)]
    canonical = list(map(as_canonical, of_each[0]))
    rows = [[each["_id"].binary, *list(each.values())[1:]] for each in of_each[1]]
    return (
        lambda: sides.ask(Kind.INSERT, documents=canonical),
        lambda: sides.bare.executemany(INSERT_BY_HAND, rows),
        lambda: sides.mongo.insert_many(of_each[2]),
    )


def update_many(sides: Sides) -> Turn:
    at = EPOCH + timedelta(seconds=sides.new_id())
    identifiers = [
        ObjectId(n.to_bytes(12)) for n in sides.chance.sample(range(DOCUMENTS), TOGETHER)
    ]
    change = {"$set": {"updatedAt": at}, "$inc": {"tokens": 1}}
    canonical = {"$set": as_canonical({"updatedAt": at}), "$inc": {"tokens": 1}}
    updates = [{"q": {"_id": each}, "u": canonical} for each in identifiers]
    rows = [(each.binary, at) for each in identifiers]
    return (
        lambda: sides.ask(Kind.UPDATE, updates=updates),
        lambda: sides.bare.executemany(
            "UPDATE chat.messages SET updatedat = $2, tokens = tokens + 1 WHERE id = $1", rows
        ),
        lambda: sides.mongo.bulk_write([UpdateOne({"_id": each}, change) for each in identifiers]),
    )


def save_many(sides: Sides) -> Turn:
    """Half of them find their document."""
    at = EPOCH + timedelta(seconds=sides.new_id())
    of_each = [
        [sides.id() if n % 2 else ObjectId(sides.new_id().to_bytes(12)) for n in range(TOGETHER)]
        for _side in range(3)
    ]
    fields = {"updatedAt": at, "text": f"saved at {at}", "user": "user1", "unread": True}
    change = {"$set": as_canonical(fields)}
    updates = [{"q": {"_id": each}, "u": change, "upsert": True} for each in of_each[0]]
    rows = [(each.binary, *fields.values()) for each in of_each[1]]
    return (
        lambda: sides.ask(Kind.UPDATE, updates=updates),
        lambda: sides.bare.executemany(
            'INSERT INTO chat.messages (id, updatedat, text, "user", unread) '
            "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO UPDATE SET updatedat = $2, text = $3, "
            '"user" = $4, unread = $5',
            rows,
        ),
        lambda: sides.mongo.bulk_write(
            [UpdateOne({"_id": each}, {"$set": fields}, upsert=True) for each in of_each[2]]
        ),
    )


def count(sides: Sides) -> Turn:
    user = f"user{sides.chance.randrange(USERS)}"
    return (
        lambda: sides.ask(Kind.COUNT, query={"user": user, "unread": True}),
        lambda: sides.bare.fetchval(
            'SELECT count(*) FROM chat.messages WHERE "user" = $1 AND unread', user
        ),
        lambda: sides.mongo.count_documents({"user": user, "unread": True}),
    )


def group(sides: Sides) -> Turn:
    stages = [{"$group": {"_id": "$model", "n": {"$sum": 1}, "tokens": {"$sum": "$tokens"}}}]

    async def grouped() -> None:
        await (await sides.mongo.aggregate(stages)).to_list()

    return (
        lambda: sides.ask(Kind.AGGREGATE, pipeline=stages, cursor={}),
        lambda: sides.bare.fetch(
            "SELECT model, count(*), sum(tokens) FROM chat.messages GROUP BY model"
        ),
        grouped,
    )


LOADS: Final[Mapping[str, Callable[[Sides], Turn]]] = {
    "find by _id": find_by_id,
    "find indexed, sort, limit 20": find_sorted,
    "the same, two fields shown": find_parts,
    "count by filter": count,
    "group 10,000 by field": group,
    "$set + $inc by _id": update_by_id,
    "upsert by findAndModify": upsert,
    "insert one": insert_one,
    "insert 100": insert_many,
    "100 updates by _id": update_many,
    "100 upserts by _id": save_many,
}
SLOWER: Final = {
    "group 10,000 by field": 20,
    "insert 100": 10,
    "100 updates by _id": 10,
    "100 upserts by _id": 10,
}
"""How many times fewer of these are run."""
