from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from comparators.errors import SettingsError
from comparators.outcome import Answered
from comparators.verdict import Verdict
from proxy.ledger.engine import writing_engine
from proxy.ledger.entries import Divergence, Drop, Dropped, Event, EventKind, Lag
from proxy.ledger.read import DivergenceState, Result, read_report, read_standing, status
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
from tests.unit.proxy.ledger.facts import UNASKED


async def test_a_new_ledger_is_inconclusive(ledger: Ledger, ledger_url: str) -> None:
    evidence = await read_report(ledger_url)

    assert evidence.conclusion.result is Result.INCONCLUSIVE
    assert evidence.conclusion.reasons == ("no operation was verified",)
    assert evidence.tally.coverage is None
    assert evidence.latency.legacy is None
    assert evidence.progress.moments == ()


async def test_a_clean_run_passes_with_its_bound(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record([finding(n) for n in range(300)], checkpoint=checkpoint(300), lag=NO_LAG)

    evidence = await read_report(ledger_url, gates=UNASKED)

    assert evidence.conclusion.result is Result.PASS
    assert evidence.tally.coverage == 1.0
    assert evidence.tally.mismatch_bound == pytest.approx(3 / 300, rel=0.01)


async def test_a_mismatch_fails_and_raises_the_bound(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record([finding(1), mismatch(2)], checkpoint=checkpoint(3), lag=NO_LAG)

    evidence = await read_report(ledger_url)

    assert evidence.conclusion.result is Result.FAIL
    assert evidence.tally.mismatch_bound == pytest.approx(0.975, abs=0.001)


async def test_a_window_counts_its_minutes_alone(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record(
        [
            mismatch(1, at_ns=START_NS),
            finding(2, at_ns=START_NS + MINUTE_NS),
            finding(3, at_ns=START_NS + 2 * MINUTE_NS, verdict=Verdict.UNSUPPORTED, reason="$x"),
        ],
        checkpoint=checkpoint(4),
        lag=NO_LAG,
        drops=[Drop(at_ns=START_NS, namespace="app.users", what=Dropped.READS, reason="x", n=1)],
        events=[
            Event(
                kind=EventKind.GATEWAY_OUTAGE,
                at_ns=START_NS + MINUTE_NS // 2,
                until_ns=START_NS + MINUTE_NS + 5,
            ),
            Event(kind=EventKind.RELAY_STARTED, at_ns=START_NS),
        ],
    )

    whole = await read_report(ledger_url)
    middle = await read_report(
        ledger_url, gates=UNASKED, since_ns=START_NS + MINUTE_NS, until_ns=START_NS + MINUTE_NS + 10
    )

    assert whole.tally.seen == 4
    assert middle.tally.verdicts == {Verdict.MATCH: 1}
    assert middle.tally.dropped == 0
    assert middle.groups == ()
    assert middle.reasons == ()
    assert [event.kind for event in middle.events] == [EventKind.GATEWAY_OUTAGE]
    assert middle.conclusion.result is Result.PASS
    assert middle.latency.legacy is not None
    assert middle.latency.legacy.n == 1


async def test_latency_has_both_sides_and_their_ratio(ledger: Ledger, ledger_url: str) -> None:
    findings = [finding(n, legacy_s=0.001, gateway_s=0.003) for n in range(100)]
    findings += [
        finding(n, shape=UPDATE_USERS, legacy_s=0.1, gateway_s=None) for n in range(100, 103)
    ]
    await ledger.record(findings, checkpoint=checkpoint(200), lag=NO_LAG)

    evidence = await read_report(ledger_url)

    (users,) = evidence.collections
    find, update = evidence.shapes
    assert users.latency.legacy is not None
    assert users.latency.legacy.n == 103
    assert users.latency.legacy.p99_s == pytest.approx(0.1, rel=0.02)
    assert find.latency.ratio == pytest.approx(3, rel=0.03)
    assert update.latency.gateway is None
    assert update.latency.ratio is None


async def test_collections_add_up_to_the_whole(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record(
        [finding(1), finding(2, namespace="app.a"), mismatch(3, namespace="app.a")],
        checkpoint=checkpoint(4),
        lag=NO_LAG,
        drops=[Drop(at_ns=START_NS, namespace="app.b", what=Dropped.READS, reason="x", n=5)],
    )

    evidence = await read_report(ledger_url)

    seen = {one.namespace: one.tally.seen for one in evidence.collections}
    assert seen == {"app.b": 5, "app.a": 2, "app.users": 1}
    assert evidence.tally.seen == 8
    assert "too few operations were verified in app.a and 2 more" in evidence.conclusion.reasons


async def test_a_time_line_keeps_its_sums_and_its_highest_lag(
    ledger: Ledger, ledger_url: str
) -> None:
    for second in range(300):
        await ledger.record(
            [finding(second)],
            checkpoint=checkpoint(second, at_ns=START_NS + second * 1_000_000_000),
            lag=Lag(operations=second, seconds=second / 10, bytes=second * 100),
        )

    progress = (await read_report(ledger_url)).progress

    assert len(progress.moments) <= 120
    assert sum(moment.seen for moment in progress.moments) == 300
    assert progress.moments[-1].lag_operations == 299
    assert progress.moments[-1].lag_s == pytest.approx(29.9)


async def test_status_agrees_with_the_report(ledger: Ledger, ledger_url: str) -> None:
    entry = Divergence(namespace="app.users", document=1, cause="x", since_ns=START_NS)
    await ledger.record(
        [finding(1), mismatch(2)], checkpoint=checkpoint(3), lag=NO_LAG, diverged=[entry]
    )

    now = await status(ledger_url)
    standing = await read_standing(ledger_url)
    evidence = await read_report(ledger_url)

    assert now.tally == evidence.tally
    assert standing.conclusion == evidence.conclusion
    assert standing.gates.collections == evidence.gates.collections
    assert now.divergences == {DivergenceState.OPEN: 1}
    assert [position.position for position in now.positions] == [3]


async def test_a_silent_verifier_with_a_backlog_is_inconclusive(
    ledger: Ledger, ledger_url: str
) -> None:
    """Its last heartbeat is years old: the clock of these findings stands still."""
    await ledger.record(
        [finding(1)],
        checkpoint=checkpoint(2, at_ns=START_NS - 10**18),
        lag=Lag(operations=3, seconds=0.1, bytes=300),
    )

    now = await read_standing(ledger_url, UNASKED)

    assert now.conclusion.result is Result.INCONCLUSIVE
    assert "with 3 operations to go" in now.conclusion.reasons[0]


async def test_a_missing_ledger_is_a_settings_error(ledger_url: str) -> None:
    with pytest.raises(SettingsError, match="there is no ledger yet"):
        await read_report(ledger_url)


async def test_reading_does_not_create_a_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        await status(f"sqlite:///{tmp_path / 'none.sqlite'}")

    assert list(tmp_path.iterdir()) == []


async def test_a_ledger_of_another_version_is_refused(ledger: Ledger, ledger_url: str) -> None:
    engine = writing_engine(ledger_url)
    async with engine.begin() as connection:
        await connection.execute(
            sa.update(sa.table("alembic_version", sa.column("version_num"))).values(
                version_num="9999"
            )
        )
    await engine.dispose()

    with pytest.raises(SettingsError, match="schema 9999"):
        await read_report(ledger_url)


async def test_a_report_is_read_while_the_verifier_writes(ledger: Ledger, ledger_url: str) -> None:
    for position in range(10):
        await ledger.record([finding(position)], checkpoint=checkpoint(position), lag=NO_LAG)
        assert (await status(ledger_url)).tally.seen == position + 1


async def test_ways_to_find_documents_add_up_by_shape(ledger: Ledger, ledger_url: str) -> None:
    ways = [Answered.PUSHED_DOWN, Answered.PUSHED_DOWN, Answered.SCANNED, None]
    findings = [replace(finding(n), answered=way) for n, way in enumerate(ways)]
    await ledger.record(findings, checkpoint=checkpoint(4), lag=NO_LAG)

    [shape] = (await read_report(ledger_url)).shapes

    assert shape.answers == {Answered.PUSHED_DOWN: 2, Answered.SCANNED: 1}


async def test_the_last_plan_of_a_shape_is_kept(ledger: Ledger, ledger_url: str) -> None:
    plans = [None, "Seq Scan", "Index Scan", None]
    findings = [replace(finding(n), plan=plan, gateway_s=0.2 + n) for n, plan in enumerate(plans)]
    await ledger.record(findings, checkpoint=checkpoint(4), lag=NO_LAG)

    [plan] = (await read_report(ledger_url)).plans

    assert (plan.plan, plan.gateway_s) == ("Index Scan", 2.2)
