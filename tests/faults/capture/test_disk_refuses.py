"""A disk that takes no more bytes: RLIMIT_FSIZE cuts writes short and then fails them, for every user.

The kernel writes what still fits and fails the rest with EFBIG, as it does with ENOSPC on a full disk.
Source: setrlimit(2), RLIMIT_FSIZE.
"""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.capture.gap import Gap, GapReason
from proxy.capture.reader import CaptureReader
from proxy.capture.record import HEADER_BYTES, LOST, Record, RecordKind
from proxy.capture.segment import SEGMENT_HEADER_BYTES, bases, segment_path
from proxy.capture.state import CaptureState
from proxy.capture.writer import CaptureWriter
from tests.unit.proxy.capture.logs import (
    COLLECTION,
    abandon,
    all_records,
    answer,
    drained,
    payloads,
    read,
    write,
    writer_of,
)

NO_SEGMENT = SEGMENT_HEADER_BYTES - 1
WRITE = b"a write of some length"


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let no file of this process grow beyond `size`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[CaptureWriter]:
    made = writer_of(tmp_path)
    yield made
    made.close()


def newest_size(directory: Path) -> int:
    return segment_path(directory, bases(directory)[-1]).stat().st_size


def told(record: Record) -> tuple[RecordKind, bytes]:
    return record.kind, record.request


@pytest.mark.parametrize("bytes_that_fit", [0, 1, HEADER_BYTES, HEADER_BYTES + len(WRITE) - 1])
def test_a_write_cut_short_is_kept_and_no_torn_bytes_stay(
    tmp_path: Path, writer: CaptureWriter, bytes_that_fit: int
) -> None:
    before = write(writer, b"before")
    size = newest_size(tmp_path)

    with files_end_at(size + bytes_that_fit):
        lost = write(writer, WRITE)
    failed = (writer.state, newest_size(tmp_path))
    writer.tend()
    behind = write(writer, b"behind")
    records = all_records(tmp_path)

    assert lost == LOST
    assert failed == (CaptureState.FAILING, size)
    assert before < records[-3].position < behind
    assert [told(record) for record in records if record.kind is not RecordKind.GAP][1:] == [
        (RecordKind.INTENT, b"before"),
        (RecordKind.INTENT, WRITE),
        (RecordKind.REPLY, b""),
        (RecordKind.INTENT, b"behind"),
    ]


def test_whole_records_of_a_write_cut_short_stay_and_the_others_are_told(
    tmp_path: Path, writer: CaptureWriter
) -> None:
    answered = write(writer, b"answered")
    size = newest_size(tmp_path)
    answer(writer, answered, b"this fits")
    read(writer, b"this does not fit")
    room = HEADER_BYTES + len(b"this fits") + 30

    with files_end_at(size + room):
        lost = write(writer, b"nor does this")
        answer(writer, lost, b"and this waits for nobody")
        writer.flush()
    writer.tend()
    records = all_records(tmp_path)

    assert payloads(records[:3]) == [
        (RecordKind.INTENT, b"answered", b""),
        (RecordKind.REPLY, b"", b"this fits"),
    ]
    gap = Gap.decode(records[3].request)
    assert (gap.reason, gap.dropped_reads, gap.lost_writes, gap.in_doubt) == (
        GapReason.WRITE_FAILED,
        {COLLECTION: 1},
        {},
        1,
    )
    assert payloads(records[4:]) == [
        (RecordKind.INTENT, b"nor does this", b""),
        (RecordKind.REPLY, b"", b""),
    ]
    assert records[5].intent == records[4].position


def test_a_lost_reply_leaves_its_write_in_doubt(tmp_path: Path, writer: CaptureWriter) -> None:
    intent = write(writer, WRITE)
    answer(writer, intent, b"lost")

    with files_end_at(newest_size(tmp_path)):
        writer.flush()
    writer.tend()
    last = all_records(tmp_path)[-1]

    assert (last.kind, last.intent, last.reply) == (RecordKind.REPLY, intent, b"")


def test_nothing_is_raised_while_the_disk_stays_full_and_the_order_is_kept(
    tmp_path: Path, writer: CaptureWriter
) -> None:
    requests = [b"write %d" % number for number in range(200)]

    with files_end_at(NO_SEGMENT):
        for request in requests:
            answer(writer, write(writer, request), b"done")
            read(writer, b"a read")
            writer.flush()
            writer.tend()
        left = (writer.state, len(bases(tmp_path)))
    writer.tend()
    live = write(writer, b"live again")
    records = all_records(tmp_path)

    assert left == (CaptureState.FAILING, 1)
    assert writer.state is CaptureState.WRITING
    intents = [record.request for record in records if record.kind is RecordKind.INTENT]
    assert intents == [*requests, b"live again"]
    (gap,) = [Gap.decode(record.request) for record in records if record.kind is RecordKind.GAP]
    assert (gap.in_doubt, gap.dropped_reads, gap.lost_writes) == (200, {COLLECTION: 200}, {})
    assert records[-1].position == live


def test_a_disk_that_refuses_again_while_kept_writes_are_written_loses_none_of_them(
    tmp_path: Path, writer: CaptureWriter
) -> None:
    requests = [b"write %d" % number for number in range(600)]
    with files_end_at(NO_SEGMENT):
        for request in requests:
            write(writer, request)

    for limit in (400, 3_000, 24_000, 25_000):
        with files_end_at(limit):
            writer.tend()
            assert writer.state is CaptureState.FAILING
    writer.tend()
    records = all_records(tmp_path)

    intents = [record for record in records if record.kind is RecordKind.INTENT]
    replies = {record.intent for record in records if record.kind is RecordKind.REPLY}
    assert [record.request for record in intents] == requests
    assert replies == {record.position for record in intents}
    assert len(bases(tmp_path)) > 2


def test_a_relay_that_begins_on_a_full_disk_serves_and_opens_its_epoch_later(
    tmp_path: Path,
) -> None:
    with files_end_at(NO_SEGMENT):
        writer = writer_of(tmp_path)
        lost = write(writer, WRITE)
        state = writer.state
    writer.tend()
    writer.close()

    assert (lost, state) == (LOST, CaptureState.FAILING)
    assert [record.kind for record in all_records(tmp_path)] == [
        RecordKind.OPENED,
        RecordKind.GAP,
        RecordKind.INTENT,
        RecordKind.REPLY,
    ]


def test_a_relay_killed_while_the_disk_was_full_is_told_of_by_the_next(tmp_path: Path) -> None:
    writer = writer_of(tmp_path)
    with files_end_at(NO_SEGMENT):
        write(writer, b"only in memory")
    abandon(writer)

    writer_of(tmp_path).close()
    gap = Gap.decode(all_records(tmp_path)[-1].request)

    assert gap.reason is GapReason.ENDED_FAILING


def test_a_reader_that_follows_meanwhile_sees_every_record_once_and_no_damage(
    tmp_path: Path, writer: CaptureWriter
) -> None:
    reader = CaptureReader(tmp_path)
    found: list[Record] = []

    for number in range(30):
        with files_end_at(newest_size(tmp_path) + number * 7):
            write(writer, b"%d" % number)
            found += drained(reader)
        writer.tend()
        found += drained(reader)
    reader.close()

    intents = [record.request for record in found if record.kind is RecordKind.INTENT]
    assert intents == [b"%d" % number for number in range(30)]
    assert reader.take_skipped() == []
