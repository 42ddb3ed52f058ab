"""`parallax bench` on real servers: what it measures, what it leaves alone, and what it refuses."""

import asyncio
import json
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from proxy.cli.bench.ways import HAPROXY_PLACES
from proxy.cli.entry import INTERRUPTED
from proxy.embedded import EmbeddedMongo
from tests.eventually import eventually
from tests.integration.cli.command import Ran, assert_three_lines, environment_of, parallax
from tests.unit.proxy.capture.logs import writer_of
from tests.unit.proxy.shadow.records import message, reply

HERE = "bench_of_test"
SECRET = "ada@example.org"
READ = '{"find": "things", "filter": {"n": {"$gte": 3}}, "batchSize": 2}'
LINES = [
    '{"setup": {"insert": "things", "documents": [{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}, {"n": 5}, {"n": 6}]}}',
    *(
        ['{"update": "things", "updates": [{"q": {"n": 3}, "u": {"$inc": {"seen": 1}}}]}', READ]
        * 20
    ),
]


async def bench(*arguments: str, directory: Path, **environment: str) -> Ran:
    return await parallax(
        *("bench", "--database", HERE, "--rounds", "2", *arguments),
        directory=directory,
        environment={"COLUMNS": "150", **environment},
        within_s=100,
    )


async def names(client: AsyncMongoClient[dict[str, Any]]) -> set[str]:
    return {name for name in await client.list_database_names() if name.startswith(HERE)}


@pytest.fixture
def operations(tmp_path: Path) -> Path:
    file = tmp_path / "operations.jsonl"
    file.write_text("\n".join(LINES))
    return file


async def test_the_workload_is_measured_on_every_way_and_nothing_stays(
    mongo: EmbeddedMongo,
    postgres_dsn: str,
    mongo_client: AsyncMongoClient[dict[str, Any]],
    tmp_path: Path,
) -> None:
    environment = {"PARALLAX_LEGACY_URI": mongo.uri, "PARALLAX_GATEWAY_URI": postgres_dsn}

    ran = await bench(
        *("--operations", "60", "--warm-up", "20", "--concurrency", "4", "--rate", "200"),
        *("--rounds", "1"),
        directory=tmp_path,
        **environment,
    )

    assert ran.code == 0, ran.printed
    found = json.loads((tmp_path / "parallax-bench" / "bench.json").read_text())
    ways = {"direct", "proxy", "gateway"}
    if shutil.which("haproxy", path=HAPROXY_PLACES) is not None:
        ways.add("haproxy")
    assert {one["target"] for one in found["measured"]} == ways
    assert {one["load"] for one in found["measured"]} == {"4 at once", "200/s over 32"}
    rounds = [each for one in found["measured"] for each in one["rounds"]]
    assert len(rounds) == len(ways) * 2
    assert all(each["n"] == 60 and each["quantiles_s"]["p50"] > 0 for each in rounds)
    spent = {one["target"]: set(one["rounds"][0]["cpu_s"]) for one in found["measured"]}
    assert spent["direct"] == {"generator", "mongod"}
    assert spent["proxy"] == {"generator", "mongod", "relay"}
    assert spent["gateway"] == {"generator", "gateway", "postgresql"}
    assert "<polygon" in (tmp_path / "parallax-bench" / "bench.html").read_text()
    assert await names(mongo_client) == set()


async def test_a_file_is_driven_and_what_writes_is_not_repeated(
    mongo: EmbeddedMongo,
    mongo_client: AsyncMongoClient[dict[str, Any]],
    operations: Path,
    tmp_path: Path,
) -> None:
    ran = await bench(
        *("--file", str(operations), "--target", "direct", "--legacy", mongo.uri),
        *("--concurrency", "1", "--operations", "60", "--warm-up", "20"),
        directory=tmp_path,
    )

    assert ran.code == 0, ran.printed
    found = json.loads((tmp_path / "parallax-bench" / "bench.json").read_text())
    (measured,) = found["measured"]
    assert found["operations"] == {"update": 20, "find": 20}
    assert [each["n"] for each in measured["rounds"]] == [30, 30]
    assert all(each["failures"] == {} for each in measured["rounds"])
    assert await names(mongo_client) == set()


