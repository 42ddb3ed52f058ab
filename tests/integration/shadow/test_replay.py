"""A log that was kept runs against a gateway without the legacy database, and is judged alike each time."""

import re
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from pymongo import AsyncMongoClient

from comparators.verdict import Verdict
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.ledger.evidence import Evidence
from tests.faults.sidecar.traffic import differing
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


async def test_two_replays_of_one_log_judge_alike_and_rebuild_its_documents(
    log: Captured, mongo: EmbeddedMongo, postgres_dsn: str, other_dsn: str, tmp_path: Path
) -> None:
    first = await replayed(log.directory, postgres_dsn, tmp_path / "first.db")
    again = await replayed(log.directory, other_dsn, tmp_path / "again.db")

    evidence = await evidence_of(tmp_path / "first.db")
    assert evidence.tally.verdicts.get(Verdict.MISMATCH, 0) == 0, first.printed
    assert evidence.tally.verified > 500
    assert judgements(evidence) == judgements(await evidence_of(tmp_path / "again.db"))
    assert (first.code, again.code) == (0, 0), first.printed
    assert await differing(mongo.uri, postgres_dsn, log.database) == {}
