"""What metrics say of the ledger is what was entered, and what became of it."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from comparators.verdict import Verdict
from proxy.flags.shares import phases_of
from proxy.ledger.access import opened
from proxy.ledger.bounds import Gates
from proxy.ledger.chunks import Chunk, Chunks
from proxy.ledger.engine import NoLedgerError
from proxy.ledger.entries import SAMPLED, Divergence, Resolution
from proxy.ledger.fillings import FillingState
from proxy.ledger.flag_changes import PARALLAX, ROLLED_BACK, FlagChange
from proxy.ledger.read import PresentReader
from proxy.ledger.sweeps import Sweeps, SweptChunk
from proxy.ledger.write import Ledger
from proxy.measures import OF_LEDGER
from proxy.present_metrics import Now, observe_present
from proxy.telemetry import Metrics
from tests.integration.ledger.findings import NO_LAG, checkpoint, finding, mismatch

USERS, FILES = "app.users", "app.files"
BOUNDS = Gates(max_sweep_age_s=1_000)
Series = dict[tuple[str, ...], float]
"""Values by metric and labels."""


@pytest.fixture
def reader() -> InMemoryMetricReader:
    """Give what asks for metrics."""
    return InMemoryMetricReader()


def measured(reader: InMemoryMetricReader) -> Series:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        (metric.name, *(str(value) for _, value in sorted((point.attributes or {}).items()))): (
            point.value
        )
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    }


async def fill(ledger: Ledger, ledger_url: str) -> None:
    """Enter something of everything."""
    now_ns = time.time_ns()
    await ledger.record(
        [mismatch(1, at_ns=now_ns), finding(2, at_ns=now_ns)],
        checkpoint=checkpoint(10, at_ns=now_ns),
        lag=NO_LAG,
        diverged=[
            Divergence(namespace=USERS, document=n, cause="lost", since_ns=now_ns) for n in range(3)
        ],
        resolved=[Resolution(namespace=USERS, document=0, at_ns=now_ns)],
    )
    await ledger.fillings.set({FILES: FillingState.COPYING})
    for why in (f"{ROLLED_BACK}gate mismatches fails", "because I want to"):
        await ledger.flag_changes.enter(
            FlagChange(
                at_ns=now_ns,
                direction="reads",
                namespace=USERS,
                before="canary",
                after="shadow",
                who=PARALLAX,
                why=why,
            )
        )
    async with opened(ledger_url) as access:
        chunks, sweeps = Chunks(access), Sweeps(access)
        await chunks.plan(FILES, [Chunk(ordinal=n) for n in range(4)])
        await chunks.merged(FILES, 0, 25)
        await chunks.merged(FILES, 1, 17)
        await sweeps.plan(USERS, 3)
        await sweeps.plan(FILES, 2)
        for chunk, age_s in ((0, 10), (1, 20), (2, 5_000)):
            swept = SweptChunk(
                namespace=USERS,
                chunk=chunk,
                swept_ns=now_ns - age_s * 10**9,
                documents=100,
                differing=chunk,
                uncompared=0,
            )
            await sweeps.swept(swept)


async def test_what_the_ledger_says_of_now_is_measured(
    ledger: Ledger, ledger_url: str, reader: InMemoryMetricReader
) -> None:
    await fill(ledger, ledger_url)
    reader_of_now = PresentReader(ledger_url, BOUNDS)
    present = await reader_of_now.read()
    await reader_of_now.close()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    now = Now(present=present, phases=phases_of(present.namespaces))
    observe_present(provider.get_meter("parallax"), lambda: now)

    found = measured(reader)
    provider.shutdown()

    assert {name for name, *_ in found} == {declared.name for declared in OF_LEDGER}
    gates = {key[1:]: value for key, value in found.items() if key[0] == "parallax.gate"}
    assert gates[USERS, "mismatches", "fail"] == 1
    assert gates[USERS, "divergence", "fail"] == 1
    assert gates["capture_log", "pass"] == 1
    assert (USERS, "mismatches", "pass") not in gates
    age_s = found.pop(("parallax.sweep.age", USERS))
    assert 5_000 <= age_s < 5_100
    expected: Series = {
        ("parallax.divergent", USERS): 2,
        ("parallax.divergent", FILES): 0,
        ("parallax.rollbacks", USERS, "reads"): 1,
        ("parallax.rollbacks", USERS, "writes"): 0,
        ("parallax.rollbacks", "default", "reads"): 0,
        ("parallax.filling", FILES, "copying"): 1,
        ("parallax.backfill.chunks", FILES, "merged"): 2,
        ("parallax.backfill.chunks", FILES, "left"): 2,
        ("parallax.backfill.documents", FILES): 42,
        ("parallax.sweep.chunks", USERS, "swept"): 2,
        ("parallax.sweep.chunks", USERS, "due"): 1,
        ("parallax.sweep.chunks", FILES, "due"): 2,
        ("parallax.sweep.differing", USERS): 3,
        ("parallax.phase", USERS, "reads", "shadow"): 1.0,
    }
    assert {key: found[key] for key in expected} == expected
    # That one of its chunks was never swept is no age.
    assert ("parallax.sweep.age", FILES) not in found


async def test_what_is_read_over_a_connection_that_was_kept_is_of_now(
    ledger: Ledger, ledger_url: str
) -> None:
    reader = PresentReader(ledger_url, BOUNDS)
    before = await reader.read()
    await fill(ledger, ledger_url)

    after = await reader.read()
    await reader.close()

    assert before.divergent == {}
    assert after.divergent == {USERS: 2}


async def test_a_ledger_that_cannot_be_read_yet_is_read_once_it_is_there(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'later.sqlite'}"
    reader = PresentReader(url, BOUNDS)
    with pytest.raises(NoLedgerError):
        await reader.read()
    ledger = await Ledger.open(url)

    present = await reader.read()
    await reader.close()
    await ledger.close()

    assert not present.namespaces


async def test_rechecks_rules_and_samples_are_counted_once_they_are_on_the_ledger(
    ledger_url: str, reader: InMemoryMetricReader
) -> None:
    provider = MeterProvider([reader], shutdown_on_exit=False)
    ledger = await Ledger.open(ledger_url, metrics=Metrics(provider.get_meter("parallax")))
    sampled: dict[str, Any] = {"verdict": Verdict.NOT_COMPARABLE, "reason": SAMPLED}
    findings = [
        replace(mismatch(1), is_rechecked=True),
        replace(finding(2, verdict=Verdict.TRANSIENT), is_rechecked=True),
        finding(3, verdict=Verdict.MATCH_BY_RULE, rules=("clocks", "order")),
        finding(4, **sampled),
        finding(5, **sampled),
    ]

    await ledger.record(findings, checkpoint=checkpoint(10), lag=NO_LAG)
    await ledger.close()

    found = measured(reader)
    provider.shutdown()
    expected: Series = {
        ("parallax.rechecks", USERS, "mismatch"): 1,
        ("parallax.rechecks", USERS, "transient"): 1,
        ("parallax.rule.hits", USERS, "clocks"): 1,
        ("parallax.rule.hits", USERS, "order"): 1,
        ("parallax.sampled", USERS): 2,
    }
    assert {key: found.get(key) for key in expected} == expected
