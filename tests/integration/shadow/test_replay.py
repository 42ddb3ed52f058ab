"""A log that was kept runs against a gateway without the legacy database, and is judged alike each time."""

import asyncio
import re
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from comparators.verdict import Verdict
from proxy.capture.record import Record, RecordKind
from proxy.cli.entry import run
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.jobs.captures.exchanges import records
from proxy.jobs.captures.window import END, Window
from proxy.ledger.evidence import Evidence
from tests.eventually import eventually
from tests.faults.sidecar.traffic import differing
from tests.integration.cli.command import assert_three_lines, environment_of, parallax
from tests.integration.shadow.captured import Captured, captured, evidence_of, replayed

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
async def log(
    mongo: EmbeddedMongo, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Captured]:
    database = f"replay_{uuid4().hex[:8]}"
    yield await captured(mongo.uri, tmp_path_factory.mktemp("captured"), database)
    async with AsyncMongoClient[dict[str, Any]](mongo.uri, serverMonitoringMode="poll") as client:
        await client.drop_database(database)


@pytest.fixture
async def other_dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    """Give a second database."""
    name = f"other_{uuid4().hex[:8]}"
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute(f'CREATE DATABASE "{name}"')
    yield postgres.dsn_of(name)
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


def judgements(evidence: Evidence) -> dict[str, Any]:
    """Return all that is judged: everything but durations, moments of this run, and keyed digests."""
    digests = re.compile(r"#[0-9a-f]{16}")
    return {
        "conclusion": asdict(evidence.conclusion),
        "collections": {c.namespace: asdict(c.tally) for c in evidence.collections},
        "shapes": {
            (s.namespace, s.id): (s.text, asdict(s.tally), s.answers, s.first_ns, s.last_ns)
            for s in evidence.shapes
        },
        "groups": sorted(digests.sub("#", repr(group)) for group in evidence.groups),
        "reasons": sorted(map(repr, evidence.reasons)),
        "rules": sorted(map(repr, evidence.rules)),
        "drops": sorted(map(repr, evidence.drops)),
    }


