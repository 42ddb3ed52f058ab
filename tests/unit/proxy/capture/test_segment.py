from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparators.errors import UnreachableError
from proxy.capture.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    bases,
    log_id,
    newest_header,
    segment_path,
)
from tests.unit.proxy.capture.logs import abandon, writer_of

HEADER = SegmentHeader(log=UUID(int=77), base=1000, previous_end=900, created_ns=5, boot=6)


def test_a_header_comes_back_as_it_was() -> None:
    data = HEADER.encode()

    assert len(data) == SEGMENT_HEADER_BYTES
    assert SegmentHeader.decode(data + b"a record") == HEADER


@given(st.integers(min_value=0, max_value=SEGMENT_HEADER_BYTES * 8 - 1))
def test_any_flipped_bit_makes_a_header_unreadable(bit: int) -> None:
    flipped = bytearray(HEADER.encode())
    flipped[bit // 8] ^= 1 << bit % 8

    assert SegmentHeader.decode(bytes(flipped)) is None


@given(st.integers(min_value=0, max_value=SEGMENT_HEADER_BYTES - 1))
def test_a_torn_header_is_none(length: int) -> None:
    assert SegmentHeader.decode(HEADER.encode()[:length]) is None


def test_other_files_are_no_segments(tmp_path: Path) -> None:
    for name in ("writer.lock", "1.log", "x" * 20 + ".log", "0" * 20 + ".log.gz"):
        (tmp_path / name).touch()
    segment_path(tmp_path, 12).touch()

    assert bases(tmp_path) == [12]


def test_a_missing_directory_has_no_segments(tmp_path: Path) -> None:
    assert bases(tmp_path / "none") == []


def test_the_id_of_a_log_that_does_not_exist_yet_is_worth_waiting_for(tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match="no capture log yet"):
        log_id(tmp_path)


def test_the_id_outlives_its_writer_and_a_torn_segment(tmp_path: Path) -> None:
    first = writer_of(tmp_path)
    abandon(first)
    segment_path(tmp_path, 10_000).write_bytes(b"torn")
    second = writer_of(tmp_path)
    second.close()

    assert first.log == second.log == log_id(tmp_path)
    assert newest_header(tmp_path) is not None
