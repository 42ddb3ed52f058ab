"""What the application traces goes on in Parallax: the spans of both databases and of their comparison join its own."""

import asyncio
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError

from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo
from proxy.embedded.process import free_port
from proxy.embedded.sidecar import embedded_sidecar
from proxy.settings_sections import OtlpProtocol
from tests.e2e.conftest import database_name
from tests.eventually import eventually
from tests.peers.collector import Received, collector, values_of

SECRET = "ada@example.org"
PASSWORD = "$2b$12$k2Pn0tARealHashButLooksLikeOne"
CARD = 4929123456781234
SECRETS = (SECRET, PASSWORD, str(CARD), str(CARD + 1))


@pytest.fixture
async def database(mongo: EmbeddedMongo, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Name a MongoDB database, and drop it afterwards."""
    name = database_name(request.node.name)
    yield name
    await mongo.members[0].ask({"dropDatabase": 1, "$db": name})


def traceparent(*, sampled: bool = True) -> tuple[str, bytes, bytes]:
    """Return a span of the application: as a header, and the numbers of the trace and of the span."""
    trace, span = secrets.token_bytes(16), secrets.token_bytes(8)
    return f"00-{trace.hex()}-{span.hex()}-0{int(sampled)}", trace, span


def of_trace(received: Received, trace: bytes) -> list[Span]:
    return [span for span in received.spans() if span.trace_id == trace]


def is_complete(received: Received, trace: bytes) -> Callable[[], bool]:
    return lambda: len(of_trace(received, trace)) >= 3


@pytest.mark.parametrize("protocol", list(OtlpProtocol))
async def test_both_databases_and_their_comparison_join_the_trace_of_the_application(
    protocol: OtlpProtocol, mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path, database: str
) -> None:
    async with collector(protocol) as (endpoint, received):
        settings = {
            "PARALLAX_TELEMETRY_OTLP_ENDPOINT": endpoint,
            "PARALLAX_TELEMETRY_OTLP_PROTOCOL": protocol.value,
            "PARALLAX_TELEMETRY_INTERVAL_S": "1",
            "PARALLAX_TELEMETRY_SIGNALS": "traces,logs",
        }
        async with embedded_sidecar(
            tmp_path, legacy=mongo.uri, gateway=postgres_dsn, settings=settings
        ) as sidecar:
            header, trace, span = traceparent()
            began_ns = time.time_ns()
            async with AsyncMongoClient[dict[str, Any]](
                sidecar.uri, directConnection=True
            ) as client:
                users = client[database].users
                await users.insert_one({"_id": 1, "email": SECRET})
                comment = {"traceparent": header, "asked_by": SECRET}
                await users.find_one({"email": SECRET}, comment=comment)
            answered_ns = time.time_ns()
            await sidecar.drained()
            await eventually(is_complete(received, trace), within_s=20)

    legacy, gateway, comparison = of_trace(received, trace)
    assert legacy.parent_span_id == span
    assert gateway.parent_span_id == comparison.parent_span_id == legacy.span_id
    assert began_ns <= legacy.start_time_unix_nano < legacy.end_time_unix_nano <= answered_ns
    assert legacy.end_time_unix_nano <= gateway.start_time_unix_nano < gateway.end_time_unix_nano
    assert gateway.end_time_unix_nano <= comparison.start_time_unix_nano
    assert comparison.start_time_unix_nano < comparison.end_time_unix_nano < time.time_ns()
    shared = {
        "db.namespace": database,
        "db.collection.name": "users",
        "db.operation.name": "find",
    }
    for one, system in ((legacy, "mongodb"), (gateway, "postgresql")):
        assert one.name == "find users"
        assert one.kind == Span.SPAN_KIND_CLIENT
        assert values_of(one.attributes).items() >= {**shared, "db.system.name": system}.items()
    assert comparison.name == "comparison find users"
    assert values_of(comparison.attributes)["parallax.verdict"] == "match"
    assert not received.metrics
    assert_the_log_is_there_as_it_was_written(received, sidecar.log.read_text())
    assert_nothing_secret(received.everything())


def assert_the_log_is_there_as_it_was_written(received: Received, written: str) -> None:
    """Those of before the process knew where to send them, and of after its end, are in the log alone."""
    lines = {(line["part"], line["event"]) for line in map(json.loads, written.splitlines())}
    sent = {
        (values_of(resource.resource.attributes)["parallax.part"], record.body.string_value)
        for export in received.logs
        for resource in export.resource_logs
        for scope in resource.scope_logs
        for record in scope.log_records
    }
    assert ("relay", "relay_listening") in sent
    assert sent <= lines


def assert_nothing_secret(texts: Iterable[str]) -> None:
    found = [text for text in texts if any(secret in text for secret in SECRETS)]
    assert not found, "a value of a document, of a filter or of a comment got out"


async def test_what_went_wrong_leads_to_its_trace_from_everywhere(
    mongo: EmbeddedMongo,
    postgres_dsn: str,
    tmp_path: Path,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Although the application does not record its own span, and with documents full of secrets."""
    address = f"127.0.0.1:{free_port()}"
    async with collector(OtlpProtocol.HTTP) as (endpoint, received):
        settings = {
            "PARALLAX_TELEMETRY_OTLP_ENDPOINT": endpoint,
            "PARALLAX_TELEMETRY_PROMETHEUS": address,
            "PARALLAX_TELEMETRY_INTERVAL_S": "1",
            "PARALLAX_TELEMETRY_SIGNALS": "metrics,traces,logs",
            "PARALLAX_TELEMETRY_TRACES": "1",
        }
        async with embedded_sidecar(
            tmp_path, legacy=mongo.uri, gateway=postgres_dsn, settings=settings
        ) as sidecar:
            header, trace, _ = traceparent(sampled=False)
            async with AsyncMongoClient[dict[str, Any]](
                sidecar.uri, directConnection=True
            ) as client:
                users = client[database].users
                person = {"_id": SECRET, "password": PASSWORD, "card": CARD, "nested": [SECRET]}
                await users.insert_one(person, comment=SECRET)
                with pytest.raises(DuplicateKeyError):
                    await users.insert_one(person)
                await users.update_one({"password": PASSWORD}, {"$set": {"card": CARD + 1}})
                await sidecar.drained()
                await lose_the_documents(postgres_dsn, database)
                await users.find_one({"_id": SECRET}, comment=f"traceparent='{header}'")
            await sidecar.drained()
            await eventually(lambda: len(of_trace(received, trace)) == 4, within_s=20)
            page = await open_metrics(address)
            await eventually(lambda: exemplars_of(received, trace), within_s=20)
            for name, value in (sidecar.process.environment or {}).items():
                if name.startswith("PARALLAX_"):
                    monkeypatch.setenv(name, value)
            job, job_trace, job_span = traceparent()
            monkeypatch.setenv("TRACEPARENT", job)
            swept = await asyncio.to_thread(run, ["sweep", f"{database}.users"])
            monkeypatch.delenv("TRACEPARENT")
            repaired = await asyncio.to_thread(run, ["repair", "--why", "test"])
            await eventually(lambda: "mend users" in names_of(received.spans()), within_s=20)
            await eventually(is_complete(received, job_trace), within_s=20)
            printed = capsys.readouterr()

    assert (swept, repaired) == (1, 0)
    assert_a_job_is_one_trace(of_trace(received, job_trace), job_span)
    assert "repair users" in names_of(received.spans())
    assert_lines_of_a_job_name_its_trace(received, job_trace)
    assert "collection_swept" not in printed.err
    *_, comparison, recheck = of_trace(received, trace)
    assert values_of(comparison.attributes)["parallax.verdict"] == "mismatch"
    assert values_of(comparison.attributes)["parallax.fingerprint"]
    assert comparison.status.code == Status.STATUS_CODE_ERROR
    assert recheck.parent_span_id == comparison.span_id
    assert comparison.start_time_unix_nano < recheck.start_time_unix_nano
    place = (trace, comparison.span_id)
    assert place in {(one.trace_id, one.span_id) for one in exemplars_of(received, trace)}
    counted = [line for line in page.splitlines() if 'verdict="mismatch"' in line]
    assert [line for line in counted if f'trace_id="{trace.hex()}"' in line], counted
    (record,) = [one for one in received.log_records() if one.event_name == "mismatch_confirmed"]
    assert (record.trace_id, record.span_id) == place
    (line,) = [
        line
        for line in map(json.loads, sidecar.log.read_text().splitlines())
        if line["event"] == "mismatch_confirmed"
    ]
    assert (line["trace_id"], line["span_id"]) == (trace.hex(), comparison.span_id.hex())
    assert names_of(received.spans()) >= {"insert users", "update users"}
    assert_stored_documents_are_compared_in_the_trace_of_their_write(received.spans())
    assert_nothing_secret([*received.everything(), page, sidecar.log.read_text()])


def assert_stored_documents_are_compared_in_the_trace_of_their_write(spans: list[Span]) -> None:
    wrote = {span.span_id: span for span in spans if span.name in {"insert users", "update users"}}
    states = [span for span in spans if span.name == "comparison state users"]
    assert states
    for state in states:
        assert wrote[state.parent_span_id].trace_id == state.trace_id
        told = values_of(state.attributes)
        assert (told["parallax.verdict"], told["parallax.documents"]) == ("match", 1)
        assert state.start_time_unix_nano <= state.end_time_unix_nano


def names_of(spans: Iterable[Span]) -> set[str]:
    return {span.name for span in spans}


def assert_a_job_is_one_trace(spans: list[Span], above: bytes) -> None:
    """From the one who started it to the verifier, which was asked to compare."""
    by_name = {span.name: span for span in spans}
    assert by_name.keys() == {"sweep users", "sweep chunk users", "compare users"}
    job, chunk, order = (
        by_name[name] for name in ("sweep users", "sweep chunk users", "compare users")
    )
    assert (job.parent_span_id, chunk.parent_span_id, order.parent_span_id) == (
        *(above, job.span_id, chunk.span_id),
    )
    for span in (job, chunk, order):
        assert span.status.code == Status.STATUS_CODE_ERROR
        assert (
            values_of(span.attributes).items()
            >= {
                "db.collection.name": "users",
                "error.type": "mismatch",
            }.items()
        )
    assert values_of(job.attributes)["parallax.documents"] == 1
    assert values_of(order.attributes)["parallax.documents.mismatch"] == 1


def assert_lines_of_a_job_name_its_trace(received: Received, trace: bytes) -> None:
    (line,) = [one for one in received.log_records() if one.event_name == "collection_swept"]
    assert line.trace_id == trace


def exemplars_of(received: Received, trace: bytes) -> list[Exemplar]:
    """Return what leads from metrics to a trace."""
    return [
        exemplar
        for export in received.metrics
        for resource in export.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in (*metric.sum.data_points, *metric.histogram.data_points)
        for exemplar in point.exemplars
        if exemplar.trace_id == trace
    ]


async def open_metrics(address: str) -> str:
    """Return the page as Prometheus asks for it."""
    headers = {"Accept": "application/openmetrics-text; version=1.0.0"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(f"http://{address}/metrics") as answer,
    ):
        assert answer.content_type == "application/openmetrics-text"
        return await answer.text()


async def lose_the_documents(dsn: str, database: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DELETE FROM "{database}"."users"')  # noqa: S608 - our own name
    finally:
        await connection.close()
