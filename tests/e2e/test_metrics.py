"""Metrics reach Prometheus and OpenTelemetry collectors, say what the ledger says, and hold no value."""

import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from proxy.embedded.process import free_port
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.settings_sections import OtlpProtocol
from tests.e2e.conftest import database_name
from tests.eventually import eventually
from tests.integration.cli.command import assert_three_lines, parallax
from tests.peers.collector import Received, collector, values_of

SECRET = "ada@example.org"
Verdicts = dict[str, int]


@pytest.fixture
async def database(mongo: EmbeddedMongo, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Name a MongoDB database, and drop it afterwards."""
    name = database_name(request.node.name)
    yield name
    await mongo.members[0].ask({"dropDatabase": 1, "$db": name})


def verdicts_of(received: Received) -> Verdicts:
    """Return how often each verdict was given, so far."""
    found = Counter[str]()
    if received.metrics and (metric := received.last_metrics().get("parallax.verdicts")):
        for point in metric.sum.data_points:
            found[values_of(point.attributes)["parallax.verdict"]] += point.as_int
    return dict(found)


async def use(sidecar: EmbeddedSidecar, database: str) -> Verdicts:
    """Work as an application does, and return the verdicts on the ledger."""
    async with AsyncMongoClient[dict[str, Any]](sidecar.uri, directConnection=True) as client:
        users = client[database].users
        await users.insert_one({"_id": 1, "email": SECRET})
        for _ in range(5):
            assert await users.find_one({"email": SECRET}) is not None
    tally = (await sidecar.drained()).tally
    return {verdict.value: n for verdict, n in tally.verdicts.items() if n} | {
        verdict.value: n + tally.verdicts.get(verdict, 0)
        for verdict, n in tally.states.items()
        if n
    }


async def scraped(address: str) -> str:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{address}/metrics") as answer,
    ):
        return await answer.text()


def verdicts_in(page: str) -> Verdicts:
    found = Counter[str]()
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name == "parallax_verdicts_total":
                found[sample.labels["parallax_verdict"]] += int(sample.value)
    return dict(found)


def reaches(wanted: Verdicts, seen: Callable[[], Verdicts]) -> Callable[[], bool]:
    return lambda: seen() == wanted


def assert_nothing_secret(texts: Iterable[str]) -> None:
    assert not [text for text in texts if SECRET in text], "a value of a document left in a metric"


@pytest.mark.parametrize("protocol", list(OtlpProtocol))
async def test_metrics_say_what_the_ledger_says(
    protocol: OtlpProtocol,
    mongo: EmbeddedMongo,
    postgres_dsn: str,
    tmp_path: Path,
    database: str,
) -> None:
    address = f"127.0.0.1:{free_port()}"
    async with collector(protocol) as (endpoint, received):
        settings = {
            "PARALLAX_TELEMETRY_PROMETHEUS": address,
            "PARALLAX_TELEMETRY_OTLP_ENDPOINT": endpoint,
            "PARALLAX_TELEMETRY_OTLP_PROTOCOL": protocol.value,
            "PARALLAX_TELEMETRY_INTERVAL_S": "1",
        }
        async with embedded_sidecar(
            tmp_path, legacy=mongo.uri, gateway=postgres_dsn, settings=settings
        ) as sidecar:
            on_ledger = await use(sidecar, database)

            async def page_says() -> str | None:
                page = await scraped(address)
                return page if verdicts_in(page) == on_ledger else None

            page = await eventually(page_says)
            await eventually(reaches(on_ledger, lambda: verdicts_of(received)), within_s=20)

    assert on_ledger["match"] > 5
    assert re.search(
        r'^db_client_operation_duration_seconds_bucket\{.*le="2e-05"', page, re.MULTILINE
    )
    assert re.search(r"^parallax_relay_connections\S* \d", page, re.MULTILINE), page
    assert re.search(r'^parallax_relay_requests_total\{.*="write"', page, re.MULTILINE)
    resource = values_of(received.metrics[-1].resource_metrics[0].resource.attributes)
    assert resource["service.name"] == "parallax"
    assert resource["parallax.part"] == "verifier"
    assert_nothing_secret([page, *received.everything()])


async def test_a_collector_that_is_away_costs_no_verdict(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path, database: str
) -> None:
    address = f"127.0.0.1:{free_port()}"
    settings = {
        "PARALLAX_TELEMETRY_PROMETHEUS": address,
        "PARALLAX_TELEMETRY_OTLP_ENDPOINT": f"http://127.0.0.1:{free_port()}",
        "PARALLAX_TELEMETRY_INTERVAL_S": "1",
        "PARALLAX_TELEMETRY_TRACES": "1",
    }

    async def are_counted() -> bool:
        return (
            re.search(
                r'^parallax_telemetry_drops_total\{.*="traces"\} [1-9]',
                await scraped(address),
                re.MULTILINE,
            )
            is not None
        )

    async with embedded_sidecar(
        tmp_path, legacy=mongo.uri, gateway=postgres_dsn, settings=settings
    ) as sidecar:
        on_ledger = await use(sidecar, database)
        await eventually(lambda: '"export_failed"' in sidecar.log.read_text(), within_s=30)
        await eventually(are_counted, within_s=30)
        assert "Traceback" not in sidecar.log.read_text()

    assert on_ledger["match"] > 5


async def test_an_address_for_scrapes_that_is_taken_is_refused(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = await parallax(
            "verify",
            directory=tmp_path,
            environment={
                "PARALLAX_LEGACY_URI": mongo.uri,
                "PARALLAX_GATEWAY_URI": postgres_dsn,
                "PARALLAX_TELEMETRY_PROMETHEUS": f"127.0.0.1:{taken.getsockname()[1]}",
            },
        )

    assert ran.code == 78
    assert_three_lines(ran, what="Address already in use", where="telemetry.prometheus")
