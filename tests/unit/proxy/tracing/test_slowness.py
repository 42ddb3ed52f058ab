from proxy.tracing.slowness import MOST_SLOW_PER_S, Slowness


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def test_so_many_that_were_slow_are_taken_in_a_second_and_as_many_in_the_next() -> None:
    clock = Clock()
    slowness = Slowness(0.1, clock=clock)

    def taken() -> int:
        return sum(slowness.takes(0.2) for _ in range(3 * MOST_SLOW_PER_S))

    assert taken() == MOST_SLOW_PER_S
    clock.now_s += 0.9
    assert taken() == 0
    clock.now_s += 0.1
    assert taken() == MOST_SLOW_PER_S


def test_what_is_fast_is_not_taken_and_takes_nothing_away() -> None:
    slowness = Slowness(0.1, clock=Clock())

    assert not any(slowness.takes(0.1) for _ in range(10 * MOST_SLOW_PER_S))
    assert slowness.takes(0.2)
