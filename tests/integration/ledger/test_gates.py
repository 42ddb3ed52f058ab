"""The numbers of the gates, computed again from the tables by other means: plain SQL, SciPy, NumPy."""

import random
import struct
from collections import Counter, defaultdict
from dataclasses import replace
from math import exp, log
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from scipy import stats

from comparators.verdict import Verdict
from proxy.ledger.access import opened
from proxy.ledger.bounds import Gates
from proxy.ledger.engine import reading_engine
from proxy.ledger.entries import Divergence, Finding
from proxy.ledger.read import (
    CollectionGates,
    Evidence,
    Gate,
    GateOutcome,
    Result,
    read_report,
)
from proxy.ledger.sweeps import Sweeps, SweptChunk
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

MINUTES = 24
PER_MINUTE = 60
BOUNDS = Gates(min_samples=1_000, min_duration_s=20 * 60)


def traffic() -> list[Finding]:
    """Return minutes of two shapes: both sides share the load, and the gateway is slower by half."""
    rng = random.Random(7)
    found = []
    for minute in range(MINUTES):
        load = exp(rng.gauss(0, 0.3))
        for n in range(PER_MINUTE):
            one = finding(
                minute * PER_MINUTE + n,
                at_ns=START_NS + minute * MINUTE_NS,
                legacy_s=1e-3 * load * exp(rng.gauss(0, 0.3)),
                gateway_s=1.5e-3 * load * exp(rng.gauss(0, 0.3)),
            )
            found.append(replace(one, shape=UPDATE_USERS) if n % 3 == 0 else one)
    # Timed on one side alone: not part of any ratio.
    late = finding(9_999, at_ns=START_NS, verdict=Verdict.TIMEOUT, legacy_s=5.0, gateway_s=None)
    return [*found, late, finding(10_000, namespace="app.other", at_ns=START_NS)]


def by_gate(collection: CollectionGates) -> dict[Gate, GateOutcome]:
    return {outcome.gate: outcome for outcome in collection.outcomes}


def users_of(evidence: Evidence) -> dict[Gate, GateOutcome]:
    [users] = [one for one in evidence.gates.collections if one.namespace == "app.users"]
    return by_gate(users)


async def rows(url: str, statement: str) -> list[Any]:
    engine = reading_engine(url)
    async with engine.connect() as connection:
        found = (await connection.execute(sa.text(statement))).all()
    await engine.dispose()
    return list(found)


async def test_rates_agree_with_a_count_of_the_tables(ledger: Ledger, ledger_url: str) -> None:
    bad = [mismatch(n, at_ns=START_NS + n * MINUTE_NS) for n in range(3)]
    await ledger.record([*traffic(), *bad], checkpoint=checkpoint(1), lag=NO_LAG)

    gates = users_of(await read_report(ledger_url, gates=BOUNDS))

    counts: Counter[str] = Counter()
    for verdict, n in await rows(ledger_url, _VERDICTS):
        counts[verdict] = int(n)
    verified = sum(counts.values()) - counts["timeout"]
    for gate, hits, trials in (
        (Gate.MISMATCHES, counts["mismatch"], verified),
        (Gate.GATEWAY_ERRORS, 0, verified),
        (Gate.TIMEOUTS, 1, verified + 1),
    ):
        interval = stats.binomtest(hits, trials).proportion_ci(0.9, method="exact")
        assert gates[gate].value == hits / trials
        assert gates[gate].low == pytest.approx(interval.low)
        assert gates[gate].high == pytest.approx(interval.high)
    assert gates[Gate.MISMATCHES].result is Result.FAIL
    assert gates[Gate.SAMPLES].value == verified == MINUTES * PER_MINUTE + 3
    assert gates[Gate.COVERAGE].value == verified / (verified + 1)
    assert gates[Gate.DURATION].value == (MINUTES - 1) * 60


