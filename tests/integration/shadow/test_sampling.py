"""A verifier that is behind compares some reads of each shape, and says of the others that it has not."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pymongo.asynchronous.database import AsyncDatabase

from comparators.verdict import Verdict
from proxy.ledger.entries import SAMPLED
from proxy.ledger.read import status
from tests.integration.shadow.handmade import Handmade, handmade

COMMON = {"find": "users", "filter": {"v": 1}}
RARE = {"count": "users", "query": {"v": 1}}
LONG_AGO_S = 3_600.0


@pytest.fixture
async def log(
    mongo_database: AsyncDatabase[dict[str, Any]], postgres_dsn: str, tmp_path: Path
) -> AsyncIterator[Handmade]:
    async with handmade(tmp_path, mongo_database, postgres_dsn) as made:
        yield made


async def test_each_shape_stays_covered_and_no_write_is_left_out(log: Handmade) -> None:
    for n in range(3):
        await log.write({"insert": "users", "documents": [{"_id": n, "v": 1}]})
    for n in range(20):
        await log.read(COMMON, ago_s=LONG_AGO_S + n / 1000)
    await log.read(RARE, ago_s=LONG_AGO_S)
    for _ in range(4):
        await log.read(COMMON)

    async with log.verifier(sample_beyond_s=600.0) as following:
        await following.drained()
    verdicts = await log.verdicts()
    evidence = await log.evidence()
    stands = await status(log.ledgers[-1])

    # The twenty lie in one second of the log, or at the edge of two.
    assert verdicts["insert", Verdict.MATCH] == 3
    assert verdicts["count", Verdict.MATCH] == 1
    compared, spared = verdicts["find", Verdict.MATCH], verdicts["find", Verdict.NOT_COMPARABLE]
    assert (compared, spared) in {(5, 19), (6, 18)}
    assert sum(each.n for each in evidence.reasons if each.reason == SAMPLED) == spared
    assert stands.sampled == spared
    assert evidence.tally.seen == 3 + 20 + 1 + 4
    assert evidence.tally.coverage == (evidence.tally.seen - spared) / evidence.tally.seen
    assert evidence.tally.mismatched == 0
    assert not evidence.divergent
