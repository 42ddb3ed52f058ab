"""Buckets that fill."""

from proxy.http.pacing import Pacing


def test_a_burst_passes_and_then_the_rate() -> None:
    now = [100.0]
    pacing = Pacing(per_second=2, burst=3, monotonic=lambda: now[0])

    assert [pacing.wait_s("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert pacing.wait_s("b") == 0, "another caller has another bucket"
    now[0] += 0.5
    assert [pacing.wait_s("a"), pacing.wait_s("a")] == [0, 0.5]
    now[0] += 1000
    assert [pacing.wait_s("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_without_a_rate_everybody_passes() -> None:
    pacing = Pacing(per_second=0, burst=1, monotonic=lambda: 0)

    assert {pacing.wait_s("a") for _ in range(100)} == {0}


def test_only_so_many_callers_are_remembered() -> None:
    pacing = Pacing(per_second=1, burst=1, monotonic=lambda: 0)

    for n in range(20_000):
        pacing.wait_s(str(n))

    assert len(pacing._buckets) == 10_000
