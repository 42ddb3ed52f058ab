"""What a front has answered is told of as the application says, else by share; what went wrong always."""

from collections import Counter

import pytest

from proxy.tracing.context import Parent
from proxy.tracing.served import Served
from proxy.tracing.slowness import MOST_SLOW_PER_S
from proxy.tracing.stint import Stint

RECORDED = Parent(trace_id=5, span_id=6, is_sampled=True)
UNRECORDED = Parent(trace_id=5, span_id=6, is_sampled=False)


def told(
    above: Parent | None,
    *,
    ratio: float = 0.0,
    seconds: float = 0.002,
    error: str | None = None,
    went_wrong: bool = False,
) -> Stint | None:
    found: list[Stint] = []
    served = Served(found.append, ratio=ratio, slow_beyond_s=0.1)
    span = served.begun(above)
    served.ended(
        span,
        "serving find users",
        {"db.operation.name": "find"},
        above=above,
        began_ns=1_000,
        seconds=seconds,
        error=error,
        went_wrong=went_wrong,
    )
    return found[0] if found else None


def test_it_is_below_the_span_of_the_application() -> None:
    span = told(RECORDED, error="11000")

    assert span is not None
    assert (span.trace_id, span.parent, span.is_remote) == (5, 6, True)
    assert (span.began_ns, span.ended_ns, span.error) == (1_000, 2_001_000, "11000")


@pytest.mark.parametrize("above", [UNRECORDED, None])
def test_what_nobody_records_is_left_out(above: Parent | None) -> None:
    assert told(above) is None
    assert told(above, error="11000") is None, "an error may be an answer like others"


def test_where_nobody_names_a_span_a_share_and_what_is_slow_is_told_of() -> None:
    assert told(UNRECORDED, ratio=1, seconds=1) is None
    assert told(None, ratio=1) is not None
    slow = told(None, seconds=1)
    assert slow is not None
    assert (slow.parent, slow.is_remote) == (0, False)


def test_where_everything_is_slow_some_of_it_is_told_and_all_that_went_wrong() -> None:
    found: list[Stint] = []
    served = Served(found.append, ratio=0, slow_beyond_s=0.1)

    def ended(name: str, *, went_wrong: bool = False) -> None:
        span = served.begun(None)
        served.ended(
            span,
            name,
            {},
            above=None,
            began_ns=1_000,
            seconds=1,
            error=None,
            went_wrong=went_wrong,
        )

    for _ in range(1000):
        ended("wrong", went_wrong=True)
    for _ in range(1000):
        ended("slow")

    told_of = Counter(stint.name for stint in found)
    assert told_of["wrong"] == 1000
    # A second or two may have begun anew meanwhile.
    assert MOST_SLOW_PER_S <= told_of["slow"] <= 3 * MOST_SLOW_PER_S


def test_what_went_wrong_is_told_of_always() -> None:
    span = told(UNRECORDED, went_wrong=True, error="1")

    assert span is not None
    assert (span.trace_id, span.parent) == (5, 6)
