"""Latencies of past days are kept by the hour, and nothing of them is lost."""

import pytest
from sqlalchemy import func, select

from proxy.ledger.engine import writing_engine
from proxy.ledger.entries import Finding
from proxy.ledger.hours import KEPT_BY_MINUTE, MINUTES_PER_HOUR
from proxy.ledger.read import read_report
from proxy.ledger.tables import latencies
from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import (
    MINUTE_NS,
    NO_LAG,
    START_NS,
    UPDATE_USERS,
    checkpoint,
    finding,
    mismatch,
)

HOUR_NS = MINUTES_PER_HOUR * MINUTE_NS
FIRST_HOUR_NS = START_NS - START_NS % HOUR_NS
A_DAY_LATER_NS = FIRST_HOUR_NS + KEPT_BY_MINUTE * MINUTE_NS


async def rows(ledger_url: str) -> int:
    engine = writing_engine(ledger_url)
    async with engine.begin() as connection:
        found: int = (
            await connection.execute(select(func.count()).select_from(latencies))
        ).scalar_one()
    await engine.dispose()
    return found


async def fill(ledger: Ledger, *, hours: int) -> None:
    """Record two shapes in each minute, slower from one to the next."""
    findings: list[Finding] = []
    for number in range(hours * MINUTES_PER_HOUR):
        at_ns = FIRST_HOUR_NS + number * MINUTE_NS
        slow_s = 0.001 * (number + 1)
        findings += [
            finding(number, at_ns=at_ns, legacy_s=slow_s, gateway_s=slow_s / 2),
            mismatch(number, at_ns=at_ns, shape=UPDATE_USERS),
        ]
    await ledger.record(findings, checkpoint=checkpoint(1), lag=NO_LAG)


async def condense(ledger: Ledger, now_ns: int) -> int:
    """Return how many hours were merged."""
    merged = 0
    while await ledger.condense(now_ns):
        merged += 1
    return merged


async def test_hours_of_past_days_are_merged_and_say_the_same(
    ledger: Ledger, ledger_url: str
) -> None:
    await fill(ledger, hours=3)
    before = await read_report(ledger_url)
    minutes = await rows(ledger_url)

    merged = await condense(ledger, A_DAY_LATER_NS + 2 * HOUR_NS)

    assert merged == 2
    assert await rows(ledger_url) == minutes // 3 + 2 * minutes // (3 * MINUTES_PER_HOUR)
    after = await read_report(ledger_url)
    assert after.latency == before.latency
    assert after.shapes == before.shapes
    assert after.tally == before.tally


async def test_a_day_is_kept_by_the_minute(ledger: Ledger, ledger_url: str) -> None:
    await fill(ledger, hours=1)
    minutes = await rows(ledger_url)

    assert await condense(ledger, A_DAY_LATER_NS + HOUR_NS - 1) == 0
    assert await rows(ledger_url) == minutes


async def test_what_is_found_late_joins_its_hour(ledger: Ledger, ledger_url: str) -> None:
    """A verifier that was away judges operations of days ago."""
    await fill(ledger, hours=1)
    now_ns = A_DAY_LATER_NS + HOUR_NS
    assert await condense(ledger, now_ns) == 1
    hours = await rows(ledger_url)

    late = finding(999, at_ns=FIRST_HOUR_NS + 7 * MINUTE_NS, legacy_s=9.0)
    await ledger.record([late], checkpoint=checkpoint(999), lag=NO_LAG)

    assert await condense(ledger, now_ns) == 1
    assert await rows(ledger_url) == hours
    latency = (await read_report(ledger_url)).latency.legacy
    assert latency is not None
    assert latency.n == 2 * MINUTES_PER_HOUR + 1
    assert latency.p99_s == pytest.approx(0.06, rel=0.02)
