"""What the application traces goes on in Parallax: the spans of both databases and of their comparison join its own."""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from proxy.embedded.sidecar import embedded_sidecar
from proxy.settings_sections import OtlpProtocol
from tests.e2e.conftest import database_name
from tests.eventually import eventually
from tests.peers.collector import Received, collector, values_of

SECRET = "ada@example.org"
Collection = Any


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
                await users.find_one({"email": SECRET}, comment={"traceparent": header})
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
    assert not [text for text in received.everything() if SECRET in text]
