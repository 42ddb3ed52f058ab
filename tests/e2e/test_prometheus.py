"""A real Prometheus scrapes a real sidecar: no rule and no panel is empty, and an alert fires on its fault."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import asyncpg
import pytest
import yaml
from pymongo import AsyncMongoClient

from proxy.embedded import EmbeddedMongo
from proxy.embedded.process import ServerProcess, accepts_connections, free_port
from proxy.embedded.sidecar import embedded_sidecar
from tests.e2e.conftest import database_name
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
RULES = ROOT / "dashboards" / "prometheus"
PANELS = ROOT / "dashboards" / "grafana"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
WITHIN_S = 60


class Query(NamedTuple):
    """An expression, and where it stands."""

    where: str
    expression: str


def installed(name: str) -> str:
    """Return the place of a program of Prometheus."""
    folder = os.environ.get("PROMETHEUS_BIN")
    found = str(Path(folder) / name) if folder else shutil.which(name)
    if found is None:
        pytest.skip(
            f"no {name}: install the package `prometheus`, or name its folder with PROMETHEUS_BIN"
        )
    return found


def rules(file: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((RULES / file).read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def recorded() -> Iterator[Query]:
    for rule in rules("recording.yml"):
        yield Query(f"recording rule {rule['record']}", rule["record"])


def drawn(collection: str) -> Iterator[Query]:
    """Give what the panels ask, for one collection."""
    for file in sorted(PANELS.glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$collection", collection)
                yield Query(f"{file.name}: {panel['title']}", expression)


class Prometheus(NamedTuple):
    """A running Prometheus."""

    address: str

    async def asked(self, path: str, **parameters: str) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://{self.address}/api/v1/{path}", params=parameters) as answer,
        ):
            said = await answer.json()
            assert said["status"] == "success", f"{parameters}: {said}"
            return said["data"]

    async def empty(self, queries: list[Query]) -> list[Query]:
        """Return the queries that find nothing, or only what is no number."""
        found = []
        for query in queries:
            result = (await self.asked("query", query=query.expression))["result"]
            if not [one for one in result if one["value"][1] != "NaN"]:
                found.append(query)
        return found

    async def firing(self) -> set[str]:
        alerts = (await self.asked("alerts"))["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


@pytest.fixture
def scraped() -> str:
    """Return the address that the verifier serves its metrics at."""
    return f"127.0.0.1:{free_port()}"


@pytest.fixture
async def prometheus(scraped: str, tmp_path: Path) -> AsyncIterator[Prometheus]:
    """Run it with the rules of the repository, in a hurry."""
    program = installed("prometheus")
    place = tmp_path / "prometheus"
    place.mkdir()
    for file in ("recording.yml", "alerts.yml"):
        (place / file).write_text(
            (RULES / file).read_text().replace("interval: 15s", "interval: 1s")
        )
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["recording.yml", "alerts.yml"],
        "scrape_configs": [{"job_name": "parallax", "static_configs": [{"targets": [scraped]}]}],
    }
    (place / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    port = free_port()
    process = ServerProcess(
        name="prometheus",
        command=[
            program,
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        directory=place,
        log_path=place / "prometheus.log",
    )
    process.start()
    try:
        await process.ready(lambda: accepts_connections(port), within_s=WITHIN_S)
        yield Prometheus(f"127.0.0.1:{port}")
    finally:
        await process.stop()


@pytest.mark.timeout(180)
async def test_nothing_is_empty_and_a_mismatch_is_told(
    prometheus: Prometheus,
    scraped: str,
    mongo: EmbeddedMongo,
    postgres_dsn: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    database = database_name(request.node.name)
    async with embedded_sidecar(
        tmp_path / "sidecar",
        legacy=mongo.uri,
        gateway=postgres_dsn,
        settings={"PARALLAX_TELEMETRY_PROMETHEUS": scraped},
    ) as sidecar:
        async with AsyncMongoClient[dict[str, Any]](sidecar.uri, directConnection=True) as client:
            users = client[database].users
            await users.insert_one({"_id": 1, "name": "Ada"})
            queries = [*recorded(), *drawn(f"{database}.users")]
            assert len(queries) > 20

            async def nothing_empty() -> bool:
                await users.find_one({"_id": 1})
                empty = await prometheus.empty(queries)
                assert not empty
                return True

            await eventually(nothing_empty, within_s=WITHIN_S)
            assert await prometheus.firing() == set()

            await lose_the_documents(postgres_dsn, database)
            await users.find_one({"_id": 1})

            async def told() -> bool:
                return "ParallaxMismatch" in await prometheus.firing()

            await eventually(told, within_s=WITHIN_S)
        await mongo.members[0].ask({"dropDatabase": 1, "$db": database})


async def lose_the_documents(dsn: str, database: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DELETE FROM "{database}"."users"')  # noqa: S608 - our own name
    finally:
        await connection.close()


@pytest.mark.parametrize("file", ["recording.yml", "alerts.yml"])
def test_prometheus_accepts_the_rules(file: str) -> None:
    checked = subprocess.run(
        [installed("promtool"), "check", "rules", "--lint=all", "--lint-fatal", str(RULES / file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_the_configuration_of_the_composition_is_valid() -> None:
    checked = subprocess.run(
        [installed("promtool"), "check", "config", "--lint=all", str(RULES / "prometheus.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_alert_fires_on_its_fault_and_clears() -> None:
    checked = subprocess.run(
        [installed("promtool"), "test", "rules", str(RULES / "tests.yml")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = re.findall(r"alertname: (\w+)", (RULES / "tests.yml").read_text())
    assert set(tested) == {rule["alert"] for rule in rules("alerts.yml")}


def test_every_alert_has_an_entry_in_the_runbook() -> None:
    entries = re.findall(r"^## (Parallax\w+)$", RUNBOOK, re.MULTILINE)

    assert entries == [rule["alert"] for rule in rules("alerts.yml")]
    for rule in rules("alerts.yml"):
        assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{rule['alert'].lower()}"


def test_the_dashboards_are_what_their_script_writes(tmp_path: Path) -> None:
    """A file that was changed by hand would be lost at the next writing."""
    script = (ROOT / "scripts" / "grafana_dashboards.py").read_text()
    elsewhere = tmp_path / "scripts" / "grafana_dashboards.py"
    elsewhere.parent.mkdir()
    elsewhere.write_text(script)
    (tmp_path / "dashboards").mkdir()

    subprocess.run([sys.executable, str(elsewhere)], check=True)

    written = {
        file.name: file.read_text() for file in (tmp_path / "dashboards" / "grafana").iterdir()
    }
    kept = {file.name: file.read_text() for file in PANELS.glob("*.json")}
    assert written == kept
