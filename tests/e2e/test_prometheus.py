"""A real Prometheus scrapes a real sidecar: no rule and no panel is empty, and an alert fires on its fault."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import asyncpg
import pytest
import yaml
from pymongo import AsyncMongoClient
from pymongo.errors import DuplicateKeyError

from proxy.embedded import EmbeddedMongo
from proxy.embedded.process import ServerProcess, accepts_connections, free_port
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.flags.document import EMPTY, Said, with_flag
from proxy.flags.file import write_flags
from proxy.flags.phases import Direction, Phase
from proxy.measures import METRICS
from tests.e2e.conftest import database_name
from tests.eventually import eventually
from tests.integration.cli.command import parallax

ROOT = Path(__file__).parents[2]
RULES = ROOT / "dashboards" / "prometheus"
PANELS = ROOT / "dashboards" / "grafana"
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
WITHIN_S = 60
RARE = (
    *("parallax_drops_total", "parallax_sampled_total", "parallax_rule_hits_total"),
    *("parallax_rechecks_total", "parallax_relay_refused_total", "parallax_backfill_"),
    *("parallax_mirror_", "parallax_telemetry_drops", 'parallax_verdict="mismatch"'),
    # Fronts are other processes, at addresses of their own.
    *("http_server_", "parallax_serving_", "parallax_searches_"),
)
"""Of what nothing is measured in a sidecar that has just begun its work, and does it well."""
SUFFIXES = ("", "_total", "_bucket", "_count", "_sum")
UNITS = ("", "_seconds", "_bytes")


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


def in_every_case(query: Query) -> Query:
    """Return a query that finds nothing where nothing was measured, but for what did not happen here."""
    bare = query.expression.removesuffix(" or vector(0)")
    return query if any(name in bare for name in RARE) else query._replace(expression=bare)


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
    async with AsyncMongoClient[dict[str, Any]](mongo.uri) as before:
        await before[database].old.insert_one({"_id": 1})
    flags = tmp_path / "flags.json"
    answers = Said(phase=Phase.GATEWAY)
    write_flags(flags, with_flag(EMPTY, Direction.READS, f"{database}.users", answers))
    async with embedded_sidecar(
        tmp_path / "sidecar",
        legacy=mongo.uri,
        gateway=postgres_dsn,
        settings={
            "PARALLAX_TELEMETRY_PROMETHEUS": scraped,
            "PARALLAX_TELEMETRY_INTERVAL_S": "1",
            "PARALLAX_FLAGS_FILE": str(flags),
        },
    ) as sidecar:
        async with AsyncMongoClient[dict[str, Any]](sidecar.uri, directConnection=True) as client:
            users = client[database].users
            await users.insert_one({"_id": 1, "name": "Ada"})
            await sidecar.drained()
            swept = await parallax(
                *("sweep", f"{database}.users"),
                directory=tmp_path,
                environment=own_settings(sidecar),
            )
            assert swept.code == 0, swept.err
            queries = [*map(in_every_case, [*recorded(), *drawn(f"{database}.users")])]
            assert len(queries) > 60

            async def nothing_empty() -> bool:
                await users.find_one({"_id": 1})
                with pytest.raises(DuplicateKeyError):
                    await users.insert_one({"_id": 1})
                # What was found is found again: rates look back for minutes.
                queries[:] = await prometheus.empty(queries)
                assert not queries
                return True

            await eventually(nothing_empty, within_s=WITHIN_S)
            assert await prometheus.firing() == set()

            await lose_the_documents(postgres_dsn, database)
            await users.find_one({"_id": 1})

            async def told() -> bool:
                return await prometheus.firing() >= {"ParallaxMismatch", "ParallaxRolledBack"}

            await eventually(told, within_s=WITHIN_S)
            asked_again = f'parallax_rechecks_total{{db_collection_name="{database}.users"}}'
            assert not await prometheus.empty([Query("rechecks", asked_again)])
        await mongo.members[0].ask({"dropDatabase": 1, "$db": database})


def own_settings(sidecar: EmbeddedSidecar) -> dict[str, str]:
    """Return the settings of a sidecar, for a command beside it."""
    environment = sidecar.process.environment or {}
    return {name: value for name, value in environment.items() if name.startswith("PARALLAX_")}


async def lose_the_documents(dsn: str, database: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(f'DELETE FROM "{database}"."users"')  # noqa: S608 - our own name
    finally:
        await connection.close()


def test_every_metric_is_drawn_and_nothing_is_asked_for_that_is_none() -> None:
    recording = {rule["record"]: rule["expr"] for rule in rules("recording.yml")}
    alerts = [rule["expr"] for rule in rules("alerts.yml")]
    drawn_names = names_in(query.expression for query in drawn("app.users"))
    measured = {underscored(metric.name) for metric in METRICS}
    labels = {underscored(label) for metric in METRICS for label in metric.labels}
    exported = {f"{name}{unit}{end}" for name in measured for unit in UNITS for end in SUFFIXES}

    asked = names_in([*recording.values(), *alerts]) | drawn_names
    assert asked - exported - labels - recording.keys() == set()
    shown = drawn_names | names_in(recording[name] for name in drawn_names & recording.keys())
    assert [name for name in measured if not any(each.startswith(name) for each in shown)] == []


def underscored(name: str) -> str:
    """Return a name as Prometheus has it."""
    return name.replace(".", "_")


def names_in(expressions: Iterable[str]) -> set[str]:
    """Return what expressions call by name of what Parallax exports: metrics, labels and recording rules."""
    return {
        name for each in expressions for name in re.findall(r"\b(?:parallax|db|http)_[\w:]+", each)
    }


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
    shutil.copytree(ROOT / "scripts" / "grafana", tmp_path / "scripts" / "grafana")
    (tmp_path / "dashboards").mkdir()

    subprocess.run([sys.executable, "-m", "scripts.grafana"], cwd=tmp_path, check=True)

    written = {
        file.name: file.read_text() for file in (tmp_path / "dashboards" / "grafana").iterdir()
    }
    kept = {file.name: file.read_text() for file in PANELS.glob("*.json")}
    assert written == kept
