import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from comparators.errors import RefusedError, SettingsError
from proxy.capture.directory import ReaderLock, WriterLock, private_directory
from tests.unit.proxy.capture.logs import SMALL, read, writer_of


@pytest.fixture
def mask(request: pytest.FixtureRequest) -> Iterator[int]:
    """Set a umask for the test."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mask", [0, 0o077, 0o777], indirect=True)
def test_only_we_may_read_the_log_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    directory = tmp_path / "capture"
    writer = writer_of(directory, SMALL)
    for _ in range(10):
        read(writer, b"request" * 20)
        writer.flush()
    writer.close()

    assert mode_of(directory) == 0o700
    assert {mode_of(path) for path in directory.iterdir()} == {0o600}


def test_a_directory_of_ours_that_others_may_enter_is_closed_to_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    private_directory(tmp_path)

    assert mode_of(tmp_path) == 0o700


def test_a_directory_of_somebody_else_that_others_may_enter_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)

    with pytest.raises(SettingsError, match="belongs to user") as refusal:
        private_directory(tmp_path)

    assert refusal.value.where == str(tmp_path)
    assert mode_of(tmp_path) == 0o755


def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    with pytest.raises(SettingsError, match="cannot be used"):
        private_directory(path)


@pytest.mark.parametrize("lock", [WriterLock, ReaderLock])
def test_a_role_has_one_holder_whose_pid_is_named(
    tmp_path: Path, lock: type[WriterLock | ReaderLock]
) -> None:
    with lock(tmp_path), pytest.raises(RefusedError, match=f"process {os.getpid()} holds"):
        lock(tmp_path)

    with lock(tmp_path):
        pass


def test_a_reader_and_a_writer_do_not_exclude_each_other(tmp_path: Path) -> None:
    with WriterLock(tmp_path), ReaderLock(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == {"writer.lock", "reader.lock"}


def test_a_note_reaches_the_next_holder(tmp_path: Path) -> None:
    with WriterLock(tmp_path) as first:
        first.note("failing")
    with WriterLock(tmp_path) as second:
        found = second.left_note

    assert (first.left_note, found) == ("", "failing")


def test_a_note_stays_until_somebody_writes_another(tmp_path: Path) -> None:
    with WriterLock(tmp_path) as first:
        first.note("failing")
    with WriterLock(tmp_path):
        pass
    with WriterLock(tmp_path) as third:
        assert third.left_note == "failing"
