from pathlib import Path

import pytest
from bson import ObjectId
from bson.int64 import Int64

from comparators.errors import SettingsError
from proxy.jobs.bench.files import UNNAMED, read_operations
from proxy.jobs.bench.operations import decoded


def written(directory: Path, *lines: str) -> Path:
    file = directory / "operations.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    return file


def test_a_file_holds_commands_setup_and_transactions(tmp_path: Path) -> None:
    found = read_operations(
        written(
            tmp_path,
            '{"setup": {"insert": "a", "documents": [{"_id": {"$oid": "64f0c1a2b3d4e5f6a7b8c9d0"}}]}}',
            '{"find": "a", "filter": {"n": {"$numberLong": "3"}}}',
            "",
            '{"transaction": [{"insert": "a", "documents": [{}]}, {"count": "a"}]}',
            '{"position": 4, "request": {"find": "b", "$db": "shop"}}',
            '{"position": 9, "undecodable": true}',
            '{"serverStatus": 1, "$db": "shop"}',
        )
    )

    documents = decoded(found.setup[0])["documents"]
    assert documents == [{"_id": ObjectId("64f0c1a2b3d4e5f6a7b8c9d0")}]
    find = decoded(found.units[0].commands[0])
    assert find == {"find": "a", "filter": {"n": 3}, "$db": UNNAMED}
    assert isinstance(find["filter"]["n"], Int64)
    assert [unit.name for unit in found.units] == ["find", "transaction", "find"]
    assert found.databases == (UNNAMED, "shop")
    assert found.left_out == {"a message that could not be decoded": 1, "serverStatus": 1}


@pytest.mark.parametrize(
    "line",
    [
        "find",
        "[1]",
        "{}",
        '{"find": {"$oid": "no"}}',
        '{"transaction": []}',
        '{"transaction": [{"drop": "a"}]}',
        '{"transaction": ["find"]}',
    ],
)
def test_a_line_that_holds_no_operation_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(SettingsError) as raised:
        read_operations(written(tmp_path, '{"find": "a"}', line))

    assert raised.value.where.endswith("operations.jsonl:2")


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "operations.jsonl"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(SettingsError, match="cannot be read"):
        read_operations(file)
