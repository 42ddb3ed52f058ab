from pathlib import Path

import bson
import pytest

from comparators.errors import RefusedError, SettingsError
from proxy.capture.directory import WriterLock
from proxy.capture.gap import Gap, GapReason
from proxy.capture.limits import MIB, CaptureLimits
from proxy.capture.reader import CaptureReader
from proxy.capture.record import LOST, Record, RecordKind
from proxy.capture.retention import remove_below, total_bytes
from proxy.capture.segment import bases, log_id
from proxy.capture.state import MAY_FOLLOW, CaptureState
from proxy.capture.tail import BOOT_HOLE_BYTES, LogTail
from proxy.capture.writer import CaptureWriter
from tests.unit.proxy.capture.logs import (
    COLLECTION,
    SMALL,
    abandon,
    all_records,
    answer,
    drained,
    payloads,
    read,
    write,
    writer_of,
)

KIB = 1024
TIGHT = CaptureLimits(segment_bytes=8 * KIB, max_bytes=64 * KIB, kept_bytes=8 * KIB)


def gaps(records: list[Record]) -> list[Gap]:
    return [Gap.decode(record.request) for record in records if record.kind is RecordKind.GAP]


def fill_to(writer: CaptureWriter, state: CaptureState) -> int:
    """Write until the state is reached; return how many writes were taken."""
    taken = 0
    while writer.state is not state:
        taken += write(writer, b"x" * KIB) != LOST
        writer.tend()
    return taken


