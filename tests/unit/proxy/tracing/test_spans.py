"""Spans have the names of the conventions, and no other than those that the reference lists."""

import re
from pathlib import Path

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.tracing.context import Parent
from proxy.tracing.spans import Spans
from proxy.tracing.trail import PARTS, Side, Trail, ids_of

REFERENCE = (Path(__file__).parents[4] / "docs" / "telemetry.md").read_text()
PARENT = Parent(trace_id=5, span_id=6, is_sampled=True)


def spans(parent: Parent | None = PARENT, *, fails: bool = False) -> list[ReadableSpan]:
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
    return list(Spans(Resource.create({})).of([trail]))


def test_every_span_is_in_the_reference() -> None:
    rows = re.findall(r"^\| (\w+): `([a-z ]+)` \| (\w+) \| (.+) \|$", REFERENCE, re.MULTILINE)

    assert {part: meaning for part, _, _, meaning in rows} == PARTS
    names = [name.replace("find", "find_and_modify") for _, name, _, _ in rows]
    assert [span.name for span in spans(fails=True)] == names
    assert [span.kind.name.lower() for span in spans(fails=True)] == [kind for *_, kind, _ in rows]


def test_every_attribute_is_in_the_reference() -> None:
    text = REFERENCE.split("## Traces")[1].split("\n## ", maxsplit=1)[0]
    named = set(re.findall(r"`((?:db|parallax|error)\.[a-z_.]+)`", text))

    found = {name for span in spans(fails=True) for name in span.attributes or {}}

    assert found == named - {"parallax.telemetry.drops"}


def test_the_first_span_is_below_that_of_the_application_and_the_others_below_it() -> None:
    legacy, gateway, comparison = spans()
    root, *_ = spans(None)

    assert legacy.parent is not None
    assert (legacy.parent.trace_id, legacy.parent.span_id) == (5, 6)
    assert legacy.parent.is_remote
    assert gateway.parent == comparison.parent == legacy.context
    assert root.parent is None


def test_a_failure_is_an_error_with_its_code_and_a_mismatch_is_one_with_its_verdict() -> None:
    fine = spans()
    legacy, gateway, comparison, recheck = spans(fails=True)

    assert {span.status.status_code for span in [*fine, legacy, recheck]} == {StatusCode.UNSET}
    assert gateway.status.status_code is comparison.status.status_code is StatusCode.ERROR
    assert gateway.kind is SpanKind.CLIENT
    assert (gateway.attributes or {})["error.type"] == "11000"
    assert (gateway.attributes or {})["db.response.status_code"] == "11000"
    assert (comparison.attributes or {})["error.type"] == "mismatch"
