"""The dependency schedule, against a plain model: what conflicts runs in the order it was added."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from adapters.gateway import Footprint
from proxy.shadow.schedule import Schedule


@dataclass(eq=False)
class Item:
    name: str


def footprint(*keys: bytes, writes: bool = False, namespace: str = "shop.users") -> Footprint:
    return Footprint(namespace=namespace, keys=frozenset(keys) or None, writes=writes)


def drained(schedule: Schedule[Item]) -> list[str]:
    names = []
    while (item := schedule.take()) is not None:
        names.append(item.name)
    return names


def test_reads_run_together() -> None:
    schedule: Schedule[Item] = Schedule()
    schedule.add(Item("a"), (footprint(b"1"),))
    schedule.add(Item("b"), (footprint(b"1"),))
    schedule.add(Item("c"), (footprint(),))

    assert drained(schedule) == ["a", "b", "c"]


def test_writes_of_different_documents_run_together() -> None:
    schedule: Schedule[Item] = Schedule()
    schedule.add(Item("a"), (footprint(b"1", writes=True),))
    schedule.add(Item("b"), (footprint(b"2", writes=True),))

    assert drained(schedule) == ["a", "b"]


def test_a_read_waits_for_the_write_of_its_document() -> None:
    schedule: Schedule[Item] = Schedule()
    write = Item("write")
    schedule.add(write, (footprint(b"1", writes=True),))
    schedule.add(Item("read"), (footprint(b"1"),))

    assert drained(schedule) == ["write"]
    schedule.finish(write)
    assert drained(schedule) == ["read"]


def test_a_scan_waits_for_every_write_and_holds_back_the_next() -> None:
    schedule: Schedule[Item] = Schedule()
    first, second, scan = Item("first"), Item("second"), Item("scan")
    schedule.add(first, (footprint(b"1", writes=True),))
    schedule.add(second, (footprint(b"2", writes=True),))
    schedule.add(scan, (footprint(),))
    schedule.add(Item("third"), (footprint(b"3", writes=True),))

    assert drained(schedule) == ["first", "second"]
    schedule.finish(first)
    assert drained(schedule) == []
    schedule.finish(second)
    assert drained(schedule) == ["scan"]
    schedule.finish(scan)
    assert drained(schedule) == ["third"]


def test_collections_do_not_wait_for_each_other() -> None:
    schedule: Schedule[Item] = Schedule()
    schedule.add(Item("users"), (footprint(writes=True),))
    schedule.add(Item("orders"), (footprint(writes=True, namespace="shop.orders"),))

    assert drained(schedule) == ["users", "orders"]


def test_nothing_is_kept_of_what_has_finished() -> None:
    schedule: Schedule[Item] = Schedule()
    items = [Item(str(number)) for number in range(10)]
    for number, item in enumerate(items):
        schedule.add(item, (footprint(bytes([number % 3]), writes=number % 2 == 0),))
    while (taken := schedule.take()) is not None:
        schedule.finish(taken)

    assert len(schedule) == 0
    assert not schedule._lanes


footprints = st.builds(
    Footprint,
    namespace=st.sampled_from(["shop.users", "shop.orders"]),
    keys=st.none() | st.frozensets(st.sampled_from([b"1", b"2", b"3"]), min_size=1),
    writes=st.booleans(),
)


def conflict(one: Footprint, other: Footprint) -> bool:
    if one.namespace != other.namespace or not (one.writes or other.writes):
        return False
    return one.keys is None or other.keys is None or bool(one.keys & other.keys)


@given(st.lists(st.tuples(footprints, footprints), max_size=25), st.randoms(use_true_random=False))
def test_conflicting_work_never_overlaps_nor_changes_order(
    pairs: list[tuple[Footprint, Footprint]], random: object
) -> None:
    schedule: Schedule[Item] = Schedule()
    items = [Item(str(index)) for index in range(len(pairs))]
    for item, pair in zip(items, pairs, strict=True):
        schedule.add(item, pair)

    running: list[int] = []
    finished: set[int] = set()
    while len(finished) < len(items):
        while (taken := schedule.take()) is not None:
            running.append(int(taken.name))
        assert running, "work is left, but nothing may run"
        for index in running:
            for earlier in range(index):
                if earlier not in finished:
                    assert not any(conflict(a, b) for a in pairs[index] for b in pairs[earlier]), (
                        f"{index} runs although {earlier} has not finished"
                    )
        index = running.pop(random.randrange(len(running)))  # type: ignore[attr-defined]
        finished.add(index)
        schedule.finish(items[index])
