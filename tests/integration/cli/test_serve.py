"""`parallax serve`: what it refuses before it listens, how it ends, and what it keeps to itself."""

import json
import re
import signal
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from proxy.cli.relay_status import FILE as RELAY_STATUS
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.process import free_port
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from tests.eventually import eventually
from tests.integration.cli.command import Ran, assert_three_lines, parallax

SECRET = "hunter2"
AWAY = f"postgresql://user:{SECRET}@127.0.0.1:1/gateway"
RULE = """
[[rule]]
name = "old"
effect = "ignore"
collection = "users"
path = "name"
owner = "somebody@example.org"
reason = "to be renewed"
expires = {expires}
"""


async def refused(mongo: EmbeddedMongo, directory: Path, *arguments: str) -> Ran:
    """Run a `serve` that must end by itself."""
    databases = {"PARALLAX_LEGACY_URI": mongo.uri, "PARALLAX_GATEWAY_URI": AWAY}
    given = arguments if "--listen" in arguments else (*arguments, "--listen", free_address())
    return await parallax("serve", *given, directory=directory, environment=databases)


def free_address() -> str:
    return f"127.0.0.1:{free_port()}"


@asynccontextmanager
async def connected(sidecar: EmbeddedSidecar) -> AsyncIterator[AsyncMongoClient[dict[str, Any]]]:
    async with AsyncMongoClient[dict[str, Any]](
        sidecar.uri, serverMonitoringMode="poll", directConnection=True
    ) as client:
        yield client


def log_of(sidecar: EmbeddedSidecar) -> str:
    return sidecar.process.log_path.read_text()


def events(sidecar: EmbeddedSidecar, name: str) -> list[dict[str, Any]]:
    lines = [line for line in log_of(sidecar).splitlines() if line.startswith("{")]
    return [event for event in map(json.loads, lines) if event["event"] == name]


