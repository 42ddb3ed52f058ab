from pathlib import Path

import pytest

from proxy.wire.gateway import MAX_COLLECTIONS, GatewaySide
from proxy.wire.protocol.message import Request, Treatment


class Told:
    """A position that a test sets, for all collections but those that it names."""

    def __init__(self) -> None:
        self.everywhere = 0
        self.of: dict[str, int] = {}
        self.lacking = ""

    def position(self, namespace: str) -> int:
        return self.of.get(namespace, self.everywhere)

    @property
    def of_all(self) -> int:
        return min([self.everywhere, *self.of.values()])

    def lacks(self, namespace: str) -> bool:
        return namespace == self.lacking


def write(command: str = "update", namespace: str = "app.users") -> Request:
    return Request(Treatment.WRITE, expects_reply=True, namespace=namespace, command=command)


def side(told: Told, end: int = 100) -> GatewaySide:
    return GatewaySide(Path("none"), told, budget_s=1, end=end, monotonic=lambda: 0)


@pytest.mark.parametrize(
    ("position", "is_behind"), [(0, True), (99, True), (100, False), (101, False)]
)
def test_all_that_was_there_before_must_be_applied(position: int, is_behind: bool) -> None:
    told = Told()
    gateway = side(told)
    told.everywhere = position

    assert gateway.is_behind("app.users") is is_behind


@pytest.mark.parametrize("command", ["insert", "update", "delete", "findAndModify"])
def test_a_plain_write_concerns_its_collection_alone(command: str) -> None:
    told = Told()
    gateway = side(told)
    gateway.wrote(write(command), 200)

    told.everywhere = 200
    assert gateway.is_behind("app.users")
    assert not gateway.is_behind("app.posts")
    told.everywhere = 201
    assert not gateway.is_behind("app.users")


def test_each_collection_is_as_far_as_its_own_writes() -> None:
    told = Told()
    gateway = side(told)
    gateway.wrote(write(), 200)
    gateway.wrote(write(namespace="app.posts"), 300)

    told.everywhere, told.of = 400, {"app.users": 200}
    assert gateway.is_behind("app.users")
    assert not gateway.is_behind("app.posts")


@pytest.mark.parametrize("command", ["commitTransaction", "renameCollection", "$out", "bulkWrite"])
def test_any_other_write_concerns_all_collections(command: str) -> None:
    told = Told()
    gateway = side(told)
    gateway.wrote(write(command), 200)
    gateway.wrote(write(), 150)

    told.everywhere = 200
    assert gateway.is_behind("app.posts")
    told.everywhere = 201
    assert not gateway.is_behind("app.posts")


def test_after_a_write_that_is_not_on_the_log_nothing_is_known_any_more() -> None:
    told = Told()
    gateway = side(told)
    gateway.wrote(write(), -1)

    told.everywhere = 1 << 60
    assert gateway.is_behind("app.users")
    assert gateway.is_behind("app.posts")


def test_no_write_is_forgotten_among_very_many_collections() -> None:
    told = Told()
    gateway = side(told)
    for n in range(MAX_COLLECTIONS + 5):
        gateway.wrote(write(namespace=f"app.c{n}"), 200 + n)

    told.everywhere = 200 + MAX_COLLECTIONS + 4
    assert gateway.is_behind(f"app.c{MAX_COLLECTIONS + 4}")
    told.everywhere += 1
    assert not gateway.is_behind(f"app.c{MAX_COLLECTIONS + 4}")


def test_a_collection_that_is_not_filled_is_behind_whatever_is_applied() -> None:
    told = Told()
    gateway = side(told)
    told.everywhere = 1 << 60
    told.lacking = "app.users"

    assert gateway.is_behind("app.users")
    assert not gateway.is_behind("app.posts")


def test_everything_is_there_when_the_last_write_of_every_collection_is() -> None:
    told = Told()
    gateway = side(told)
    told.everywhere = 500
    at_first = gateway.has_all()
    gateway.wrote(write(), 300)
    gateway.wrote(write(namespace="app.logs"), 600)
    told.of = {"app.logs": 600}

    missing = (gateway.has_all(), gateway.is_near())
    told.of = {"app.logs": 601, "app.users": 650}
    told.everywhere = 700

    assert (at_first, missing) == (True, (False, True))
    assert gateway.has_all()


def test_a_write_that_found_no_room_on_the_log_is_never_known_to_be_there() -> None:
    told = Told()
    gateway = side(told)
    told.everywhere = 1 << 61
    gateway.wrote(write(), 0)

    assert not gateway.has_all()
    assert not gateway.is_near()
