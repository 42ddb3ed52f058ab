import json
import time
from pathlib import Path

import pytest

from proxy.cli.relay_status import FILE, read_status, write_status
from proxy.wire.counters import Counters

SNAPSHOT = Counters().snapshot(
    connections_open=3, primary="127.0.0.1:27017", gateway_reads={}, gateway_writes={}
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_status(tmp_path, SNAPSHOT, {"state": "writing"})

    found = read_status(tmp_path)

    assert found is not None
    assert found.is_alive
    assert found.counts["connections_open"] == 3
    assert found.counts["capture"] == {"state": "writing"}
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [FILE]


def test_a_relay_that_stopped_writing_is_not_alive(tmp_path: Path) -> None:
    write_status(tmp_path, SNAPSHOT, {})
    content = json.loads((tmp_path / FILE).read_text())
    content["at_ns"] = time.time_ns() - 10_000_000_000
    (tmp_path / FILE).write_text(json.dumps(content))

    found = read_status(tmp_path)

    assert found is not None
    assert not found.is_alive


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"at_ns": 1}', '{"at_ns": "then"}'])
def test_a_file_that_no_relay_of_this_version_wrote_is_as_none(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / FILE).write_text(content)

    assert read_status(tmp_path) is None


def test_without_a_file_there_is_no_status(tmp_path: Path) -> None:
    assert read_status(tmp_path) is None