def busiest_place(directory: Path) -> int:
    """Return a position in the second half at which as many writes as ever there are under way."""
    begun: set[int] = set()
    places: dict[int, int] = {}
    for part in records(directory):
        if isinstance(part, Record):
            if part.kind is RecordKind.INTENT:
                begun.add(part.position)
            begun.discard(part.intent)
            places[part.end] = len(begun)
    later = [place for place in places if place > max(places) // 2]
    return max(later, key=lambda place: places[place])


async def killed_halfway(capture: Path, gateway: str, ledger: Path) -> None:
    """Begin a replay that adds to a ledger, at recorded speed, and kill it once it has a checkpoint of its own."""
    process = await asyncio.create_subprocess_exec(
        *(
            sys.executable,
            "-m",
            "proxy.cli",
            "replay",
            str(capture),
            "--append",
            "--speed",
            "recorded",
        ),
        env=environment_of(
            {"PARALLAX_GATEWAY_URI": gateway, "PARALLAX_LEDGER_URI": f"sqlite:///{ledger}"}
        ),
        cwd=ledger.parent,
        stdout=asyncio.subprocess.DEVNULL,
    )

    with closing(sqlite3.connect(ledger)) as connection:

        def has_begun() -> bool:
            return len(connection.execute("SELECT log FROM checkpoints").fetchall()) > 1

        try:
            await eventually(has_begun, within_s=30)
        finally:
            process.kill()
            await process.wait()


async def _template(postgres: EmbeddedPostgres, name: str, template: str) -> str:
    """Make a database from another one, as a snapshot would be restored."""
    connection = await asyncpg.connect(postgres.dsn)
    await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    await connection.close()
    return postgres.dsn_of(name)


async def test_two_replays_of_one_log_judge_alike_and_rebuild_its_documents(
    log: Captured, mongo: EmbeddedMongo, postgres_dsn: str, other_dsn: str, tmp_path: Path
) -> None:
    first = await replayed(log.directory, postgres_dsn, tmp_path / "first.db")
    again = await replayed(log.directory, other_dsn, tmp_path / "again.db", "--speed", "4")

    evidence = await evidence_of(tmp_path / "first.db")
    assert evidence.tally.verdicts.get(Verdict.MISMATCH, 0) == 0, first.printed
    assert evidence.tally.verified > 500
    assert judgements(evidence) == judgements(await evidence_of(tmp_path / "again.db"))
    assert (first.code, again.code) == (0, 0), first.printed
    assert await differing(mongo.uri, postgres_dsn, log.database) == {}

    finished = await replayed(log.directory, postgres_dsn, tmp_path / "first.db")
    elsewhere = await replayed(log.directory, postgres_dsn, tmp_path / "again.db")
    assert_three_lines(finished, what="already holds a finished replay", where="first.db")
    assert finished.code == elsewhere.code == 77


async def test_a_log_cut_in_two_replays_as_the_whole_does_also_after_a_kill(
    log: Captured,
    mongo: EmbeddedMongo,
    postgres: EmbeddedPostgres,
    postgres_dsn: str,
    other_dsn: str,
    tmp_path: Path,
) -> None:
    middle = str(busiest_place(log.directory))
    halves = [tmp_path / "early", tmp_path / "late"]
    for half, option in zip(halves, ("--until", "--since"), strict=True):
        cut = await parallax(
            "capture",
            "cut",
            str(log.directory),
            option,
            middle,
            "--out",
            str(half),
            directory=tmp_path,
        )
        assert "under way at the" in cut.out, cut.printed

    ledger = tmp_path / "halves.db"
    await replayed(halves[0], postgres_dsn, ledger)
    seed = await _template(postgres, f"seed_{uuid4().hex[:8]}", postgres_dsn.rsplit("/", 1)[1])
    killed_seed = await _template(
        postgres, f"seed_{uuid4().hex[:8]}", postgres_dsn.rsplit("/", 1)[1]
    )
    shutil.copy(ledger, tmp_path / "killed.db")
    await replayed(halves[1], postgres_dsn, ledger, "--append")
    whole = tmp_path / "whole.db"
    await replayed(log.directory, other_dsn, whole)

    assert judgements(await evidence_of(ledger)) == judgements(await evidence_of(whole))
    assert await differing(mongo.uri, postgres_dsn, log.database) == {}

    await killed_halfway(halves[1], killed_seed, tmp_path / "killed.db")
    await replayed(halves[1], killed_seed, tmp_path / "killed.db", "--append")
    killed, alive = await evidence_of(tmp_path / "killed.db"), await evidence_of(ledger)
    assert killed.tally.mismatched == 0, killed.groups
    assert killed.tally.seen == alive.tally.seen
    assert await differing(mongo.uri, killed_seed, log.database) == {}

    connection = await asyncpg.connect(seed, server_settings={"search_path": log.database})
    await connection.execute("DELETE FROM users WHERE ctid = (SELECT min(ctid) FROM users)")
    await connection.close()
    damaged = await replayed(halves[1], seed, tmp_path / "damaged.db")
    assert damaged.code == 1, damaged.printed
    assert (await evidence_of(tmp_path / "damaged.db")).tally.mismatched > 0


def test_a_replay_asks_no_mongodb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["replay", str(tmp_path), "--legacy", "mongodb://127.0.0.1"]) == 77
    assert "a replay asks no MongoDB" in capsys.readouterr().err


async def test_any_two_windows_that_meet_share_every_exchange(log: Captured) -> None:
    parts = [part for part in records(log.directory) if isinstance(part, Record)]
    straddled = 0
    for place in [part.position for part in parts[20 :: len(parts) // 8]]:
        early, late = Window(0, place), Window(place, END)
        for window in (early, late):
            for part in parts:
                window.take(part)
            window.end()
        straddled += sum(n for (what, _, _), n in early.straddling.items() if what != "cursors")

        assert all(early.holds(p.position) != late.holds(p.position) for p in parts), place
    assert straddled > 8
