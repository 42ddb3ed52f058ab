"""Open cursors: whose they are, when they go, and how much they may hold."""

from typing import Any

import pytest

from comparators.canonical import encode
from proxy.serving.cursors import Cursors
from proxy.serving.refusals import RefusalError

DOCUMENTS = tuple(encode({"_id": number}) for number in range(250))
SIZE = len(DOCUMENTS[0])
ME = ("ann", b"session")


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(cursors: Cursors, size: int | None = None, **others: Any) -> tuple[int, int]:
    """Open a cursor; return its number, and how many documents the first batch holds."""
    asked: dict[str, Any] = {
        "namespace": "shop.rows",
        "owner": ME,
        "single": False,
        "transaction": None,
    } | others
    cursor = cursors.first(DOCUMENTS, size=size, **asked)["cursor"]
    return cursor["id"], len(cursor["firstBatch"])


def more(cursors: Cursors, number: int, **others: Any) -> tuple[int, int]:
    asked: dict[str, Any] = {
        "namespace": "shop.rows",
        "owner": ME,
        "size": None,
        "transaction": None,
    } | others
    cursor = cursors.more(number, **asked)["cursor"]
    return cursor["id"], len(cursor["nextBatch"])


def cursors(max_bytes: int = 1 << 20) -> Cursors:
    return Cursors(max_bytes=max_bytes, idle_s=10, monotonic=Clock())


def test_batches_hold_what_was_asked_for_and_the_last_one_ends_the_cursor() -> None:
    held = cursors()

    number, given = opened(held)
    again = more(held, number, size=100)
    last = more(held, number)

    assert given == 101
    assert again == (number, 100)
    assert last == (0, 49)
    assert (len(held), held.held_bytes) == (0, 0)


def test_a_single_batch_and_an_empty_one() -> None:
    held = cursors()

    assert opened(held, 5, single=True) == (0, 5)
    number, given = opened(held, 0)
    assert (bool(number), given) == (True, 0)


@pytest.mark.parametrize(
    ("others", "code"),
    [
        ({"owner": ("bob", b"session")}, 43),
        ({"owner": ("ann", b"other")}, 50738),
        ({"owner": ("ann", None)}, 50737),
        ({"transaction": (b"session", 1)}, 50738),
        ({"namespace": "shop.other"}, 13),
    ],
)
def test_a_cursor_is_read_by_whom_it_belongs_to(others: dict[str, Any], code: int) -> None:
    held = cursors()
    number, _ = opened(held)

    with pytest.raises(RefusalError) as refused:
        more(held, number, **others)

    assert refused.value.code == code


def test_a_new_cursor_without_room_is_refused_and_open_ones_stay() -> None:
    held = cursors(max_bytes=SIZE * 200)
    number, _ = opened(held)

    with pytest.raises(RefusalError) as refused:
        opened(held)

    assert refused.value.code == 146
    assert more(held, number) == (0, 149)
    assert opened(held)[0]


def test_a_cursor_that_nobody_reads_goes() -> None:
    clock = Clock()
    held = Cursors(max_bytes=1 << 20, idle_s=10, monotonic=clock)
    number, _ = opened(held)
    clock.now = 9
    more(held, number, size=1)
    clock.now = 18

    assert held.expire() == 0
    clock.now = 20
    assert held.expire() == 1
    with pytest.raises(RefusalError) as refused:
        more(held, number)
    assert refused.value.code == 43


def test_cursors_go_with_their_session_and_their_transaction() -> None:
    held = cursors()
    opened(held)
    opened(held, transaction=(b"session", 3))
    held.kill_of_transaction((b"session", 3))

    assert len(held) == 1
    held.kill_of_session(ME)
    assert len(held) == 0


def test_killed_cursors_are_told_apart_from_unknown_ones() -> None:
    held = cursors()
    number, _ = opened(held)

    reply = held.kill([number, 7], namespace="shop.rows", user="ann")

    assert (reply["cursorsKilled"], reply["cursorsNotFound"]) == ([number], [7])
