"""A document full of secrets passes through everything; nothing that Parallax tells anybody has a trace of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from bson import Binary, Decimal128, Int64
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from dashboards.live.server import application
from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo
from proxy.embedded.process import free_port
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.read import Gates
from proxy.settings_sections import OtlpProtocol
from tests.e2e.conftest import database_name
from tests.eventually import eventually
from tests.integration.cli.command import parallax
from tests.peers.collector import Received, collector

ADA, BOB = "ada.lovelace@example.org", "bob918273@example.org"
PERSON: dict[str, Any] = {
    "_id": ADA,
    "email": ADA,
    "password": "$2b$12$k2Pn0tARealHashButLooksLikeOne",
    "card": Int64(4929123456781234),
    "balance": Decimal128("918273.645"),
    "token": Binary(b"tok-918273645"),
    "addresses": [{"street": "Analytical Avenue 42", "at": {ADA: 918273}}],
}
TRACES = (
    *("ada.lovelace", "example.org", "$2b$12$", "4929123456781234", "918273"),
    *("Analytical Avenue", "tok-"),
)
Collection = Any
JOBS = (("sweep",), ("repair", "--why", "a test"), ("backfill",))
SPANS = {
    *("find users", "comparison find users", "comparison state users", "recheck find users"),
    *("sweep users", "compare users", "repair users", "mend users"),
    *("backfill users", "prepare users", "hold users", "merge users", "complete users"),
}
LINES = {"mismatch_confirmed", "collection_swept", "documents_compared", "collection_filled"}
"""What must have been told before it can be said that nothing secret was."""


@pytest.fixture
async def database(mongo: EmbeddedMongo, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Name a MongoDB database, and drop it afterwards."""
    name = database_name(request.node.name)
    yield name
    await mongo.members[0].ask({"dropDatabase": 1, "$db": name})


def asked_of(users: Collection) -> Iterator[Any]:
    """Give what an application asks, with secrets wherever a value may stand: some of it fails, some is not supported."""
    yield users.create_index("email", unique=True)
    yield users.insert_one({**PERSON, "_id": 2})
    yield users.insert_one({**PERSON, "_id": 3, "email": BOB})
    yield users.find_one({"email": ADA, "addresses.street": "Analytical Avenue 42"})
    yield users.find_one({"email": {"$regex": "^ada.lovelace"}})
    yield users.find_one({"email": {"$regex": "ada.lovelace(", "$options": "x"}})
    yield users.find_one({"$where": f"this.email == '{ADA}'"})
    yield users.find_one({f"addresses.at.{ADA}": 918273})
    yield users.find_one({"email": {"$noSuchOperator": ADA}})
    yield users.update_one({"_id": ADA}, {"$set": {"email": BOB}})
    yield users.update_one({"_id": ADA}, {"$inc": {"password": 918273}})
    yield users.update_one({"_id": ADA}, {"$set": {f"seen.{ADA}": "918273"}})
    yield users.find_one_and_update(
        {"email": ADA}, {"$push": {"addresses": PERSON["addresses"][0]}}
    )
    yield users.distinct("email", {"card": PERSON["card"]})
    yield users.count_documents({"token": PERSON["token"]})
    yield users.aggregate([{"$group": {"_id": "$email", "n": {"$sum": PERSON["card"]}}}])


async def use(sidecar: EmbeddedSidecar, mongo: EmbeddedMongo, database: str) -> None:
    """Work as an application does, and make both sides differ behind Parallax's back."""
    async with (
        AsyncMongoClient[dict[str, Any]](sidecar.uri, directConnection=True) as client,
        AsyncMongoClient[dict[str, Any]](mongo.uri) as behind,
    ):
        users = client[database].users
        await users.insert_one(PERSON)
        for asked in asked_of(users):
            with suppress(PyMongoError):
                await asked
        await sidecar.drained()
        changed = {"$set": {"password": "918273", "token": ADA, "addresses.0.street": BOB}}
        await behind[database].users.update_one({"_id": ADA}, changed)
        await users.find_one({"email": ADA})
        await users.update_one({"_id": ADA}, {"$set": {"n": 918273}})
        await sidecar.drained()


