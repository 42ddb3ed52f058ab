"""The fronts tell how long they take: the HTTP API, and `parallax gateway`."""

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
from tests.e2e.test_metrics import scraped

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


async def test_drivers_commands_are_timed_by_name_and_refusal(
    postgres_dsn: str, tmp_path: Path
) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = {"PARALLAX_TELEMETRY_PROMETHEUS": address}
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

        found = await counted(
            address, "parallax_serving_duration", "db_operation_name", "error_type"
        )

    # A write error is no failure of its command.
    assert found["insert", ""] == 2
    assert found["find", "2"] == 1
    assert found["unknown", "59"] == 1


async def test_requests_are_timed_by_route_and_status(postgres_dsn: str, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = {"PARALLAX_HTTP_PROMETHEUS": address}
    headers = {"Authorization": "Bearer admin"}
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

    assert found["GET", "/v1/{entity}", "200"] == 1
    assert found["GET", "", "404"] == 1
    assert sum(found.values()) == 3
