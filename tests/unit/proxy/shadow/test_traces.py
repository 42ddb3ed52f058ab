"""Which exchanges a trace tells of, and what it tells."""

from dataclasses import replace

import pytest

from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Count, Failure, Outcome, WriteError
from comparators.shape import shape_of
from comparators.verdict import Judgement, Verdict
from proxy.shadow.exchange import Exchange
from proxy.shadow.traces import NO_ANSWER, Traces
from proxy.tracing.context import Parent
from proxy.tracing.passage import Passage
from proxy.tracing.slowness import MOST_SLOW_PER_S
from proxy.tracing.stint import Told
from proxy.tracing.trail import Trail, ids_of

LOG = "a log"
SAMPLED = Parent(trace_id=5, span_id=6, is_sampled=True)
UNSAMPLED = Parent(trace_id=5, span_id=6, is_sampled=False)
COUNTED = Outcome(result=Count(n=1), duration_s=0.002)


def exchange(
    start: int = 1, parent: Parent | None = None, legacy: Outcome | None = COUNTED
) -> Exchange:
    operation = Operation(database="app", collection="users", kind=Kind.COUNT, arguments={})
    return Exchange(
        start=start,
        position=start,
        connection=1,
        received_ns=1_000_000,
        legacy_s=0.002,
        overhead_s=0.00003,
        namespace="app.users",
        legacy=legacy,
        clock=None,
        session=None,
        batch=None,
        operation=operation,
        writes=False,
        endless=False,
        retried=False,
        parent=parent,
    )


def told(
    exchange: Exchange,
    verdict: Verdict = Verdict.MATCH,
    outcome: Outcome | None = COUNTED,
    *,
    ratio: float = 0.0,
) -> Trail | None:
    """Return what is told of an exchange."""
    trails: list[Told] = []
    traces = Traces(LOG, ratio=ratio, slow_beyond_s=0.1, put=trails.append)
    ids = traces.judged(exchange, Judgement(verdict=verdict), shape_of(exchange.operation), outcome)
    if not trails:
        assert ids is None
        return None
    (trail,) = trails
    assert isinstance(trail, Trail)
    assert ids == trail.ids
    return trail


def test_an_exchange_that_the_application_records_joins_its_trace() -> None:
    trail = told(exchange(parent=SAMPLED))

    assert trail is not None
    assert trail.ids.trace == SAMPLED.trace_id
    assert trail.parent == SAMPLED


def test_what_the_application_does_not_record_is_left_out_whatever_the_ratio() -> None:
    assert told(exchange(parent=UNSAMPLED), ratio=1) is None


@pytest.mark.parametrize("verdict", [Verdict.MISMATCH, Verdict.GATEWAY_ERROR, Verdict.TIMEOUT])
@pytest.mark.parametrize("parent", [None, UNSAMPLED, SAMPLED])
def test_what_went_wrong_is_always_told(verdict: Verdict, parent: Parent | None) -> None:
    assert told(exchange(parent=parent), verdict) is not None


def test_the_ratio_says_how_many_are_told_of_those_for_which_the_application_says_nothing() -> None:
    found = [told(exchange(start), ratio=0.25) is not None for start in range(2_000)]

    assert 400 < sum(found) < 600
    assert found == [told(exchange(start), ratio=0.25) is not None for start in range(2_000)]
    assert told(exchange(), ratio=0) is None
    assert told(exchange(), ratio=1) is not None


def test_what_is_slow_is_told_unless_the_application_does_not_record_it() -> None:
    slow = replace(COUNTED, duration_s=0.11)

    assert told(exchange(), outcome=slow) is not None
    assert told(exchange(parent=UNSAMPLED), outcome=slow) is None


def test_where_everything_is_slow_some_of_it_is_told() -> None:
    trails: list[Told] = []
    traces = Traces(LOG, ratio=0, slow_beyond_s=0.1, put=trails.append)
    slow = replace(COUNTED, duration_s=0.11)
    matched = Judgement(verdict=Verdict.MATCH)

    for start in range(100):
        one = exchange(start)
        traces.judged(one, matched, shape_of(one.operation), slow)

    # Few more where a second begins meanwhile.
    assert MOST_SLOW_PER_S <= len(trails) <= 3 * MOST_SLOW_PER_S


def test_the_same_exchange_has_the_same_numbers_and_another_one_others() -> None:
    mine = ids_of(LOG, 1, None)

    assert ids_of(LOG, 1, None) == mine
    assert not {*ids_of(LOG, 2, None), *ids_of("another log", 1, None)} & {*mine}
    assert len({*mine}) == 5


def test_each_side_has_its_time_and_the_code_of_its_failure() -> None:
    refused = Outcome(result=Failure(code=2, code_name="BadValue"), duration_s=0.001)
    errors = (WriteError(index=0, code=11000),)
    stumbled = Outcome(result=Acknowledgement(n=0, errors=errors), duration_s=0.001)
    asked = exchange(parent=SAMPLED, legacy=refused)
    asked.passage.began_ns, asked.passage.ended_ns = 5_000_000, 9_000_000

    trail = told(asked, outcome=stumbled)

    assert trail is not None
    assert trail.gateway is not None
    assert (trail.legacy.began_ns, trail.legacy.ended_ns) == (1_000_000, 3_000_000)
    assert trail.legacy.error == "2"
    assert (trail.gateway.began_ns, trail.gateway.ended_ns) == (8_000_000, 9_000_000)
    assert trail.gateway.error == "11000"


def test_a_gateway_that_gave_up_has_a_span_and_one_that_was_not_asked_has_none() -> None:
    asked = exchange(parent=SAMPLED, legacy=None)
    asked.passage.began_ns, asked.passage.ended_ns = 5_000_000, 9_000_000

    late = told(asked, Verdict.TIMEOUT, None)
    unasked = told(replace(asked, passage=Passage()), Verdict.UNSUPPORTED, None)

    assert late is not None
    assert late.gateway is not None
    assert (late.gateway.began_ns, late.gateway.error) == (5_000_000, "timeout")
    assert late.legacy.error == NO_ANSWER
    assert unasked is not None
    assert unasked.gateway is None
