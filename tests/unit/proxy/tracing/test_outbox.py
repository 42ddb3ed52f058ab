"""Whoever has something to tell never waits for a collector; what it costs is counted."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from proxy.tracing.outbox import AT_ONCE, CAPACITY, Outbox
from tests.eventually import eventually


class Collector:
    """Takes what it is sent, unless it is away or does not answer."""

    def __init__(self, *, answers: bool = True) -> None:
        self.answers = threading.Event()
        self.asked = threading.Event()
        self.is_away = False
        self.taken: list[int] = []
        self.sizes: list[int] = []
        self.is_closed = False
        if answers:
            self.answers.set()

    def send(self, batch: list[int]) -> bool:
        self.asked.set()
        self.answers.wait()
        if self.is_away:
            return False
        self.taken += batch
        self.sizes.append(len(batch))
        return True

    def close(self) -> None:
        self.is_closed = True
        self.answers.set()


@contextmanager
def outbox_to(
    collector: Collector, *, every_s: float = 0.01, capacity: int = 4
) -> Iterator[Outbox[int]]:
    outbox = Outbox(collector, signal="tests", every_s=every_s, capacity=capacity)
    yield outbox
    outbox.end()


async def test_everything_is_sent_in_order_and_soon() -> None:
    collector = Collector()
    with outbox_to(collector) as outbox:
        for number in range(3):
            outbox.put(number)
        await eventually(lambda: collector.taken == [0, 1, 2], within_s=5)

    assert outbox.dropped == 0
    assert collector.is_closed


def test_what_is_left_is_sent_at_the_end() -> None:
    collector = Collector()
    with outbox_to(collector, every_s=3600) as outbox:
        outbox.put(1)

    assert collector.taken == [1]


async def test_what_comes_while_many_are_sent_waits_for_more() -> None:
    collector = Collector(answers=False)
    with outbox_to(collector, every_s=3600, capacity=CAPACITY) as outbox:
        for number in range(AT_ONCE + 1):
            outbox.put(number)
        assert collector.asked.wait(5)
        outbox.put(AT_ONCE + 1)
        collector.answers.set()
        await eventually(lambda: len(collector.taken) >= AT_ONCE, within_s=5)
        outbox.put(AT_ONCE + 2)

    assert collector.sizes == [AT_ONCE, 3]
    assert collector.taken == list(range(AT_ONCE + 3))


def test_a_collector_that_does_not_answer_keeps_nobody_waiting() -> None:
    collector = Collector(answers=False)
    with outbox_to(collector) as outbox:
        outbox.put(0)
        assert collector.asked.wait(5)
        for number in range(1, 10):
            outbox.put(number)
        found_no_room = outbox.dropped
        collector.answers.set()

    assert found_no_room == 5
    assert collector.taken == [0, 1, 2, 3, 4]


async def test_what_a_collector_does_not_take_is_counted() -> None:
    collector = Collector()
    collector.is_away = True
    with outbox_to(collector) as outbox:
        outbox.put(1)
        outbox.put(2)
        await eventually(lambda: outbox.dropped == 2, within_s=5)
        collector.is_away = False
        outbox.put(3)
        await eventually(lambda: collector.taken == [3], within_s=5)
