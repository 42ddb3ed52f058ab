from collections.abc import Iterator
from itertools import count
from pathlib import Path
from zlib import crc32

import pytest

from proxy.capture.applied import ANYTHING, LACKING_FILE, PLACES, Applied


@pytest.fixture
def ends(tmp_path: Path) -> Iterator[tuple[Applied, Applied]]:
    """Give the verifier's end and the relay's."""
    tells, looks = Applied(tmp_path), Applied(tmp_path)
    yield tells, looks
    tells.close()
    looks.close()


USERS, POSTS = "app.users", "app.posts"


def test_what_one_end_tells_the_other_sees(ends: tuple[Applied, Applied]) -> None:
    tells, looks = ends
    assert (looks.position(USERS), looks.definitions) == (0, 0)

    tells.begin(7)
    assert (looks.position(USERS), looks.definitions) == (0, 7)
    tells.tell(1 << 61, (), ())
    tells.tell_definitions(8)
    assert (looks.position(USERS), looks.definitions) == (1 << 61, 8)
    tells.tell_nothing()
    assert looks.position(USERS) == 0


def test_what_was_told_outlives_both(tmp_path: Path) -> None:
    first = Applied(tmp_path)
    first.begin(6)
    first.tell(50, [(POSTS, 20)], ())
    first.tell_lacking({USERS})
    first.close()

    second = Applied(tmp_path)
    assert (second.position(USERS), second.position(POSTS), second.definitions) == (50, 20, 6)
    assert second.lacks(USERS)
    second.begin(7)
    assert second.position(USERS) == 0
    second.tell(50, (), ())
    assert second.position(POSTS) == 50, "what another one has told is forgotten"
    second.close()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_a_write_that_is_not_applied_keeps_back_its_own_collection(
    ends: tuple[Applied, Applied],
) -> None:
    tells, looks = ends
    tells.begin(1)
    tells.tell(100, [(USERS, 40), (POSTS, 60)], ())
    assert (looks.position(USERS), looks.position(POSTS), looks.position("app.x")) == (40, 60, 100)

    tells.tell(200, [(USERS, 120)], ())
    assert (looks.position(USERS), looks.position(POSTS)) == (120, 200)

    tells.tell(300, [(ANYTHING, 250)], ())
    assert (looks.position(USERS), looks.position(POSTS)) == (250, 250)


def test_collections_of_one_place_are_kept_back_together(ends: tuple[Applied, Applied]) -> None:
    tells, looks = ends
    place = crc32(USERS.encode()) % PLACES
    other = next(
        name for name in (f"app.c{n}" for n in count()) if crc32(name.encode()) % PLACES == place
    )
    tells.begin(1)

    for oldest in ([(USERS, 40), (other, 60)], [(other, 60), (USERS, 40)]):
        tells.tell(100, oldest, ())
        assert (looks.position(USERS), looks.position(other)) == (40, 40)


def test_one_in_doubt_gets_no_further_until_the_doubt_is_over(
    ends: tuple[Applied, Applied],
) -> None:
    tells, looks = ends
    tells.begin(1)
    tells.tell(100, [(USERS, 40)], ())
    tells.tell(200, (), [USERS, POSTS])
    assert (looks.position(USERS), looks.position(POSTS)) == (40, 100)

    tells.tell(300, [(POSTS, 250)], [USERS, POSTS])
    assert (looks.position(USERS), looks.position(POSTS), looks.position("app.x")) == (40, 100, 300)

    tells.tell(400, [(POSTS, 250)], ())
    assert (looks.position(USERS), looks.position(POSTS)) == (400, 250)
    tells.tell(500, (), [ANYTHING])
    assert (looks.position(USERS), looks.position("app.x")) == (400, 400)


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
