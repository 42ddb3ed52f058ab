import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from bson import ObjectId
from sqlalchemy import text

from comparators.errors import CapacityError, RefusedError, SettingsError, UnreachableError
from comparators.verdict import Verdict
from proxy.embedded import EmbeddedPostgres, StopMode
from proxy.ledger.engine import writing_engine
from proxy.ledger.entries import (
    Divergence,
    DivergenceState,
    Drop,
    Dropped,
    Event,
    EventKind,
    Lag,
    Resolution,
)
from proxy.ledger.read import read_report
from proxy.ledger.write import Ledger
from tests.integration.ledger.findings import (
    LOG,
    MINUTE_NS,
    NO_LAG,
    START_NS,
    UPDATE_USERS,
    checkpoint,
    finding,
    mismatch,
)


async def test_a_new_log_has_no_checkpoint(ledger: Ledger) -> None:
    assert await ledger.checkpoint(LOG) is None


async def test_counts_and_checkpoint_appear_together(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record([finding(1), finding(2)], checkpoint=checkpoint(3), lag=NO_LAG)

    evidence = await read_report(ledger_url)
    assert evidence.tally.verdicts == {Verdict.MATCH: 2}
    assert await ledger.checkpoint(LOG) == checkpoint(3)


async def test_batches_add_up(ledger: Ledger, ledger_url: str) -> None:
    for position in range(5):
        await ledger.record(
            [finding(position, legacy_s=0.001 * (position + 1)), mismatch(position)],
            checkpoint=checkpoint(position),
            lag=NO_LAG,
        )

    evidence = await read_report(ledger_url)
    assert evidence.tally.verdicts == {Verdict.MATCH: 5, Verdict.MISMATCH: 5}
    assert evidence.latency.legacy is not None
    assert evidence.latency.legacy.n == 10
    assert [group.n for group in evidence.groups] == [5]


async def test_a_batch_sent_again_is_counted_once(ledger: Ledger, ledger_url: str) -> None:
    batch = [finding(1), mismatch(2)]
    drop = Drop(at_ns=START_NS, namespace="app.users", what=Dropped.READS, reason="full", n=7)

    for _ in range(2):
        await ledger.record(batch, checkpoint=checkpoint(3), lag=NO_LAG, drops=[drop])

    evidence = await read_report(ledger_url)
    assert evidence.tally.verdicts == {Verdict.MATCH: 1, Verdict.MISMATCH: 1}
    assert evidence.tally.dropped == 7


async def test_a_second_verifier_is_refused(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record([finding(9)], checkpoint=checkpoint(10), lag=NO_LAG)

    with pytest.raises(RefusedError, match="from 10 to 5"):
        await ledger.record([finding(4)], checkpoint=checkpoint(5), lag=NO_LAG)

    assert (await read_report(ledger_url)).tally.seen == 1


async def test_a_checkpoint_may_stand_still(ledger: Ledger, ledger_url: str) -> None:
    """An old exchange may take long while later ones are judged."""
    await ledger.record([finding(4)], checkpoint=checkpoint(3), lag=NO_LAG)
    await ledger.record([finding(5)], checkpoint=checkpoint(3), lag=NO_LAG)

    assert (await read_report(ledger_url)).tally.seen == 2


async def test_a_checkpoint_names_the_exchanges_that_are_still_open(ledger: Ledger) -> None:
    waiting = replace(checkpoint(9), open=(3, 5))

    await ledger.record([finding(7)], checkpoint=waiting, lag=NO_LAG)

    assert await ledger.checkpoint(LOG) == waiting


async def test_at_most_three_samples_are_kept_of_a_group(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record([mismatch(1), mismatch(2)], checkpoint=checkpoint(3), lag=NO_LAG)
    await ledger.record([mismatch(4), mismatch(5)], checkpoint=checkpoint(6), lag=NO_LAG)

    (group,) = (await read_report(ledger_url)).groups
    assert group.n == 4
    assert [sample.position for sample in group.samples] == [1, 2, 4]


async def test_mismatches_of_different_paths_are_different_groups(
    ledger: Ledger, ledger_url: str
) -> None:
    await ledger.record(
        [mismatch(1, path="name"), mismatch(2, path="tags.*"), mismatch(3, path="tags.*")],
        checkpoint=checkpoint(4),
        lag=NO_LAG,
    )

    groups = (await read_report(ledger_url)).groups
    assert [(group.path, group.n) for group in groups] == [("tags.*", 2), ("name", 1)]


async def test_reasons_rules_and_drops_are_added_up(ledger: Ledger, ledger_url: str) -> None:
    unsupported = finding(1, verdict=Verdict.UNSUPPORTED, reason="$where", gateway_s=None)
    excused = finding(2, verdict=Verdict.MATCH_BY_RULE, rules=("clock", "clock"))
    drop = Drop(at_ns=START_NS, namespace="app.users", what=Dropped.WRITES, reason="disk", n=2)

    await ledger.record(
        [unsupported, excused], checkpoint=checkpoint(3), lag=NO_LAG, drops=[drop, drop]
    )

    evidence = await read_report(ledger_url)
    (reason,) = evidence.reasons_for(Verdict.UNSUPPORTED)
    assert (reason.reason, reason.n) == ("$where", 1)
    assert [(rule.rule, rule.n) for rule in evidence.rules] == [("clock", 2)]
    assert [(drop.what, drop.n) for drop in evidence.drops] == [(Dropped.WRITES, 4)]


async def test_an_outage_ends_by_being_recorded_again(ledger: Ledger, ledger_url: str) -> None:
    begun = Event(kind=EventKind.GATEWAY_OUTAGE, at_ns=START_NS, log=LOG)
    over = Event(
        kind=EventKind.GATEWAY_OUTAGE, at_ns=START_NS, log=LOG, until_ns=START_NS + MINUTE_NS
    )

    await ledger.record([], checkpoint=checkpoint(1), lag=NO_LAG, events=[begun])
    await ledger.record([], checkpoint=checkpoint(2), lag=NO_LAG, events=[over])

    (event,) = (await read_report(ledger_url)).events
    assert event.until_ns == START_NS + MINUTE_NS


async def test_a_divergence_opens_closes_and_opens_again(ledger: Ledger, ledger_url: str) -> None:
    document = ObjectId()
    first = Divergence(
        namespace="app.users", document=document, cause="state differs", since_ns=START_NS
    )
    later = Divergence(
        namespace="app.users", document=document, cause="lost write", since_ns=START_NS + 5
    )

    await ledger.diverged([first])
    await ledger.diverged([later])
    (opened,) = (await read_report(ledger_url)).divergent
    await ledger.resolved(
        [Resolution(namespace="app.users", document=document, at_ns=START_NS + 9)]
    )
    (closed,) = (await read_report(ledger_url)).divergent
    await ledger.diverged([later])
    (reopened,) = (await read_report(ledger_url)).divergent

    assert (opened.state, opened.cause) == (DivergenceState.OPEN, "state differs")
    assert (closed.state, closed.changed_ns) == (DivergenceState.RESOLVED, START_NS + 9)
    assert (reopened.state, reopened.cause) == (DivergenceState.OPEN, "lost write")
    assert opened.document == str(document)


async def test_divergences_travel_with_a_batch(ledger: Ledger, ledger_url: str) -> None:
    entry = Divergence(namespace="app.users", document=1, cause="in doubt", since_ns=START_NS)
    end = Resolution(
        namespace="app.users", document=1, at_ns=START_NS, state=DivergenceState.RECONCILED
    )

    await ledger.record([], checkpoint=checkpoint(1), lag=NO_LAG, diverged=[entry])
    opened = (await read_report(ledger_url)).divergences
    await ledger.record([], checkpoint=checkpoint(2), lag=NO_LAG, resolved=[end])
    closed = (await read_report(ledger_url)).divergences

    assert opened == {DivergenceState.OPEN: 1}
    assert closed == {DivergenceState.RECONCILED: 1}


async def test_a_ledger_keeps_its_evidence_when_opened_again(
    ledger: Ledger, ledger_url: str
) -> None:
    entry = Divergence(namespace="app.users", document="ada", cause="x", since_ns=START_NS)
    await ledger.record([mismatch(1)], checkpoint=checkpoint(2), lag=NO_LAG, diverged=[entry])

    again = await Ledger.open(ledger_url, about={"parallax": "0.2.0"})
    try:
        await again.resolved([Resolution(namespace="app.users", document="ada", at_ns=START_NS)])
    finally:
        await again.close()

    evidence = await read_report(ledger_url)
    assert evidence.tally.mismatched == 1
    assert evidence.divergences == {DivergenceState.RESOLVED: 1}
    assert evidence.about["parallax"] == "0.2.0"
    assert "redaction_key" not in evidence.about


async def test_shapes_of_one_text_in_two_databases_stay_apart(
    ledger: Ledger, ledger_url: str
) -> None:
    await ledger.record(
        [
            finding(1, namespace="a.users", shape=UPDATE_USERS),
            finding(2, namespace="b.users", shape=UPDATE_USERS),
        ],
        checkpoint=checkpoint(3),
        lag=NO_LAG,
    )

    evidence = await read_report(ledger_url)
    assert [shape.namespace for shape in evidence.shapes] == ["a.users", "b.users"]


async def test_two_writers_at_once_wait_for_each_other(ledger: Ledger, ledger_url: str) -> None:
    async with asyncio.TaskGroup() as tasks:
        for n in range(20):
            entry = Divergence(namespace="a.b", document=n, cause="x", since_ns=START_NS)
            tasks.create_task(ledger.diverged([entry]))

    assert (await read_report(ledger_url)).divergences == {DivergenceState.OPEN: 20}


async def test_a_full_disk_is_a_capacity_error_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger = await Ledger.open(f"sqlite:///{path}")
    try:
        await ledger.record([finding(1)], checkpoint=checkpoint(2), lag=NO_LAG)
        await _limit_pages(ledger, grow_by=0)
        big = [mismatch(n, path=f"field_{'x' * 20}{n % 1000}") for n in range(2000)]

        with pytest.raises(CapacityError, match="cannot grow"):
            await ledger.record(big, checkpoint=checkpoint(5), lag=NO_LAG)
        after_failure = await ledger.checkpoint(LOG)
        await _limit_pages(ledger, grow_by=100_000)
        await ledger.record(big, checkpoint=checkpoint(5), lag=NO_LAG)
    finally:
        await ledger.close()

    evidence = await read_report(f"sqlite:///{path}")
    assert after_failure == checkpoint(2)
    assert evidence.tally.verdicts == {Verdict.MATCH: 1, Verdict.MISMATCH: 2000}


async def _limit_pages(ledger: Ledger, *, grow_by: int) -> None:
    """Give the ledger's file that many pages more, as a disk does that is nearly full."""
    async with ledger._engine.connect() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar_one()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages + grow_by}")


async def test_a_locked_ledger_is_unreachable_and_then_takes_the_same_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("proxy.ledger.engine.BUSY_TIMEOUT_S", 0.05)
    path = tmp_path / "ledger.sqlite"
    ledger = await Ledger.open(f"sqlite:///{path}")
    other = sqlite3.connect(path, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UnreachableError, match="SQLITE_BUSY"):
            await ledger.record([finding(1)], checkpoint=checkpoint(2), lag=NO_LAG)
        other.execute("ROLLBACK")
        await ledger.record([finding(1)], checkpoint=checkpoint(2), lag=NO_LAG)
    finally:
        other.close()
        await ledger.close()

    assert (await read_report(f"sqlite:///{path}")).tally.seen == 1


async def test_a_postgresql_that_went_away_is_unreachable_and_comes_back(
    postgres: EmbeddedPostgres, postgres_dsn: str
) -> None:
    ledger = await Ledger.open(postgres_dsn)
    try:
        await ledger.record([finding(1)], checkpoint=checkpoint(2), lag=NO_LAG)
        await postgres.stop(StopMode.IMMEDIATE)
        try:
            with pytest.raises(UnreachableError):
                await ledger.record([finding(3)], checkpoint=checkpoint(4), lag=NO_LAG)
        finally:
            await postgres.start()
        await ledger.record([finding(3)], checkpoint=checkpoint(4), lag=NO_LAG)
    finally:
        await ledger.close()

    assert (await read_report(postgres_dsn)).tally.seen == 2


async def test_a_wrong_password_is_a_settings_error(postgres_dsn: str) -> None:
    wrong = postgres_dsn.replace("postgres:", "postgres:wrong-", 1)
    assert wrong != postgres_dsn

    with pytest.raises(SettingsError) as refused:
        await Ledger.open(wrong)

    assert "wrong-" not in str(refused.value)


async def test_the_files_of_a_ledger_are_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite"
    ledger = await Ledger.open(f"sqlite:///{path}")
    try:
        await ledger.record([finding(1)], checkpoint=checkpoint(2), lag=NO_LAG)
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    finally:
        await ledger.close()

    assert modes["ledger.sqlite"] == 0o600
    assert set(modes.values()) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_lag_of_the_last_flush_is_the_lag_now(ledger: Ledger, ledger_url: str) -> None:
    await ledger.record(
        [finding(1)], checkpoint=checkpoint(2), lag=Lag(operations=9, seconds=2.5, bytes=100)
    )
    await ledger.record(
        [finding(2)], checkpoint=checkpoint(3), lag=Lag(operations=1, seconds=0.5, bytes=10)
    )

    (beat,) = (await read_report(ledger_url)).heartbeats
    assert (beat.lag_operations, beat.lag_s, beat.lag_bytes) == (1, 0.5, 10)


async def test_a_ledger_that_a_later_parallax_migrated_is_refused(ledger_url: str) -> None:
    ledger = await Ledger.open(ledger_url)
    await ledger.close()
    engine = writing_engine(ledger_url)
    async with engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await engine.dispose()

    with pytest.raises(SettingsError, match="schema 9999"):
        await Ledger.open(ledger_url)
