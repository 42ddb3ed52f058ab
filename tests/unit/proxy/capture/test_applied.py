from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.capture.applied import LACKING_FILE, Applied


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[Applied, Applied]]:
    """Give the verifier's end and the relay's."""
    tells, looks = Applied(tmp_path), Applied(tmp_path)
    yield tells, looks
    tells.close()
    looks.close()


def test_what_one_end_tells_the_other_sees(ends: tuple[Applied, Applied]) -> None:
    tells, looks = ends
    assert (looks.position, looks.definitions) == (0, 0)

    tells.tell(1 << 61, 7)

    assert (looks.position, looks.definitions) == (1 << 61, 7)


def test_what_was_told_outlives_both(tmp_path: Path) -> None:
    first = Applied(tmp_path)
    first.tell(5, 6)
    first.tell_lacking({"app.users"})
    first.close()

    second = Applied(tmp_path)
    assert (second.position, second.definitions) == (5, 6)
    assert second.lacks("app.users")
    second.close()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_which_collections_are_not_filled_is_seen_as_soon_as_it_is_told(
    ends: tuple[Applied, Applied],
) -> None:
    tells, looks = ends
    assert not looks.lacks("app.users")

    tells.tell_lacking({"app.users", "app.posts"})
    assert (looks.lacks("app.users"), looks.lacks("app.others")) == (True, False)

    tells.tell_lacking(())
    assert not looks.lacks("app.users")


def test_while_it_cannot_be_read_anything_may_be_lacking(
    ends: tuple[Applied, Applied], tmp_path: Path
) -> None:
    tells, looks = ends
    tells.tell_lacking({"app.users"})
    (tmp_path / LACKING_FILE).unlink()

    assert looks.lacks("app.others")

    tells.tell_lacking({"app.users"})
    assert not looks.lacks("app.others")
