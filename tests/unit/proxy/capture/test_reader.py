import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparators.errors import CorruptionError
from proxy.capture.reader import CHUNK_BYTES, CaptureReader, Skipped
from proxy.capture.record import HEADER_BYTES, MAGIC, Harm, Record
from proxy.capture.retention import remove_below
from proxy.capture.segment import SEGMENT_HEADER_BYTES, bases, segment_path
from tests.unit.proxy.capture.logs import (
    SMALL,
    abandon,
    all_records,
    drained,
    read,
    writer_of,
)

REQUESTS = [b"first request", b"second " * 20, b"", b"fourth " + MAGIC * 9, b"fifth"]


def log_of(directory: Path, requests: list[bytes]) -> list[Record]:
    """Write one segment and return its records."""
    writer = writer_of(directory)
    for request in requests:
        read(writer, request)
    writer.close()
    return all_records(directory)


def only_segment(directory: Path) -> Path:
    (base,) = bases(directory)
    return segment_path(directory, base)


def tear(directory: Path, tail: bytes) -> None:
    """Put half a record behind the newest segment, as a process does that is killed in the middle."""
    with segment_path(directory, bases(directory)[-1]).open("ab") as file:
        file.write(tail)


def test_a_log_that_does_not_exist_yet_has_no_records(tmp_path: Path) -> None:
    reader = CaptureReader(tmp_path / "later")

    before = (reader.poll(), reader.end(), reader.log)
    records = log_of(tmp_path / "later", [b"one"])

    assert before == ([], 0, None)
    assert reader.poll() == records
    reader.close()


def test_a_segment_that_grows_byte_by_byte_gives_each_record_when_it_is_whole(
    tmp_path: Path,
) -> None:
    expected = log_of(tmp_path / "whole", REQUESTS)
    data = only_segment(tmp_path / "whole").read_bytes()
    growing = tmp_path / "growing"
    growing.mkdir()
    reader = CaptureReader(growing)
    found: list[Record] = []

    with segment_path(growing, 0).open("wb", buffering=0) as file:
        for length, byte in enumerate(data, start=1):
            file.write(bytes([byte]))
            found += reader.poll()
            assert found == [record for record in expected if record.end <= length]
    reader.close()

    assert reader.take_skipped() == []


def test_no_more_records_than_asked_for(tmp_path: Path) -> None:
    expected = log_of(tmp_path, REQUESTS)
    reader = CaptureReader(tmp_path)

    found = [reader.poll(2), reader.poll(1), reader.poll(0), reader.poll(9), reader.poll(9)]
    reader.close()

    assert found == [expected[:2], expected[2:3], [], expected[3:], []]


def test_large_records_come_one_by_one(tmp_path: Path) -> None:
    expected = log_of(tmp_path, REQUESTS)
    reader = CaptureReader(tmp_path)

    found = [reader.poll(100, max_bytes=1) for _ in range(7)]
    reader.close()

    assert found == [*([record] for record in expected), []]


@pytest.mark.parametrize("at", range(6))
def test_reading_resumes_at_any_record(tmp_path: Path, at: int) -> None:
    expected = log_of(tmp_path, REQUESTS)
    reader = CaptureReader(tmp_path, expected[at].position)

    found = drained(reader)
    reader.close()

    assert found == expected[at:]


