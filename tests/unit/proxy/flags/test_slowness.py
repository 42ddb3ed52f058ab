from itertools import count

from proxy.flags.slowness import MAX_COLLECTIONS, STRETCH_S, Slowness
from proxy.ledger.gates import Gate

NAME = "app.users"


class Traffic:
    """Ten operations in each stretch of time."""

    def __init__(self) -> None:
        self.slowness = Slowness()
        self._stretches = count()

    def flow(self, stretches: int, *, ratio: float) -> list[Gate]:
        """Let so many stretches pass and look after each; return what was found."""
        found = []
        for _ in range(stretches):
            now_s = next(self._stretches) * STRETCH_S
            for n in range(10):
                legacy_s = 0.001 * (1 + n / 10)
                self.slowness.timed(NAME, legacy_s, legacy_s * ratio, now_s=now_s)
            found += [outcome.gate for outcome in self.slowness.breaches(NAME, 1.5)]
        return found


def test_what_is_fast_enough_is_never_found() -> None:
    assert Traffic().flow(300, ratio=1.4) == []


def test_what_is_too_slow_is_found_when_new_operations_say_the_same() -> None:
    traffic = Traffic()

    assert traffic.flow(19, ratio=3) == []
    assert traffic.flow(1, ratio=3) == [Gate.LATENCY_P50]


def test_a_slowness_that_passes_is_not_found() -> None:
    traffic = Traffic()

    assert traffic.flow(12, ratio=3) == []
    assert traffic.flow(260, ratio=1) == []


def test_a_gateway_that_becomes_slow_is_found_within_the_window() -> None:
    traffic = Traffic()
    traffic.flow(300, ratio=1)

    assert Gate.LATENCY_P50 in traffic.flow(240, ratio=3)


def test_what_was_forgotten_begins_anew_and_memory_has_a_bound() -> None:
    traffic = Traffic()
    traffic.flow(15, ratio=3)
    traffic.slowness.forget(NAME)

    assert traffic.flow(15, ratio=3) == []
    for n in range(MAX_COLLECTIONS + 10):
        traffic.slowness.timed(f"app.c{n}", 0.001, 0.001, now_s=0)
    assert len(traffic.slowness.namespaces) == MAX_COLLECTIONS
