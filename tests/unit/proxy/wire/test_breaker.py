from proxy.wire.breaker import FAILURES, PAUSE_S, Breaker


def opened(now: float) -> Breaker:
    breaker = Breaker()
    for _ in range(FAILURES):
        assert breaker.lets(now)
        breaker.failed(now)
    return breaker


def test_a_few_failures_open_nothing() -> None:
    breaker = Breaker()
    for _ in range(3 * FAILURES):
        breaker.failed(0)
        breaker.succeeded()

    assert breaker.lets(0)
    assert not breaker.rests(0)


def test_what_fails_again_and_again_is_tried_once_in_each_pause() -> None:
    breaker = opened(now=10)

    tries = [at for at in range(100) if breaker.lets(10 + PAUSE_S * at / 20)]

    assert len(tries) == 4
    assert breaker.is_open
    assert breaker.rests(10 + PAUSE_S * 4.5)


def test_one_try_that_goes_well_closes_it() -> None:
    breaker = opened(now=10)

    assert not breaker.lets(10)
    assert breaker.lets(10 + PAUSE_S)
    breaker.succeeded()

    assert not breaker.is_open
    assert all(breaker.lets(10 + PAUSE_S) for _ in range(5))
