from pathlib import Path

from proxy.capture.limits import MIB, CaptureLimits
from proxy.capture.reader import CaptureReader
from proxy.capture.retention import remove_below, total_bytes
from proxy.capture.segment import bases
from tests.unit.proxy.capture.logs import drained, read, writer_of

ONE_SEGMENT_EACH = CaptureLimits(segment_bytes=1, max_bytes=MIB)


def log_of_four_segments(directory: Path) -> None:
    """Write OPENED and three reads, and leave a fifth segment empty."""
    writer = writer_of(directory, ONE_SEGMENT_EACH)
    for request in (b"one", b"two", b"three"):
        read(writer, request)
        writer.flush()
    writer.close()


def test_only_whole_segments_below_the_position_go(tmp_path: Path) -> None:
    log_of_four_segments(tmp_path)
    before, size = bases(tmp_path), total_bytes(tmp_path)

    freed = remove_below(tmp_path, before[2] + 1)

    assert bases(tmp_path) == before[2:]
    assert freed == size - total_bytes(tmp_path) > 0


def test_a_segment_that_ends_at_the_position_goes(tmp_path: Path) -> None:
    log_of_four_segments(tmp_path)
    before = bases(tmp_path)

    remove_below(tmp_path, before[1] - 1)
    one_byte_short = bases(tmp_path)
    remove_below(tmp_path, before[1])

    assert one_byte_short == before
    assert bases(tmp_path) == before[1:]


def test_the_newest_segment_stays(tmp_path: Path) -> None:
    log_of_four_segments(tmp_path)
    before = bases(tmp_path)

    remove_below(tmp_path, 2**60)

    assert bases(tmp_path) == before[-1:]


def test_nothing_goes_when_the_log_is_kept_on_purpose(tmp_path: Path) -> None:
    log_of_four_segments(tmp_path)
    before = bases(tmp_path)

    assert remove_below(tmp_path, 2**60, keep=True) == 0
    assert bases(tmp_path) == before


def test_a_reader_goes_on_while_its_segments_are_removed(tmp_path: Path) -> None:
    log_of_four_segments(tmp_path)
    reader = CaptureReader(tmp_path)

    records = reader.poll(2)
    remove_below(tmp_path, reader.position)
    records += drained(reader)
    reader.close()

    assert [record.request for record in records[1:]] == [b"one", b"two", b"three"]
    assert reader.take_skipped() == []
