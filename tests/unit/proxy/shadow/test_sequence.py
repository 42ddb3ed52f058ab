"""Logical order: exchanges come out as MongoDB did them, however their replies crossed."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.shadow.sequence import Placed, Sequence

USERS = frozenset({"shop.users"})
ORDERS = frozenset({"shop.orders"})


def placed(
    item: str,
    start: int,
    position: int,
    clock: int | None,
    namespaces: frozenset[str] = USERS,
    *,
    effective: bool = True,
) -> Placed[str]:
    return Placed(
        item=item,
        namespaces=namespaces,
        start=start,
        position=position,
        clock=clock,
        effective=effective,
    )


def released(sequence: Sequence[str]) -> list[str]:
    return [found.item for found in sequence.release()]


def test_what_nothing_can_precede_is_released_at_once() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.place(placed("read", 1, 1, 7, effective=False))

    assert released(sequence) == ["read"]


def test_a_write_answered_first_but_done_second_comes_second() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(1, USERS)
    sequence.begin(2, USERS)
    sequence.place(placed("second", 2, 3, 11))
    assert released(sequence) == []

    sequence.place(placed("first", 1, 4, 10))

    assert released(sequence) == ["first", "second"]


def test_a_read_waits_for_a_write_under_way_that_it_may_have_seen() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(1, USERS)
    sequence.place(placed("read", 2, 2, 10, effective=False))
    assert released(sequence) == []

    sequence.place(placed("write", 1, 3, 10))

    assert released(sequence) == ["write", "read"]


def test_a_write_that_began_after_the_answer_holds_nothing_back() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.place(placed("earlier", 1, 2, 10))
    sequence.begin(3, USERS)

    assert released(sequence) == ["earlier"]


def test_a_clock_under_the_floor_of_what_is_under_way_is_safe() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.place(placed("a", 1, 1, 20))
    released(sequence)
    sequence.begin(2, USERS)
    sequence.place(placed("stale read", 3, 3, 15, effective=False))

    assert released(sequence) == ["stale read"]


def test_other_collections_are_not_held_back() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(1, USERS)
    sequence.place(placed("order", 2, 2, 10, ORDERS))

    assert released(sequence) == ["order"]


def test_overlapping_writes_know_of_each_other() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(1, USERS)
    sequence.begin(2, USERS)
    one, two = placed("one", 1, 3, 10), placed("two", 2, 4, 11)
    sequence.place(one)
    sequence.place(two)

    assert [other.item for other in one.beside] == ["two"]
    assert [other.item for other in two.beside] == ["one"]


def test_without_a_clock_answers_keep_their_order() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(1, USERS)
    sequence.begin(2, USERS)
    sequence.place(placed("b", 2, 3, None))
    sequence.place(placed("a", 1, 4, None))

    assert released(sequence) == ["b", "a"]


def test_an_abandoned_write_holds_nothing_back() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(1, USERS)
    sequence.place(placed("read", 2, 2, 10, effective=False))
    sequence.abandon(1)

    assert released(sequence) == ["read"]


def test_unsettled_writes_are_told_by_collection_and_place() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(5, USERS)

    assert sequence.unsettled_before(6, "shop.users")
    assert not sequence.unsettled_before(5, "shop.users")
    assert not sequence.unsettled_before(6, "shop.orders")


@given(st.data())
def test_any_crossing_of_replies_gives_the_order_of_the_server(data: st.DataObject) -> None:
    """A server does writes one after the other; requests and replies around them cross at random."""
    writes = data.draw(st.integers(1, 12))
    sequence: Sequence[str] = Sequence()
    waiting = list(range(writes))
    asked: dict[int, int] = {}
    starts_of: dict[int, int] = {}
    clocks: dict[str, int] = {}
    done: dict[int, int] = {}
    position = 0
    clock = 0
    order: list[str] = []
    while waiting or asked or done:
        position += 1
        moves = [
            move
            for move, possible in (("ask", waiting), ("do", asked), ("answer", done))
            if possible
        ]
        move = data.draw(st.sampled_from(moves))
        if move == "ask":
            asked[waiting.pop(0)] = position
            sequence.begin(position, USERS)
        elif move == "do":
            write = data.draw(st.sampled_from(sorted(asked)))
            clock += 1
            done[write] = clocks[str(write)] = clock
            starts_of[write] = asked.pop(write)
        else:
            write = data.draw(st.sampled_from(sorted(done)))
            sequence.place(placed(str(write), starts_of[write], position, done.pop(write)))
        order += released(sequence)

    assert len(order) == writes
    assert [clocks[item] for item in order] == sorted(clocks[item] for item in order)


def test_dropped_database_under_way_holds_back_its_collections_alone() -> None:
    sequence: Sequence[str] = Sequence()
    sequence.begin(1, frozenset({"shop."}))
    sequence.place(placed("of the database", 2, 3, 7))
    sequence.place(placed("of another", 4, 5, 7, frozenset({"shopping.carts"})))

    assert released(sequence) == ["of another"]
    assert sequence.unsettled_before(2, "shop.users")
    assert not sequence.unsettled_before(2, "shopping.carts")
