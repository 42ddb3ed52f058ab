"""One operation at a time: the gateway adapter on a mapped table, SQL by hand through bare asyncpg on the same table, and mongod.

    python -m benchmarks.gateway [words of the names of loads]

All three take turns at each single operation, so that what else the machine does hits them alike. The bare side is what a person
would write who knows the table; it builds no documents. MongoDB is asked through AsyncMongoClient.
"""

import cProfile
import pstats
import random
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import asyncpg
import uvloop
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection

from adapters.entities.entity import Column, ColumnType, EntityMap, Identity, IdentityType
from adapters.gateway import Generated
from adapters.postgresql import statements
from adapters.postgresql.gateway import PostgresGateway
from adapters.postgresql.mapped_storage import MappedStorage
from benchmarks.figure import Figure, Part, at_most
from benchmarks.table import table
from comparators.operation import Kind, Operation
from comparators.outcome import Failure
from proxy.embedded import embedded_mongo, embedded_postgres

BARE_AIM: Final = 1.5
MONGO_AIM: Final = 1.05
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One load on all sides, in microseconds. Ratios are medians over the rounds."""

    load: str
    gateway: tuple[float, float]
    bare: tuple[float, float]
    mongo: tuple[float, float]
    to_bare: float
    to_mongo: float
    plan_hits: float
    time_goes: Mapping[str, float]


def as_canonical(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return fields with dates as the verifier decodes them."""
    return {
        name: DatetimeMS(item) if isinstance(item, datetime) else item
        for name, item in value.items()
    }


async def benchmark(*, rounds: int, seconds: float, words: Sequence[str] = ()) -> Part:
    """Run the loads on all sides, in turns: all of them, or those whose names have one of the words."""
    loads = [load for load in LOADS if not words or any(word in load for word in words)]
    found = []
    with tempfile.TemporaryDirectory(prefix="parallax-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        async with (
            embedded_mongo(directory / "mongo") as mongo,
            embedded_postgres(directory / "postgresql") as postgres,
            AsyncMongoClient[Any](mongo.uri) as client,
            PostgresGateway(
                postgres.dsn_of("postgres"), connections=1, entities={"messages": MESSAGES}
            ) as gateway,
        ):
            bare = await asyncpg.connect(postgres.dsn_of("postgres"))
            options = CodecOptions(document_class=RawBSONDocument)
            messages = client["chat"].get_collection("messages", codec_options=options)
            sides = Sides(gateway=gateway, bare=bare, mongo=messages)
            try:
                await _fill(sides)
                for load in loads:
                    print(f"{load} …", file=sys.stderr)
                    found.append(await _compared(sides, load, rounds, seconds))
            finally:
                await bare.close()
    return _part(found)


async def _fill(sides: Sides) -> None:
    documents = [document(number) for number in range(DOCUMENTS)]
    index = {"key": {"user": 1, "updatedAt": -1}, "name": "user_1_updatedAt_-1"}
    await sides.ask(Kind.CREATE_INDEXES, indexes=[index])
    for at in range(0, DOCUMENTS, 1000):
        some = [as_canonical(each) for each in documents[at : at + 1000]]
        await sides.ask(Kind.INSERT, documents=some)
    await sides.mongo.insert_many(documents)
    await sides.mongo.create_index([("user", 1), ("updatedAt", -1)])
    await sides.bare.execute("VACUUM ANALYZE chat.messages")