@pytest.mark.parametrize("quantile", [0.5, 0.95])
async def test_ratios_agree_with_the_sketches_unpacked_by_hand(
    quantile: float, ledger: Ledger, ledger_url: str
) -> None:
    await ledger.record(traffic(), checkpoint=checkpoint(1), lag=NO_LAG)

    gates = users_of(await read_report(ledger_url, gates=BOUNDS))

    found = gates[Gate.LATENCY_P50 if quantile == 0.5 else Gate.LATENCY_P95]
    minutes: dict[str, dict[int, list[float]]] = {
        "legacy": defaultdict(list),
        "gateway": defaultdict(list),
    }
    for minute, side, sketch in await rows(ledger_url, _SKETCHES):
        minutes[side][minute] += unpacked(bytes(sketch))
    ratio = _ratio(minutes, list(minutes["legacy"]), quantile)
    # 1,440 operations: 20 sections of 72 would do for p50, so that each takes two minutes of 60; p95 needs 100 each.
    order = sorted(minutes["legacy"])
    sections = [order[n : n + 2] for n in range(0, MINUTES, 2)]
    logs = [log(_ratio(minutes, section, quantile) / ratio) for section in sections]
    error = np.sqrt(np.mean(np.square(logs)) / (len(logs) - 1))
    factor = exp(stats.t.ppf(0.975, len(logs) - 1) * error) * 1.01 / 0.99
    assert found.value == pytest.approx(ratio, rel=1e-6)
    assert found.low == pytest.approx(ratio / factor, rel=1e-3)
    assert found.high == pytest.approx(ratio * factor, rel=1e-3)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.5 < found.high
    assert found.result is Result.FAIL


async def test_a_tail_without_enough_operations_is_inconclusive(
    ledger: Ledger, ledger_url: str
) -> None:
    await ledger.record(traffic(), checkpoint=checkpoint(1), lag=NO_LAG)

    found = users_of(await read_report(ledger_url, gates=BOUNDS))[Gate.LATENCY_P99]

    assert found.result is Result.INCONCLUSIVE
    assert found.missing == "3,560 operations more, over 10 minutes or more"


async def test_a_long_time_is_put_together_and_loses_nothing(
    ledger: Ledger, ledger_url: str
) -> None:
    days = [finding(n, at_ns=START_NS + n * 7 * MINUTE_NS) for n in range(400)]
    await ledger.record(days, checkpoint=checkpoint(1), lag=NO_LAG)

    gates = users_of(await read_report(ledger_url, gates=BOUNDS))

    assert gates[Gate.LATENCY_P50].value == pytest.approx(2, rel=0.03)
    assert gates[Gate.LATENCY_P50].result is Result.FAIL
    assert gates[Gate.DURATION].value == 399 * 7 * 60


async def test_sweeps_and_divergence_belong_to_their_collection(
    ledger: Ledger, ledger_url: str
) -> None:
    entry = Divergence(namespace="app.swept", document=1, cause="x", since_ns=START_NS)
    await ledger.record(traffic(), checkpoint=checkpoint(1), lag=NO_LAG, diverged=[entry])
    async with opened(ledger_url) as access:
        sweeps = Sweeps(access)
        await sweeps.plan("app.users", 2)
        for chunk in range(2):
            found = SweptChunk(
                namespace="app.users",
                chunk=chunk,
                swept_ns=START_NS + chunk * MINUTE_NS,
                documents=10,
                differing=0,
                uncompared=0,
            )
            await sweeps.swept(found)

    evidence = await read_report(ledger_url, gates=BOUNDS, until_ns=START_NS + 60 * MINUTE_NS)

    other, swept, users = map(by_gate, evidence.gates.collections)
    assert users[Gate.SWEPT].value == 60 * 60
    assert users[Gate.SWEPT].result is Result.PASS
    assert users[Gate.DIVERGENCE].result is Result.PASS
    assert other[Gate.SWEPT].result is Result.INCONCLUSIVE
    assert swept[Gate.DIVERGENCE].result is Result.FAIL
    assert evidence.conclusion.reasons[0] == "1 document differs now"


_VERDICTS = """
    SELECT counts.verdict, sum(counts.n) FROM counts
    JOIN shapes ON shapes.shape = counts.shape
    WHERE shapes.namespace = 'app.users' GROUP BY counts.verdict
"""
_SKETCHES = """
    SELECT latencies.minute, latencies.side, latencies.sketch FROM latencies
    JOIN shapes ON shapes.shape = latencies.shape
    WHERE shapes.namespace = 'app.users' AND latencies.side IN ('legacy', 'gateway')
"""


def unpacked(sketch: bytes) -> list[float]:
    """Return the values of a sketch: indexes of buckets of 1 %, then how many each holds."""
    size = len(sketch) // 6
    numbers = struct.unpack(f"<{size}h{size}I", sketch)
    gamma = 1.01 / 0.99
    return [
        2 * gamma**bucket / (gamma + 1)
        for bucket, n in zip(numbers[:size], numbers[size:], strict=True)
        for _ in range(n)
    ]


def _ratio(minutes: dict[str, dict[int, list[float]]], of: list[int], quantile: float) -> float:
    gateway, legacy = (
        np.quantile(
            [value for minute in of for value in minutes[side][minute]], quantile, method="lower"
        )
        for side in ("gateway", "legacy")
    )
    return float(gateway / legacy)
