"""Comparisons of stored documents join the trace of the write, as one span for all its documents of one verdict."""

from comparators.verdict import Judgement, Verdict
from proxy.shadow.state_traces import StateTraces
from proxy.shadow.traced_writes import TracedWrite
from proxy.tracing.context import Parent
from proxy.tracing.stint import Stint
from proxy.tracing.trail import Ids, ids_of

NAMESPACE = "app.users"
PARENT = Parent(trace_id=5, span_id=6, is_sampled=False)
TRACED = TracedWrite(PARENT, ids_of("a log", 7, PARENT))
MATCH = Judgement(verdict=Verdict.MATCH)
MISMATCH = Judgement(verdict=Verdict.MISMATCH, fingerprint="a fingerprint")


def told_of(
    *verdicts: tuple[Judgement, TracedWrite | None],
) -> tuple[list[Stint], list[Ids | None]]:
    told: list[Stint] = []
    traces = StateTraces("a log", told.append)
    numbers = [traces.compared(NAMESPACE, 7, *each, began_ns=1) for each in verdicts]
    traces.flush()
    traces.flush()
    return told, numbers


def test_all_documents_of_one_write_and_verdict_are_one_span() -> None:
    told, numbers = told_of(*[(MATCH, TRACED)] * 3, (MISMATCH, TRACED))

    equal, unequal = told
    assert TRACED.trace is not None
    assert equal.trace_id == unequal.trace_id == 5
    assert equal.parent == unequal.parent == TRACED.trace.legacy
    assert equal.facts["parallax.documents"] == 3
    assert (equal.error, unequal.error) == (None, "mismatch")
    assert unequal.facts["parallax.fingerprint"] == "a fingerprint"
    assert equal.name == "comparison state users"
    places = [one.verdict for one in numbers if one is not None]
    assert places == [(5, equal.span_id)] * 3 + [(5, unequal.span_id)]


def test_what_matches_is_told_of_where_its_write_is() -> None:
    told, numbers = told_of((MATCH, TracedWrite(PARENT)), (MATCH, None))

    assert not told
    assert numbers == [None, None]


def test_a_mismatch_is_told_of_below_the_application_or_alone() -> None:
    (known,), _ = told_of((MISMATCH, TracedWrite(PARENT)))
    (unknown,), _ = told_of((MISMATCH, None))

    assert (known.trace_id, known.parent, known.is_remote) == (5, 6, True)
    assert (unknown.trace_id, unknown.parent) == (ids_of("a log", 7, None).trace, 0)