async def _compared(sides: Sides, load: str, rounds: int, seconds: float) -> Compared:
    turn = LOADS[load]
    times: tuple[list[float], ...] = ([], [], [])
    ratios: tuple[list[float], list[float]] = ([], [])
    for _ in range(100 // SLOWER.get(load, 1)):
        for side in turn(sides):
            await side()
    before = _plans(sides)
    for _ in range(rounds):
        of_round = await _round(sides, turn, seconds)
        middles = [median(spent) for spent in of_round]
        ratios[0].append(middles[0] / middles[1])
        ratios[1].append(middles[0] / middles[2])
        for side_times, spent in zip(times, of_round, strict=True):
            side_times.extend(spent)
    hits, made = (after - start for after, start in zip(_plans(sides), before, strict=True))
    p50_p99 = [(median(spent), quantiles(spent, n=100)[98]) for spent in times]
    return Compared(
        load=load,
        gateway=p50_p99[0],
        bare=p50_p99[1],
        mongo=p50_p99[2],
        to_bare=median(ratios[0]),
        to_mongo=median(ratios[1]),
        plan_hits=hits / (hits + made),
        time_goes=await _time_goes(sides, load),
    )


async def _round(
    sides: Sides, turn: Callable[[Sides], Turn], seconds: float
) -> tuple[list[float], ...]:
    """Return the times of each side in microseconds, which took turns for so long."""
    times: tuple[list[float], ...] = ([], [], [])
    until = time.perf_counter() + seconds
    while time.perf_counter() < until:
        for side, spent in zip(turn(sides), times, strict=True):
            began = time.perf_counter()
            await side()
            spent.append((time.perf_counter() - began) * 1e6)
    return times


def _plans(sides: Sides) -> tuple[int, int]:
    """Return how often a plan or statement was there when it was asked for, and how often it had to be made."""
    gateway = sides.gateway
    storage = gateway._catalog.storage("chat", "messages")  # noqa: SLF001 - a figure, not a feature
    assert isinstance(storage, MappedStorage)
    kept = (
        statements.find_by_id,
        statements.insert_document,
        statements.insert_documents,
        statements.replace_document,
        statements.replace_documents,
    )
    infos = [each.cache_info() for each in kept]
    known = gateway._known  # noqa: SLF001
    hits = known.hits + storage.statements_reused + sum(each.hits for each in infos)
    return hits, known.misses + storage.statements_made + sum(each.misses for each in infos)


PLACES: Final[Mapping[str, str]] = {
    "asyncpg": "driver and server",
    "select": "driver and server",
    "uvloop": "driver and server",
    "adapters/sql": "plan",
    "adapters/query": "parse",
    "adapters/entities": "rows",
    "bson": "BSON",
    "adapters/evaluate": "residual",
    "adapters/postgresql": "operation",
}


async def _time_goes(sides: Sides, load: str) -> dict[str, float]:
    """Return the share of the profiled time by what it is spent for; a profiler makes small functions dear."""
    runs = [LOADS[load](sides)[0] for _ in range(500 // SLOWER.get(load, 1))]
    profile = cProfile.Profile()
    profile.enable()
    for run in runs:
        await run()
    profile.disable()
    shares: dict[str, float] = {}
    total = 0.0
    for (file, _line, name), (_, _, own, _, _) in pstats.Stats(profile).stats.items():  # type: ignore[attr-defined]
        text = f"{file} {name}"
        place = next((shown for part, shown in PLACES.items() if part in text), "other")
        shares[place] = shares.get(place, 0.0) + own
        total += own
    return {place: share / total for place, share in sorted(shares.items(), key=lambda p: -p[1])}


def _part(found: list[Compared]) -> Part:
    figures = []
    for one in found:
        figures.append(
            Figure(
                name=f"p50 : bare asyncpg's, {one.load}", value=one.to_bare, aim=at_most(BARE_AIM)
            )
        )
        figures.append(
            Figure(name=f"p50 : MongoDB's, {one.load}", value=one.to_mongo, aim=at_most(MONGO_AIM))
        )
    hits = min(one.plan_hits for one in found)
    figures.append(Figure(name="plan-cache hit rate, least", value=100 * hits, unit="%"))
    headings = (
        *("load", "gateway p50", "p99", "bare p50", "p99", "MongoDB p50", "p99", "where it goes"),
    )
    rows = [
        (
            one.load,
            *one.gateway,
            *one.bare,
            *one.mongo,
            ", ".join(f"{name} {share:.0%}" for name, share in list(one.time_goes.items())[:5]),
        )
        for one in found
    ]
    return Part(
        figures=tuple(figures),
        text=f"{table(headings, rows)}\nmicroseconds; shares by a profiler",
        detail=[asdict(one) for one in found],
    )


async def _main() -> None:
    part = await benchmark(rounds=3, seconds=1.0, words=sys.argv[1:])
    print(part.text)
    for figure in part.figures:
        print(figure.name, figure.shown, figure.standing)


if __name__ == "__main__":
    uvloop.run(_main())