async def test_what_a_log_holds_is_driven_on_what_mongodb_holds(
    mongo: EmbeddedMongo, mongo_database: AsyncDatabase[dict[str, Any]], tmp_path: Path
) -> None:
    await mongo_database["users"].create_index("email", unique=True)
    await mongo_database["users"].insert_many([{"email": f"{n}@example.org"} for n in range(7)])
    before = await mongo_database["users"].find().to_list()
    writer = writer_of(tmp_path / "capture")
    by_address = {"email": {"$ne": SECRET}}
    asked = {"find": "users", "filter": by_address, "batchSize": 2, "$db": mongo_database.name}
    writer.exchange(
        connection=1,
        received_ns=1,
        legacy_ns=1,
        overhead_ns=1,
        request=message(asked),
        reply=reply(1),
        collection=f"{mongo_database.name}.users",
    )
    writer.close()
    arguments = ("--capture", "capture", "--target", "direct", "--legacy", mongo.uri)
    small = ("--concurrency", "2", "--operations", "40", "--warm-up", "5")

    first = await bench(*arguments, *small, "--out", "first", directory=tmp_path)
    again = await bench(
        *(*arguments, *small, "--against", "first/bench.json", "--out", "again"), directory=tmp_path
    )
    other = await bench(
        *(*arguments, "--copy", "3", "--against", "first/bench.json"), directory=tmp_path
    )

    assert first.code == 0, first.printed
    found = json.loads((tmp_path / "first" / "bench.json").read_text())
    assert found["operations"] == {"find": 1}
    assert [each["n"] for each in found["measured"][0]["rounds"]] == [40, 40]
    assert all(each["failures"] == {} for each in found["measured"][0]["rounds"])
    # The direct way alone tells of the machine, and decides nothing.
    assert again.code == 2, again.printed
    assert "Nothing can be compared" in again.out
    assert "decides nothing" in (tmp_path / "again" / "bench.html").read_text()
    assert other.code == 77
    assert_three_lines(other, what="other operations", where="--against")
    assert await mongo_database["users"].find().to_list() == before
    results = [file for folder in tmp_path.glob("[!c]*") for file in folder.iterdir()]
    printed = [ran.printed.encode() for ran in (first, again, other)]
    assert {file.name for file in results} >= {"bench.html", "bench.json"}
    assert not [
        text for text in (*map(Path.read_bytes, results), *printed) if b"example.org" in text
    ]


async def test_an_interrupted_run_drops_what_it_made(
    mongo: EmbeddedMongo,
    mongo_client: AsyncMongoClient[dict[str, Any]],
    operations: Path,
    tmp_path: Path,
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "proxy.cli", "bench", "--database", HERE, "--rate", "1"),
        *("--file", str(operations), "--target", "direct", "--legacy", mongo.uri),
        cwd=tmp_path,
        env=environment_of({}),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        while not (await process.stdout.readline()).startswith(b"round 1"):
            assert process.returncode is None
        made = await eventually(lambda: names(mongo_client), within_s=20)
        process.send_signal(signal.SIGINT)
        await process.stdout.read()
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert made == {f"{HERE}_direct"}
    assert code == INTERRUPTED
    assert await names(mongo_client) == set()


async def test_a_database_that_holds_data_is_left_alone(
    mongo: EmbeddedMongo,
    mongo_client: AsyncMongoClient[dict[str, Any]],
    operations: Path,
    tmp_path: Path,
) -> None:
    theirs = mongo_client[f"{HERE}_direct"]
    await theirs["orders"].insert_one({"_id": "dear"})
    arguments = ("--file", str(operations), "--target", "direct", "--legacy", mongo.uri)

    try:
        refused = await bench(*arguments, directory=tmp_path)
        kept = await theirs["orders"].count_documents({})
        forced = await bench(*arguments, "--force", "--concurrency", "1", directory=tmp_path)
    finally:
        await mongo_client.drop_database(theirs)

    assert refused.code == 77
    assert_three_lines(refused, what="no benchmark made", where="direct")
    assert kept == 1
    assert forced.code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        (("--at", "direct=mongodb://127.0.0.1:1"), 69, "does not answer"),
        (("--target", "gateway"), 78, "gateway cannot be measured"),
        (("--at", "proxy=somewhere"), 78, "no way to the data"),
        ((), 78, "nothing to measure"),
        (("--file", "empty.jsonl", "--at", "direct={uri}"), 78, "nothing to drive"),
        (("--file", "few.jsonl", "--at", "direct={uri}"), 78, "too few"),
        (("--capture", ".", "--at", "direct={uri}"), 78, "no capture log"),
        (("--capture", ".", "--file", "few.jsonl"), 78, "not from both"),
        (("--against", "few.jsonl", "--at", "direct={uri}"), 78, "no result of a benchmark"),
        (("--database", "a.b", "--at", "direct={uri}"), 78, "no name of a database"),
    ],
)
async def test_what_cannot_be_measured_is_said(
    mongo: EmbeddedMongo, tmp_path: Path, arguments: tuple[str, ...], code: int, what: str
) -> None:
    (tmp_path / "empty.jsonl").write_text('{"drop": "things"}\n')
    (tmp_path / "few.jsonl").write_text('{"insert": "things", "documents": [{"_id": 1}]}\n')

    ran = await bench(*(each.format(uri=mongo.uri) for each in arguments), directory=tmp_path)

    assert ran.code == code, ran.printed
    assert_three_lines(ran, what=what, where="")
