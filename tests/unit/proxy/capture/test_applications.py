from pathlib import Path

import pytest

from proxy.capture import applications
from proxy.capture.applications import FILE, OLDER, Applications, KnownApplications


def test_what_a_driver_said_is_known_at_once_and_to_whoever_comes_later(tmp_path: Path) -> None:
    relay, verifier = Applications(tmp_path), KnownApplications(tmp_path)
    assert verifier.of(1) == ""

    relay.note(1, "chat (nodejs 6.3.0)")
    relay.note(2, "tab\tand\nline")
    first = verifier.of(1)
    relay.note(3, "x" * 1000)

    assert (first, verifier.of(2), verifier.of(3)) == (
        "chat (nodejs 6.3.0)",
        "tab\tand\nline",
        "x" * 200,
    )
    assert KnownApplications(tmp_path).of(1) == first
    assert verifier.of(4) == ""
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_a_line_that_is_half_written_is_read_later_and_a_torn_one_passed_over(
    tmp_path: Path,
) -> None:
    verifier = KnownApplications(tmp_path)
    file = tmp_path / FILE
    file.write_bytes(b'[1, "a"]\n[2, "b')
    assert (verifier.of(1), verifier.of(2)) == ("a", "")

    with file.open("ab") as more:
        more.write(b'[3, "c"]\n[4, "d"]\n')

    assert (verifier.of(3), verifier.of(4)) == ("", "d")


def test_two_files_at_most_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applications, "MOST_BYTES", 1000)
    relay, verifier = Applications(tmp_path), KnownApplications(tmp_path)

    for number in range(1000):
        relay.note(number, f"application {number}")
        assert verifier.of(number) == f"application {number}"

    assert {path.name for path in tmp_path.iterdir()} <= {FILE, OLDER}
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 2200
    assert verifier.of(0) == ""