def written(sidecar: EmbeddedSidecar) -> dict[str, bytes]:
    """Return every file but the capture log, by name, of a sidecar that has ended: the journal of the ledger is worked off then."""
    folder = sidecar.process.directory
    files = [
        *(each for each in sidecar.data.iterdir() if each.is_file()),
        *(folder / "parallax-report").iterdir(),
        *(folder / "gates.xml", sidecar.log),
    ]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def names_of(received: Received) -> set[str]:
    return {span.name for span in received.spans()}


async def told(
    sidecar: EmbeddedSidecar, received: Received, scraped: str, jobs: Mapping[str, str]
) -> dict[str, bytes]:
    """Return everything that Parallax tells of what it has seen, by name; the capture log tells nobody."""
    names = sidecar.process.environment or {}
    environment = {name: value for name, value in names.items() if name.startswith("PARALLAX_")}
    folder = sidecar.process.directory
    report = await parallax(
        *("report", "--junit", "gates.xml"), directory=folder, environment=environment
    )
    # With exemplars.
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"http://{scraped}/metrics") as answer,
    ):
        metrics = await answer.text()
    live = application(sidecar.ledger, gates=Gates())
    async with TestClient(TestServer(live)) as browser:
        page = await (await browser.get("/?last=all")).text()
    return {
        "report": report.printed.encode(),
        "metrics": metrics.encode(),
        "live page": page.encode(),
        **{job: printed.encode() for job, printed in jobs.items()},
        **{f"export {n}": text.encode() for n, text in enumerate(received.everything())},
    }


async def worked_off(
    sidecar: EmbeddedSidecar,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> dict[str, str]:
    """Run every job on the collection, and return what each prints."""
    for name, value in (sidecar.process.environment or {}).items():
        if name.startswith("PARALLAX_"):
            monkeypatch.setenv(name, value)
    printed = {}
    for job, *arguments in JOBS:
        of_it = [] if job == "repair" else [f"{database}.users"]
        capsys.readouterr()
        code = await asyncio.to_thread(run, [job, *of_it, *arguments])
        both = capsys.readouterr()
        assert code in {0, 1}, both
        printed[job] = both.out + both.err
    return printed


async def test_secrets_leave_no_trace(
    mongo: EmbeddedMongo,
    postgres_dsn: str,
    tmp_path: Path,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    scraped = f"127.0.0.1:{free_port()}"
    async with collector(OtlpProtocol.HTTP) as (endpoint, received):
        settings = {
            "PARALLAX_TELEMETRY_PROMETHEUS": scraped,
            "PARALLAX_TELEMETRY_OTLP_ENDPOINT": endpoint,
            "PARALLAX_TELEMETRY_INTERVAL_S": "1",
            "PARALLAX_TELEMETRY_TRACES": "1",
            "PARALLAX_TELEMETRY_SIGNALS": "metrics,traces,logs",
            "PARALLAX_LOG_LEVEL": "debug",
            "PARALLAX_GATEWAY_EXPLAIN_BEYOND_S": "0.000001",
        }
        async with embedded_sidecar(
            tmp_path, legacy=mongo.uri, gateway=postgres_dsn, settings=settings
        ) as sidecar:
            await use(sidecar, mongo, database)
            await eventually(
                lambda: bool(received.metrics and received.spans() and received.logs), within_s=20
            )
            evidence = await sidecar.evidence()
            jobs = await worked_off(sidecar, database, monkeypatch, capsys)
            await eventually(lambda: names_of(received) >= SPANS, within_s=20)
            found = await told(sidecar, received, scraped, jobs)
        found |= written(sidecar)

    verdicts = {each.value for each, n in evidence.tally.verdicts.items() if n}
    assert verdicts >= {"match", "mismatch", "unsupported"}
    assert evidence.divergent
    assert evidence.groups
    assert {line.event_name for line in received.log_records()} >= LINES
    assert {"data/ledger.db", "parallax-report/report.html", "metrics"} <= found.keys()
    in_short = found["parallax-report/report.md"].decode()
    for version in (
        f"MongoDB {evidence.about['mongodb']}",
        f"PostgreSQL {evidence.about['postgresql']}",
    ):
        assert version in in_short
    left = [
        (where, trace)
        for where, content in found.items()
        for trace in TRACES
        if trace.encode() in content
    ]
    assert not left
