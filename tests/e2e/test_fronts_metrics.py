"""The fronts tell how long they take: the HTTP API, and `parallax gateway`."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError, OperationFailure

from proxy.embedded.http import embedded_http
from proxy.embedded.process import free_port
from proxy.embedded.served import embedded_gateway
from proxy.settings_sections import OtlpProtocol
from tests.e2e.test_metrics import scraped
from tests.e2e.test_traces import of_trace, traceparent
from tests.eventually import eventually
from tests.peers.collector import Received, collector, values_of

SECRET = "ada@example.org"


async def counted(address: str, metric: str, *labels: str) -> dict[tuple[str, ...], float]:
    """Return how many answers there were by labels; without those that nothing came of yet."""
    text = await scraped(address)
    assert SECRET not in text, "a value of a document left in a metric"
    return {
        tuple(sample.labels.get(label, "") for label in labels): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{metric}_seconds_count"
    }


@pytest.fixture
async def collecting() -> AsyncIterator[tuple[str, Received]]:
    async with collector(OtlpProtocol.HTTP) as running:
        yield running


def sent_to(endpoint: str) -> dict[str, str]:
    return {
        "PARALLAX_TELEMETRY_OTLP_ENDPOINT": endpoint,
        "PARALLAX_TELEMETRY_SIGNALS": "metrics,traces,logs",
        "PARALLAX_TELEMETRY_INTERVAL_S": "1",
        "PARALLAX_LOG_LEVEL": "debug",
        # What is slow is told of as well.
        "PARALLAX_GATEWAY_EXPLAIN_BEYOND_S": "1000",
    }


def assert_nothing_secret(received: Received, *texts: str) -> None:
    told = [text for text in (*received.everything(), *texts) if SECRET in text]
    assert not told, "a value of a document, a filter or a name of a client's got out"


async def test_drivers_commands_are_timed_by_name_and_refusal(
    postgres_dsn: str, tmp_path: Path, collecting: tuple[str, Received]
) -> None:
    endpoint, received = collecting
    address = f"127.0.0.1:{free_port()}"
    settings = {"PARALLAX_TELEMETRY_PROMETHEUS": address, **sent_to(endpoint)}
    header, trace, above = traceparent()
    async with (
        embedded_gateway(tmp_path, gateway=postgres_dsn, settings=settings) as served,
        AsyncMongoClient[dict[str, Any]](served.uri, serverMonitoringMode="poll") as client,
    ):
        await client.chat.users.insert_one({"_id": 1, "email": SECRET})
        with pytest.raises(DuplicateKeyError):
            await client.chat.users.insert_one({"_id": 1})
        with pytest.raises(OperationFailure):
            await client.chat.users.find_one({SECRET: {"$nonsense": SECRET}})
        with pytest.raises(OperationFailure):
            await client.chat.command(SECRET)

        await client.chat.users.find_one({"email": SECRET}, comment=header)
        with pytest.raises(DuplicateKeyError):
            await client.chat.users.insert_one({"_id": 1, "email": SECRET}, comment=header)
        found = await counted(
            address, "parallax_serving_duration", "db_operation_name", "error_type"
        )
        await eventually(lambda: len(of_trace(received, trace)) == 2, within_s=20)

    read, write = of_trace(received, trace)
    assert (read.name, write.name) == ("serving find users", "serving insert users")
    assert read.parent_span_id == write.parent_span_id == above
    assert values_of(write.attributes)["error.type"] == "11000"
    assert {span.trace_id for span in received.spans()} == {trace}, "nobody asked for the others"
    assert_nothing_secret(received, served.log.read_text())
    # A write error is no failure of its command.
    assert found["insert", ""] == 3
    assert found["find", "2"] == 1
    assert found["unknown", "59"] == 1


async def test_requests_are_timed_by_route_and_status(
    postgres_dsn: str, tmp_path: Path, collecting: tuple[str, Received]
) -> None:
    endpoint, received = collecting
    address = f"127.0.0.1:{free_port()}"
    settings = {"PARALLAX_HTTP_PROMETHEUS": address, **sent_to(endpoint)}
    header, trace, above = traceparent()
    headers = {"Authorization": "Bearer admin", "traceparent": header}
    async with (
        embedded_http(tmp_path, database=postgres_dsn, settings=settings) as served,
        aiohttp.ClientSession(served.address, headers=headers) as session,
    ):
        for path in (f"/v1/User/{SECRET}", "/v1/User", f"/{SECRET}"):
            async with session.get(path, params={"limit": "1"} if path == "/v1/User" else {}):
                pass

        found = await counted(
            address,
            "http_server_request_duration",
            *("http_request_method", "http_route", "http_response_status_code"),
        )
        user = {"_id": {"$oid": "a" * 24}, "email": SECRET, "password": SECRET}
        told = [await _told(session, "POST", "/v1/User", user) for _ in range(2)]
        told += [
            await _told(session, "POST", "/v1/User", {"email": {"$date": SECRET}}),
            await _told(session, "POST", "/v1/User", {**user, "expiresAt": SECRET}),
            await _told(session, "POST", f"/v1/User?limit={SECRET}", user),
            await _told(session, "GET", f"/v1/User/{SECRET}", None),
        ]
        await eventually(lambda: len(of_trace(received, trace)) == 9, within_s=20)

    assert found["GET", "/v1/{entity}", "200"] == 1
    assert found["GET", "", "404"] == 1
    assert sum(found.values()) == 3
    assert [status for status, _ in told][:3] == [201, 409, 400], told
    spans = of_trace(received, trace)
    assert {span.parent_span_id for span in spans} == {above}
    assert {span.name for span in spans} == {
        *("GET", "GET /v1/{entity}", "GET /v1/{entity}/{id}", "POST /v1/{entity}"),
    }
    # The first answer is what the client has sent; problems say what is wrong, and not with which value.
    assert_nothing_secret(received, served.log.read_text(), *(body for _, body in told[1:]))


async def _told(
    session: aiohttp.ClientSession, method: str, path: str, body: dict[str, Any] | None
) -> tuple[int, str]:
    async with session.request(method, path, json=body) as answer:
        return answer.status, await answer.text()
