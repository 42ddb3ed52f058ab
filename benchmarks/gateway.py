"""One operation at a time: the gateway adapter on a mapped table, SQL by hand through bare asyncpg on the same table, and mongod.

    python -m benchmarks.gateway [words of the names of loads]

All three take turns at each single operation, so that what else the machine does hits them alike. The bare side is what a person
would write who knows the table; it builds no documents. MongoDB is asked through AsyncMongoClient.
"""

import cProfile
import pstats
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

import asyncpg
import uvloop
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient

from adapters.postgresql import statements
from adapters.postgresql.gateway import PostgresGateway
from adapters.postgresql.mapped_storage import MappedStorage
from benchmarks.figure import Figure, Part, at_most
from benchmarks.gateway_loads import (
    DOCUMENTS,
    LOADS,
    MESSAGES,
    SLOWER,
    Sides,
    Turn,
    as_canonical,
    document,
)
from benchmarks.table import table
from comparators.operation import Kind
from proxy.embedded import embedded_mongo, embedded_postgres

BARE_AIM: Final = 1.5
MONGO_AIM: Final = 1.05


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