def test_an_epoch_begins_with_its_opening(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    writer.close()

    (opening,) = all_records(tmp_path)

    assert opening.kind is RecordKind.OPENED
    assert bson.decode(opening.request) == {"version": "test"}


def test_everything_comes_back_as_it_was_given(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    intent = writer.intent(connection=11, received_ns=12, request=b"write", collection=COLLECTION)
    writer.reply(
        connection=21,
        received_ns=22,
        legacy_ns=23,
        overhead_ns=24,
        intent=intent,
        reply=b"done",
        collection=COLLECTION,
    )
    writer.exchange(
        connection=31,
        received_ns=32,
        legacy_ns=33,
        overhead_ns=34,
        request=bytearray(b"find"),
        reply=memoryview(b"found"),
        collection=COLLECTION,
    )
    writer.closed(connection=41, received_ns=42)
    writer.close()

    assert [record[1:] for record in all_records(tmp_path)[1:]] == [
        (RecordKind.INTENT, 11, 12, 0, 0, 0, b"write", b""),
        (RecordKind.REPLY, 21, 22, 23, 24, intent, b"", b"done"),
        (RecordKind.EXCHANGE, 31, 32, 33, 34, 0, b"find", b"found"),
        (RecordKind.CLOSED, 41, 42, 0, 0, 0, b"", b""),
    ]


def test_an_intent_is_on_the_log_when_it_returns_behind_all_that_came_before(
    tmp_path: Path,
) -> None:
    writer = writer_of(tmp_path)
    read(writer, b"a read")
    buffered = payloads(all_records(tmp_path))

    position = write(writer, b"a write")
    records = all_records(tmp_path)
    abandon(writer)

    assert buffered == []
    assert [record.request for record in records[1:]] == [b"a read", b"a write"]
    assert records[-1].position == position


def test_what_is_buffered_is_written_by_flush(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    read(writer, b"a read")

    writer.flush()

    assert payloads(all_records(tmp_path)) == [(RecordKind.EXCHANGE, b"a read", b"reply")]
    writer.close()


def test_a_turn_with_more_than_one_system_call_takes_is_written_in_order(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    requests = [str(number).encode() for number in range(1000)]

    for request in requests:
        read(writer, request)
    writer.flush()

    assert [record.request for record in all_records(tmp_path)[1:]] == requests
    writer.close()


def test_buffered_messages_take_bounded_memory(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)

    for _ in range(3):
        read(writer, b"x" * MIB)

    assert len(all_records(tmp_path)) == 4
    writer.close()


def test_segments_follow_each_other_without_a_hole(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, SMALL)
    for number in range(20):
        read(writer, b"%d" % number * 30)
        writer.flush()
    writer.close()

    found = bases(tmp_path)
    records = all_records(tmp_path)

    assert len(found) > 5
    assert [record.request for record in records[1:]] == [b"%d" % n * 30 for n in range(20)]
    assert {record.position for record in records} >= {base + 64 for base in found[:-1]}


def test_a_segment_is_left_after_its_time_so_that_it_can_be_removed(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, CaptureLimits(segment_age_s=0))
    read(writer, b"a read")

    writer.tend()
    writer.tend()

    assert len(bases(tmp_path)) == 2 + 1
    writer.close()


def test_a_log_goes_on_in_a_new_segment_under_the_same_id(tmp_path: Path) -> None:
    first = writer_of(tmp_path)
    write(first, b"one")
    abandon(first)
    second = writer_of(tmp_path)
    write(second, b"two")
    second.close()

    records = all_records(tmp_path)

    assert [record.kind for record in records] == [RecordKind.OPENED, RecordKind.INTENT] * 2
    assert log_id(tmp_path) == first.log


def test_after_another_boot_no_position_is_used_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure may take back bytes whose positions the ledger already holds."""
    before = writer_of(tmp_path)
    write(before, b"before")
    before.close()
    monkeypatch.setattr("proxy.capture.tail._boot", lambda: 1)
    after = writer_of(tmp_path)
    write(after, b"after")
    after.close()

    records = all_records(tmp_path)

    assert [record.request for record in records[1::2]] == [b"before", b"after"]
    assert records[2].position > BOOT_HOLE_BYTES
    assert LogTail(tmp_path).log.hex == before.log


def test_a_second_writer_is_refused(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)

    with pytest.raises(RefusedError, match="holds this capture directory"):
        writer_of(tmp_path)

    writer.close()
    writer_of(tmp_path).close()


def test_limits_under_which_the_log_could_stay_full_for_ever_are_refused() -> None:
    with pytest.raises(SettingsError, match="fewer than 4 segments"):
        CaptureLimits(segment_bytes=MIB, max_bytes=3 * MIB)


def test_above_the_soft_limit_reads_are_dropped_and_writes_are_not(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, TIGHT)
    taken = fill_to(writer, CaptureState.SHEDDING)

    read(writer, b"a read")
    read(writer, b"a read")
    intent = write(writer, b"a write")
    answer(writer, intent, b"done")
    writer.tend()
    records = all_records(tmp_path)
    writer.close()

    assert sum(record.kind is RecordKind.INTENT for record in records) == taken + 1
    assert not any(record.kind is RecordKind.EXCHANGE for record in records)
    (gap,) = gaps(records)
    assert (gap.reason, gap.dropped_reads, gap.lost_writes) == (
        GapReason.SOFT_LIMIT,
        {COLLECTION: 2},
        {},
    )
    assert writer.dropped_reads == 2


def test_reads_come_back_when_verified_segments_were_removed(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, TIGHT)
    fill_to(writer, CaptureState.SHEDDING)

    remove_below(tmp_path, bases(tmp_path)[-1])
    writer.tend()
    read(writer, b"a read")
    writer.close()

    reader = CaptureReader(tmp_path)
    assert drained(reader)[-1].request == b"a read"
    reader.close()


def test_at_the_hard_limit_writes_are_kept_then_counted_and_the_log_stays_within_its_size(
    tmp_path: Path,
) -> None:
    writer = writer_of(tmp_path, TIGHT)
    fill_to(writer, CaptureState.FULL)
    writer.tend()
    at_limit = writer.lost_writes

    for number in range(20):
        assert write(writer, b"kept or lost %d" % number * 50, f"shop.c{number % 2}") == LOST
        read(writer, b"a read")
    writer.tend()

    assert total_bytes(tmp_path) <= TIGHT.max_bytes
    assert 0 < writer.lost_writes - at_limit < 20
    assert writer.state is CaptureState.FULL
    writer.close()
    assert total_bytes(tmp_path) <= TIGHT.max_bytes


def test_kept_writes_follow_the_gap_in_order_and_in_doubt_once_there_is_room(
    tmp_path: Path,
) -> None:
    writer = writer_of(tmp_path, TIGHT)
    unanswered = write(writer, b"answered too late")
    fill_to(writer, CaptureState.FULL)
    kept_before = len(writer._losses.take_kept())
    answer(writer, unanswered, b"done")
    intents = [write(writer, b"kept %d" % number) for number in range(3)]
    for intent in intents:
        answer(writer, intent, b"done")
    writer.closed(connection=1, received_ns=3)

    remove_below(tmp_path, bases(tmp_path)[-1])
    writer.tend()
    write(writer, b"live again")
    writer.close()
    reader = CaptureReader(tmp_path)
    records = drained(reader)
    reader.close()

    assert kept_before == 1
    at = max(number for number, found in enumerate(records) if found.kind is RecordKind.GAP)
    story = records[at + 1 :]
    assert [(record.kind, record.request) for record in story] == [
        (RecordKind.REPLY, b""),
        (RecordKind.INTENT, b"kept 0"),
        (RecordKind.REPLY, b""),
        (RecordKind.INTENT, b"kept 1"),
        (RecordKind.REPLY, b""),
        (RecordKind.INTENT, b"kept 2"),
        (RecordKind.REPLY, b""),
        (RecordKind.CLOSED, b""),
        (RecordKind.INTENT, b"live again"),
    ]
    assert story[0].intent == unanswered
    assert [story[number].intent for number in (2, 4, 6)] == [
        story[number].position for number in (1, 3, 5)
    ]
    assert all(record.reply == b"" for record in story)
    assert gaps(records)[-1].in_doubt == 4


def test_writes_that_wait_always_fit_into_a_log_that_was_emptied(tmp_path: Path) -> None:
    limits = CaptureLimits(segment_bytes=8 * KIB, max_bytes=64 * KIB)
    writer = writer_of(tmp_path, limits)
    fill_to(writer, CaptureState.FULL)
    for _ in range(1000):
        write(writer, b"waits")

    remove_below(tmp_path, bases(tmp_path)[-1])
    writer.tend()

    assert limits.kept_bytes > limits.max_bytes
    assert writer.state is CaptureState.WRITING
    writer.close()


def test_what_has_no_room_at_the_end_is_in_the_last_gap(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, TIGHT)
    fill_to(writer, CaptureState.FULL)
    write(writer, b"kept", "shop.last")

    writer.close()

    assert gaps(all_records(tmp_path))[-1].lost_writes["shop.last"] == 1


def test_an_epoch_that_was_killed_while_it_lost_writes_is_told_by_the_next(
    tmp_path: Path,
) -> None:
    writer = writer_of(tmp_path, TIGHT)
    fill_to(writer, CaptureState.FULL)
    write(writer, b"nobody will know")
    abandon(writer)
    remove_below(tmp_path, bases(tmp_path)[-1])

    writer_of(tmp_path, TIGHT).close()
    writer_of(tmp_path, TIGHT).close()
    reader = CaptureReader(tmp_path)
    kinds_and_reasons = [
        Gap.decode(record.request).reason if record.kind is RecordKind.GAP else record.kind
        for record in drained(reader)
    ]
    reader.close()

    assert kinds_and_reasons[-3:] == [
        RecordKind.OPENED,
        GapReason.ENDED_FAILING,
        RecordKind.OPENED,
    ]


def test_a_removed_directory_is_made_again_and_the_hole_is_seen(tmp_path: Path) -> None:
    directory = tmp_path / "capture"
    writer = writer_of(directory)
    write(writer, b"before")
    for path in directory.iterdir():
        path.unlink()
    directory.rmdir()
    gone = write(writer, b"into the void")

    writer.tend()
    write(writer, b"behind")
    with pytest.raises(RefusedError):
        WriterLock(directory)
    writer.close()
    reader = CaptureReader(directory)
    records = drained(reader)
    (hole,) = reader.take_skipped()
    reader.close()

    assert [record.request for record in records][-1] == b"behind"
    assert hole.position <= gone < hole.position + hole.length
    assert reader.log == writer.log


def test_the_first_failure_is_logged_at_once_and_then_once_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("proxy.capture.reports.time.monotonic", lambda: now)
    writer = writer_of(tmp_path, TIGHT)
    logged: list[str] = []
    monkeypatch.setattr(writer._reports, "_log", Recorder(logged))
    fill_to(writer, CaptureState.SHEDDING)

    for _ in range(3):
        writer.tend()
    first = list(logged)
    now += 61
    writer.tend()
    writer.close()

    assert first == ["capture_shedding"]
    assert logged == ["capture_shedding"] * 2


def test_nothing_is_taken_after_the_end(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    writer.close()

    assert write(writer, b"late") == LOST
    read(writer, b"late")
    writer.closed(connection=1, received_ns=2)
    writer.flush()
    writer.close()

    assert len(all_records(tmp_path)) == 1
    assert writer.state is CaptureState.CLOSED


def test_nothing_follows_the_end_and_everything_else_may_end() -> None:
    assert set(MAY_FOLLOW) == set(CaptureState)
    assert MAY_FOLLOW[CaptureState.CLOSED] == frozenset()
    assert all(
        CaptureState.CLOSED in MAY_FOLLOW[state] and state not in MAY_FOLLOW[state]
        for state in set(CaptureState) - {CaptureState.CLOSED}
    )


class Recorder:
    """Take the place of a logger and keep the names of events."""

    def __init__(self, events: list[str]) -> None:
        self._events = events

    def warning(self, event: str, **_fields: object) -> None:
        self._events.append(event)

    def info(self, event: str, **_fields: object) -> None:
        self._events.append(event)