def children_of(pid: int | None) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def test_wrong_rules_are_refused_before_anything_listens(
    mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    (tmp_path / "rules.toml").write_text(RULE.format(expires='"some day"'))

    ran = await refused(mongo, tmp_path, "--rules", "rules.toml")

    assert ran.code == 78
    assert_three_lines(ran, what="expires", where="rules.toml:9")
    assert not (tmp_path / "parallax-data").exists()


async def test_an_address_in_use_is_refused(mongo: EmbeddedMongo, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = await refused(
            mongo, tmp_path, "--listen", f"127.0.0.1:{taken.getsockname()[1]}", "--no-verifier"
        )

    assert ran.code == 78
    assert_three_lines(ran, what="address already in use", where="[listen] address")


async def test_a_file_in_place_of_the_data_directory_is_refused(
    mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")

    ran = await refused(mongo, tmp_path, "--data", "taken")

    assert ran.code == 78
    assert_three_lines(ran, what="Not a directory", where="taken/capture")


async def test_a_second_relay_on_the_same_data_is_refused_by_the_pid_of_the_first(
    mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    async with embedded_sidecar(
        tmp_path / "first", legacy=mongo.uri, gateway=AWAY, arguments=["--no-verifier"]
    ) as first:
        ran = await refused(mongo, tmp_path, "--data", str(first.data))

        assert ran.code == 77
        assert_three_lines(
            ran, what=f"process {first.process.pid} holds", where="capture/writer.lock"
        )


async def test_without_the_gateway_the_application_is_served_and_nothing_is_lost(
    mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    name = "served_without_gateway"
    async with embedded_sidecar(tmp_path / "alone", legacy=mongo.uri, gateway=AWAY) as sidecar:
        async with connected(sidecar) as client:
            await client[name].users.insert_one({"_id": 1})
            assert await client[name].users.find_one() == {"_id": 1}
            await client.drop_database(name)
        await eventually(lambda: "check that PostgreSQL runs" in log_of(sidecar), within_s=20)
        health = await parallax(
            "status", "--health", "--listen", f"127.0.0.1:{sidecar.port}", directory=tmp_path
        )
        shown = await parallax("status", "--data", str(sidecar.data), directory=tmp_path)
        doctor = await parallax(
            "doctor", "--data", str(sidecar.data), "--listen", f"127.0.0.1:{sidecar.port}",
            directory=tmp_path,
            environment={"PARALLAX_LEGACY_URI": mongo.uri, "PARALLAX_GATEWAY_URI": AWAY},
        )  # fmt: skip
        relay = sidecar.process.pid

    assert (health.code, health.printed) == (0, "")
    assert shown.code == 0, shown.printed
    assert f"runs (pid {relay})" in shown.out
    assert "writing" in shown.out
    assert doctor.code == 1
    assert "problem  PostgreSQL reachable: no connection: Connection refused" in doctor.out
    assert f"is served by the relay with pid {relay}" in doctor.out
    assert SECRET not in shown.printed + doctor.printed


async def test_no_password_is_written_or_shown_to_other_users(
    mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    legacy = mongo.uri.replace("mongodb://", f"mongodb://somebody:{SECRET}@")
    async with embedded_sidecar(tmp_path / "secret", legacy=legacy, gateway=AWAY) as sidecar:
        children = await eventually(lambda: children_of(sidecar.process.pid))
        await eventually(lambda: events(sidecar, "peer_lost"), within_s=20)
        await eventually((sidecar.data / RELAY_STATUS).exists)
        arguments = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children]

    assert arguments
    written = [file for file in sidecar.process.directory.rglob("*") if file.is_file()]
    assert {RELAY_STATUS, "serve.log", "ledger.db"} <= {file.name for file in written}
    assert [file for file in written if SECRET.encode() in file.read_bytes()] == []
    assert not [line for line in arguments if SECRET.encode() in line]


# PyMongo leaves a socket unclosed when a client is closed while its monitor is connecting to a server that has gone.
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.parametrize("signals", [1, 2], ids=["once", "twice"])
async def test_sigterm_ends_relay_and_verifier_and_keeps_the_last_findings(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path, signals: int
) -> None:
    name = f"ended_{signals}"
    async with (
        embedded_sidecar(tmp_path / "ends", legacy=mongo.uri, gateway=postgres_dsn) as run,
        connected(run) as client,
    ):
        for number in range(20):
            await client[name].users.insert_one({"_id": number})
        await run.drained()
        await client[name].users.insert_one({"_id": "last"})
        await client[name].users.delete_one({"_id": "last"})
        (verifier,) = children_of(run.process.pid)
        for _ in range(signals):
            run.process.send(signal.SIGTERM)
        child = run.process._child
        assert child is not None
        await eventually(lambda: child.poll() is not None, within_s=20)

    assert child.returncode == 0, log_of(run)
    await eventually(lambda: not is_running(verifier), within_s=10)
    assert events(run, "bug") == []
    assert "Traceback" not in log_of(run)
    await run.start()
    try:
        evidence = (await run.drained()).tally
    finally:
        await run.stop()
    assert evidence.seen == evidence.verified == 22, "counted once, whichever verifier did it"
    await mongo.members[0].ask({"dropDatabase": 1, "$db": name})


async def test_a_verifier_that_cannot_work_is_an_error_with_a_remedy(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> None:
    wrong = postgres_dsn.replace("postgres:", "postgres:wrong-", 1)
    async with embedded_sidecar(tmp_path / "wrong", legacy=mongo.uri, gateway=wrong) as sidecar:
        (first, *_) = await eventually(lambda: events(sidecar, "verifier_refused"), within_s=20)
        async with connected(sidecar) as client:
            assert (await client.admin.command("ping"))["ok"] == 1

    assert first["level"] == "error"
    assert first["exit_code"] == 78
    assert first["restart_in_s"] >= 5
    assert "restart of `parallax serve`" in first["remedy"]
    assert "wrong-" not in log_of(sidecar)


async def test_a_verifier_outlives_no_relay(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> None:
    async with embedded_sidecar(
        tmp_path / "killed", legacy=mongo.uri, gateway=postgres_dsn
    ) as sidecar:
        await sidecar.drained()
        (verifier,) = children_of(sidecar.process.pid)
        await sidecar.kill()

        await eventually(lambda: not is_running(verifier), within_s=15)
        assert events(sidecar, "bug") == []


async def test_status_is_silent_about_a_relay_that_is_gone(
    mongo: EmbeddedMongo, tmp_path: Path
) -> None:
    async with embedded_sidecar(
        tmp_path / "gone", legacy=mongo.uri, gateway=AWAY, arguments=["--no-verifier"]
    ) as sidecar:
        await eventually((sidecar.data / RELAY_STATUS).exists)
    moved = json.loads((sidecar.data / RELAY_STATUS).read_text())
    moved["at_ns"] -= 3_600_000_000_000
    (sidecar.data / RELAY_STATUS).write_text(json.dumps(moved))

    ran = await parallax("status", "--data", str(sidecar.data), directory=tmp_path)

    assert ran.code == 0
    assert "silent for 1 h 0 min" in ran.out
    assert "no verifier has begun a ledger" in " ".join(ran.out.split())


async def test_a_verifier_that_starts_before_postgresql_waits_and_catches_up(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, postgres_dsn: str, tmp_path: Path
) -> None:
    name = "started_before"
    await postgres.stop()
    try:
        async with embedded_sidecar(
            tmp_path / "early", legacy=mongo.uri, gateway=postgres_dsn
        ) as sidecar:
            async with connected(sidecar) as client:
                await client[name].users.insert_one({"_id": 1})
            await eventually(lambda: events(sidecar, "peer_lost"), within_s=20)
            (verifier,) = children_of(sidecar.process.pid)
            await postgres.start()

            status = await sidecar.drained()

            assert status.tally.verified == status.tally.seen == 1
            assert children_of(sidecar.process.pid) == [verifier], "it waited; nobody replaced it"
            assert len(events(sidecar, "peer_lost")) == 1
    finally:
        if not postgres.process.alive:
            await postgres.start()
        await mongo.members[0].ask({"dropDatabase": 1, "$db": name})


async def test_status_tells_of_a_verifier_that_is_gone(
    mongo: EmbeddedMongo, postgres_dsn: str, tmp_path: Path
) -> None:
    async with embedded_sidecar(
        tmp_path / "before", legacy=mongo.uri, gateway=postgres_dsn
    ) as sidecar:
        await sidecar.drained()
    ledger = sqlite3.connect(sidecar.data / "ledger.db")
    with closing(ledger), ledger:
        ledger.execute("UPDATE heartbeats SET at_ns = at_ns - 120000000000, lag_operations = 7")

    ran = await parallax("status", "--data", str(sidecar.data), directory=tmp_path)

    assert ran.code == 0
    assert re.search(r"verifier [0-9a-f]{8} +silent for 2 min", ran.out)
    assert "7 operations" in ran.out
