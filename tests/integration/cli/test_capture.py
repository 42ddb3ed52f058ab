"""`parallax capture` and what `parallax replay` refuses, on a log made by hand."""

import shutil
import stat
from pathlib import Path

import pytest

from proxy.capture.directory import ReaderLock
from proxy.capture.segment import SEGMENT_HEADER_BYTES
from tests.integration.cli.command import Ran, assert_three_lines, parallax
from tests.unit.proxy.capture.logs import all_records, writer_of
from tests.unit.proxy.shadow.records import message, reply

SECRET = "ada@example.org"
NOBODY = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Give a log with a write and a read that hold something nobody may see."""
    directory = tmp_path / "capture"
    writer = writer_of(directory)
    document = {"_id": 1, "email": SECRET, "n": 71234, "key": {"code": 71234}, "limit": SECRET}
    insert = message({"insert": "users", "$db": "shop"}, documents=[document])
    find = message({"find": "users", "filter": {"email": SECRET}, "limit": 5, "$db": "shop"})
    answer = {"cursor": {"id": 0, "ns": "shop.users", "firstBatch": [document]}}
    refusal = {"ok": 0.0, "code": 11000, "errmsg": f"dup key {SECRET}", "keyValue": {"e": SECRET}}
    for n, (request, answered) in enumerate(
        ((insert, reply(7, n=1)), (insert, message(refusal)), (insert, b""))
    ):
        intent = writer.intent(
            connection=1, received_ns=n * 10**9, request=request, collection="shop.users"
        )
        writer.reply(
            connection=1,
            received_ns=n * 10**9,
            legacy_ns=10**6,
            overhead_ns=10,
            intent=intent,
            reply=answered,
            collection="shop.users",
        )
    writer.exchange(
        connection=1,
        received_ns=5 * 10**9,
        legacy_ns=10**6,
        overhead_ns=10,
        request=find,
        reply=reply(8, **answer),
        collection="shop.users",
    )
    writer.close()
    return directory


async def capture(*arguments: str, directory: Path) -> Ran:
    return await parallax(
        "capture", *arguments, directory=directory, environment={"COLUMNS": "150"}
    )


async def test_a_log_is_shown_without_any_value(log: Path, tmp_path: Path) -> None:
    listed = await capture("ls", str(log), directory=tmp_path)
    shown = await capture("show", str(log), "--full", directory=tmp_path)
    exported = await capture("export", str(log), "--out", "out/safe.jsonl", directory=tmp_path)
    revealing = await capture(
        "export",
        str(log),
        "--out",
        "all.jsonl",
        "--with-values",
        "--kind",
        "find",
        directory=tmp_path,
    )

    assert ("shop.users", "insert", "3") in {
        tuple(line.split()) for line in listed.out.splitlines()
    }
    assert "4 operations, 1 writes without an answer" in listed.out
    assert "filter{email:=} limit" in shown.out
    assert "code 11000" in shown.out
    safe = (tmp_path / "out" / "safe.jsonl").read_text()
    assert len(safe.splitlines()) == 4
    for text in (listed.printed, shown.printed, exported.printed, safe):
        assert SECRET not in text
        assert "71234" not in text
    values = (tmp_path / "all.jsonl").read_text()
    assert len(values.splitlines()) == 1, revealing.printed
    assert SECRET in values
    assert '{"$numberInt": "71234"}' in values
    assert stat.S_IMODE((tmp_path / "all.jsonl").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700


async def test_damage_is_named_with_its_position(log: Path, tmp_path: Path) -> None:
    second = all_records(log)[1]
    segment = next(log.glob("*.log"))
    content = bytearray(segment.read_bytes())
    content[second.position + 70] ^= 1
    torn_at = len(content)
    content += content[SEGMENT_HEADER_BYTES : SEGMENT_HEADER_BYTES + 40]
    segment.write_bytes(content)

    listed = await capture("ls", str(log), directory=tmp_path)

    assert (
        f"payload checksum at {second.position} ({second.end - second.position} bytes)"
        in listed.out
    )
    assert f"at {torn_at} (40 bytes)" in listed.out
    assert listed.code == 0


async def test_what_cannot_be_replayed_is_refused_by_name(log: Path, tmp_path: Path) -> None:
    shutil.copytree(log, tmp_path / "used")
    with ReaderLock(tmp_path / "used"):
        used = await parallax("replay", "used", "--gateway", NOBODY, directory=tmp_path)
    no_log = await parallax(
        "replay", str(tmp_path / "none"), "--gateway", NOBODY, directory=tmp_path
    )
    slow = await parallax(
        "replay", str(log), "--speed", "fast", "--gateway", NOBODY, directory=tmp_path
    )
    again = await capture("cut", str(log), "--out", str(log), directory=tmp_path)

    assert_three_lines(used, what="works on this log", where="used/reader.lock")
    assert_three_lines(no_log, what="no capture log", where="none")
    assert_three_lines(slow, what="no speed", where="--speed")
    assert_three_lines(again, what="not empty", where="capture")
    assert (used.code, no_log.code, slow.code, again.code) == (77, 78, 78, 77)
