from pathlib import Path

import pytest

from adapters.injection import DefectKind, DefectRecord, Entry, EntryKind, digest_of, read_record
from comparators.canonical import document_key
from comparators.errors import CorruptionError
from comparators.operation import Kind, Operation

STORED = Entry(
    kind=EntryKind.STORED,
    namespace="d.c",
    defect=DefectKind.LOST_FIELD,
    document=document_key("an id"),
)
ANSWERED = Entry(
    kind=EntryKind.ANSWERED,
    namespace="d.c",
    defect=DefectKind.WRONG_COUNT,
    operation="abc",
    position=7,
)


def test_entries_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "defects.jsonl"

    with DefectRecord(path) as record:
        record.add(STORED)
        record.add(ANSWERED)

    assert list(read_record(path)) == [STORED, ANSWERED]


def test_an_entry_is_written_once_and_a_change_each_time(tmp_path: Path) -> None:
    path = tmp_path / "defects.jsonl"

    with DefectRecord(path) as record:
        record.add(STORED)
        record.add(STORED)
        record.changed(ANSWERED)
        record.changed(ANSWERED)

    assert list(read_record(path)) == [STORED, ANSWERED, ANSWERED]


def test_a_record_that_was_never_begun_is_empty(tmp_path: Path) -> None:
    assert list(read_record(tmp_path / "nothing")) == []


def test_a_broken_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "defects.jsonl"
    path.write_text("{}\n")

    with pytest.raises(CorruptionError) as failed:
        list(read_record(path))

    assert failed.value.where == f"{path}:1"


def test_operations_with_other_values_have_other_digests() -> None:
    def digest(**arguments: object) -> str:
        return digest_of(
            Operation(database="d", collection="c", kind=Kind.FIND, arguments=arguments)
        )

    assert digest(filter={"a": 1}) == digest(filter={"a": 1})
    assert digest(filter={"a": 1}) != digest(filter={"a": 1.0})