def test_a_message_larger_than_a_chunk_is_read_whole(tmp_path: Path) -> None:
    large = bytes(range(256)) * (CHUNK_BYTES // 128)
    expected = log_of(tmp_path, [b"small", large, b"small again"])
    reader = CaptureReader(tmp_path)

    found = drained(reader)
    reader.close()

    assert found == expected
    assert found[2].request == large


def test_the_end_is_where_reading_stops(tmp_path: Path) -> None:
    writer = writer_of(tmp_path, SMALL)
    reader = CaptureReader(tmp_path)

    for request in REQUESTS:
        read(writer, request)
        writer.flush()
        ends = reader.end()
        drained(reader)
        assert reader.backlog_bytes() == 0
        assert reader.position in {ends, ends - SEGMENT_HEADER_BYTES}
    writer.close()
    reader.close()


@pytest.mark.parametrize("tail", [b"", MAGIC, b"\0" * 500])
def test_the_end_is_reached_whatever_a_dead_relay_left_behind(tmp_path: Path, tail: bytes) -> None:
    log_of(tmp_path, REQUESTS)
    tear(tmp_path, tail)
    reader = CaptureReader(tmp_path)

    at_end = [reader.is_at_end]
    reader.poll(2)
    at_end.append(reader.is_at_end)
    drained(reader)
    at_end.append(reader.is_at_end)
    successor = writer_of(tmp_path)
    at_end.append(reader.is_at_end)
    drained(reader)
    at_end.append(reader.is_at_end)
    successor.close()
    reader.close()

    assert at_end == [False, False, True, False, True]


def test_the_backlog_counts_what_lies_ahead(tmp_path: Path) -> None:
    log_of(tmp_path, REQUESTS)
    reader = CaptureReader(tmp_path)

    backlog = [reader.backlog_bytes()]
    (opening,) = reader.poll(1)
    backlog.append(reader.backlog_bytes())
    drained(reader)
    backlog.append(reader.backlog_bytes())
    reader.close()

    size = only_segment(tmp_path).stat().st_size
    assert backlog == [size, size - opening.end, 0]


def test_a_torn_record_is_reported_once_when_the_next_segment_shows_it_will_not_grow(
    tmp_path: Path,
) -> None:
    records = log_of(tmp_path, REQUESTS)
    data = only_segment(tmp_path).read_bytes()
    torn = data[records[-1].position : -1]
    only_segment(tmp_path).write_bytes(data[:-1])
    reader = CaptureReader(tmp_path)

    found = drained(reader)
    early = (reader.poll(), reader.take_skipped())
    later = writer_of(tmp_path)
    read(later, b"later")
    later.close()
    found += drained(reader)

    assert early == ([], [])
    assert [record.request for record in found[1:-2]] == REQUESTS[:-1]
    assert found[-1].request == b"later"
    assert reader.take_skipped() == [Skipped(records[-1].position, len(torn), Harm.TORN)]
    assert (drained(reader), reader.take_skipped()) == ([], [])
    assert (reader.skipped_parts, reader.skipped_bytes) == (1, len(torn))
    reader.close()


@given(st.data())
def test_a_flipped_bit_costs_its_record_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("log")
    records = log_of(directory, REQUESTS)
    path = only_segment(directory)
    flipped = bytearray(path.read_bytes())
    bit = data.draw(st.integers(SEGMENT_HEADER_BYTES * 8, len(flipped) * 8 - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    path.write_bytes(flipped)
    abandon(writer_of(directory))
    harmed = next(record for record in records if record.end > bit // 8)

    reader = CaptureReader(directory)
    found = drained(reader)
    (skipped,) = reader.take_skipped()
    reader.close()

    assert found[:-1] == [record for record in records if record != harmed]
    assert (skipped.position, skipped.length) == (harmed.position, harmed.end - harmed.position)
    assert skipped.reason in {Harm.MAGIC, Harm.HEADER, Harm.PAYLOAD}


@given(st.binary(min_size=1, max_size=300), st.integers(0, 5))
def test_rubbish_between_two_records_costs_neither(
    tmp_path_factory: pytest.TempPathFactory, rubbish: bytes, at: int
) -> None:
    """Behind the rubbish the positions no longer fit, so those records are rubbish, too."""
    directory = tmp_path_factory.mktemp("log")
    records = log_of(directory, REQUESTS)
    path = only_segment(directory)
    data = path.read_bytes()
    cut = records[at].position
    path.write_bytes(data[:cut] + rubbish + data[cut:])
    abandon(writer_of(directory))

    reader = CaptureReader(directory)
    found = drained(reader)
    skipped = reader.take_skipped()
    reader.close()

    assert found[:-1] == records[:at]
    assert sum(part.length for part in skipped) == len(data) + len(rubbish) - cut


def test_damage_at_the_end_of_the_newest_segment_waits_for_what_follows(tmp_path: Path) -> None:
    records = log_of(tmp_path, REQUESTS)
    tear(tmp_path, b"\0" * 5000)
    reader = CaptureReader(tmp_path)

    found = drained(reader)
    waiting = (reader.position, reader.take_skipped())
    abandon(writer_of(tmp_path))
    found += drained(reader)

    assert found[:-1] == records
    assert waiting == (records[-1].end, [])
    assert reader.take_skipped() == [Skipped(records[-1].end, 5000, Harm.MAGIC)]
    reader.close()


def test_a_chunk_full_of_magics_is_searched_through(tmp_path: Path) -> None:
    records = log_of(tmp_path, [MAGIC * 50_000, b"behind"])
    path = only_segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[records[1].position + HEADER_BYTES - 1] ^= 1
    path.write_bytes(data)
    reader = CaptureReader(tmp_path)

    found = drained(reader)
    skipped = reader.take_skipped()
    reader.close()

    assert found == [records[0], records[2]]
    assert skipped == [
        Skipped(records[1].position, records[1].end - records[1].position, Harm.HEADER)
    ]


def test_a_log_stored_inside_a_message_is_not_taken_for_the_log(tmp_path: Path) -> None:
    log_of(tmp_path / "inner", [b"inner"])
    inner = only_segment(tmp_path / "inner").read_bytes()
    records = log_of(tmp_path / "outer", [inner, b"behind"])
    path = only_segment(tmp_path / "outer")
    data = bytearray(path.read_bytes())
    data[records[1].position] ^= 1
    path.write_bytes(data)
    reader = CaptureReader(tmp_path / "outer")

    found = drained(reader)
    reader.close()

    assert found == [records[0], records[2]]


def test_a_damaged_segment_header_costs_nothing_else(tmp_path: Path) -> None:
    first = log_of(tmp_path, [b"one"])
    log_of(tmp_path, [b"two"])
    path = segment_path(tmp_path, bases(tmp_path)[0])
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    reader = CaptureReader(tmp_path)

    found = drained(reader)
    reader.close()

    assert found[: len(first)] == first
    assert found[-1].request == b"two"
    assert reader.take_skipped() == [Skipped(0, SEGMENT_HEADER_BYTES, Harm.SEGMENT)]


def test_removed_segments_that_were_not_read_are_reported(tmp_path: Path) -> None:
    log_of(tmp_path, [b"one"])
    log_of(tmp_path, [b"two"])
    kept = bases(tmp_path)[1]
    remove_below(tmp_path, kept)
    reader = CaptureReader(tmp_path)

    found = drained(reader)
    reader.close()

    assert found[-1].request == b"two"
    assert reader.take_skipped() == [Skipped(0, kept, Harm.MISSING)]


def test_a_segment_of_another_log_is_passed_over(tmp_path: Path) -> None:
    own = log_of(tmp_path / "own", [b"one"])
    log_of(tmp_path / "other", [b"two"])
    base = own[-1].end
    foreign = only_segment(tmp_path / "other").read_bytes()
    segment_path(tmp_path / "own", base).write_bytes(foreign)
    abandoned = segment_path(tmp_path / "own", base + len(foreign))
    abandoned.touch()
    reader = CaptureReader(tmp_path / "own")

    found = drained(reader)
    reader.close()

    assert found == own


def test_a_log_that_took_the_place_of_the_one_being_read_is_refused(tmp_path: Path) -> None:
    log_of(tmp_path, [b"one"] * 9)
    log_of(tmp_path, [b"one"] * 9)
    reader = CaptureReader(tmp_path)
    drained(reader)
    for path in tmp_path.iterdir():
        path.unlink()
    log_of(tmp_path, [b"another"])

    with pytest.raises(CorruptionError, match="another capture log"):
        reader.poll()

    reader.close()


def test_bytes_that_the_writer_cut_off_again_are_forgotten(tmp_path: Path) -> None:
    records = log_of(tmp_path, [b"one", b"two"])
    path = only_segment(tmp_path)
    whole = path.read_bytes()
    torn_at = records[-1].position
    path.write_bytes(whole[: torn_at + HEADER_BYTES + 1])
    reader = CaptureReader(tmp_path)
    before = drained(reader)

    with path.open("r+b") as file:
        file.truncate(torn_at)
    between = drained(reader)
    with path.open("ab") as file:
        file.write(whole[torn_at:])
    behind = drained(reader)
    reader.close()

    assert (before, between, behind) == (records[:-1], [], records[-1:])
    assert reader.take_skipped() == []


def test_a_record_is_read_again_before_it_counts_as_damaged(tmp_path: Path) -> None:
    """A chunk that was read while the writer cut back and went on may hold a mixture of both."""
    records = log_of(tmp_path, [b"one", b"two"])
    path = only_segment(tmp_path)
    sound = path.read_bytes()
    mixed = bytearray(sound)
    mixed[-1] ^= 1
    path.write_bytes(mixed)
    reader = CaptureReader(tmp_path)
    before = reader.poll(2)

    path.write_bytes(sound)
    behind = drained(reader)
    reader.close()

    assert (before, behind) == (records[:2], records[2:])
    assert reader.take_skipped() == []


def test_a_segment_made_within_the_same_tick_of_the_clock_is_seen(tmp_path: Path) -> None:
    log_of(tmp_path, [b"one"])
    reader = CaptureReader(tmp_path)
    drained(reader)
    stamp = tmp_path.stat().st_mtime_ns

    successor = writer_of(tmp_path)
    os.utime(tmp_path, ns=(stamp, stamp))
    found = drained(reader)
    successor.close()
    reader.close()

    assert len(found) == 1
