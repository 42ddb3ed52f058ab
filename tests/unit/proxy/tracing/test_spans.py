"""Spans have the names of the conventions, and no other than those that the reference lists."""

import re
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.tracing.context import Parent
from proxy.tracing.spans import Spans
from proxy.tracing.trail import PARTS, Side, Trail, ids_of
from tests.peers.collector import values_of

REFERENCE = (Path(__file__).parents[4] / "docs" / "telemetry.md").read_text()
SPANS = Spans({"service.name": "parallax"})
PARENT = Parent(trace_id=5, span_id=6, is_sampled=True)


def spans(parent: Parent | None = PARENT, *, fails: bool = False) -> list[Span]:
    trail = Trail(
        ids=ids_of("a log", 1, parent),
        parent=parent,
        database="app",
        collection="users",
        kind=Kind.FIND_AND_MODIFY,
        shape="a shape",
        position=1,
        legacy=Side(began_ns=1, ended_ns=2, error=None),
        overhead_s=0.00003,
        gateway=Side(began_ns=3, ended_ns=4, error="11000" if fails else None),
        verdict=Verdict.MISMATCH if fails else Verdict.MATCH,
        reason="a reason" if fails else None,
        fingerprint="a fingerprint" if fails else None,
        rules=("a rule",) if fails else (),
        compared_ns=5,
        doubted_ns=6 if fails else 0,
        judged_ns=7,
    )
    # The second time from what was kept of the first.
    first, second = SPANS.of([trail]), SPANS.of([trail])
    assert first == second
    whole = ExportTraceServiceRequest.FromString(second).resource_spans[0]
    assert values_of(whole.resource.attributes) == {"service.name": "parallax"}
    assert whole.scope_spans[0].scope.name == "parallax"
    return list(whole.scope_spans[0].spans)


def test_every_span_is_in_the_reference() -> None:
    rows = re.findall(r"^\| (\w+): `([a-z ]+)` \| (\w+) \| (.+) \|$", REFERENCE, re.MULTILINE)

    assert {part: meaning for part, _, _, meaning in rows} == PARTS
    names = [name.replace("find", "find_and_modify") for _, name, _, _ in rows]
    assert [span.name for span in spans(fails=True)] == names
    kinds = [Span.SpanKind.Value(f"SPAN_KIND_{kind.upper()}") for *_, kind, _ in rows]
    assert [span.kind for span in spans(fails=True)] == kinds


def test_every_attribute_is_in_the_reference() -> None:
    text = REFERENCE.split("## Traces")[1].split("\n## ", maxsplit=1)[0]
    named = set(re.findall(r"`((?:db|parallax|error)\.[a-z_.]+)`", text))

    found = {name for span in spans(fails=True) for name in values_of(span.attributes)}

    assert found == named - {"parallax.telemetry.drops"}


def test_the_first_span_is_below_that_of_the_application_and_the_others_below_it() -> None:
    legacy, gateway, comparison = spans()
    root, *_ = spans(None)

    assert legacy.trace_id == (5).to_bytes(16)
    assert legacy.parent_span_id == (6).to_bytes(8)
    assert legacy.flags & SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
    assert gateway.parent_span_id == comparison.parent_span_id == legacy.span_id
    assert not gateway.flags & SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
    assert root.parent_span_id == b""


def test_a_failure_is_an_error_with_its_code_and_a_mismatch_is_one_with_its_verdict() -> None:
    fine = spans()
    legacy, gateway, comparison, recheck = spans(fails=True)

    unset = {span.status.code for span in [*fine, legacy, recheck]}
    assert unset == {Status.STATUS_CODE_UNSET}
    assert gateway.status.code == comparison.status.code == Status.STATUS_CODE_ERROR
    failed = {"error.type": "11000", "db.response.status_code": "11000"}
    assert values_of(gateway.attributes).items() >= failed.items()
    assert values_of(comparison.attributes)["error.type"] == "mismatch"
