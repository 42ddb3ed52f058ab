"""What is done on collections is told of as it ends, and what went wrong always, with all that it happened in."""

import io
import json
import re
from pathlib import Path

import pytest
import structlog

from comparators.errors import RefusedError
from proxy.ledger.orders import OrderKind
from proxy.settings_sections import LogFormat, LogLevel
from proxy.telemetry import configure_logging
from proxy.tracing.context import Parent, parent_of
from proxy.tracing.stint import Stint
from proxy.tracing.stints import MOST_WITHIN, OMITTED, Stints, carried

ROOT = Path(__file__).parents[4]
REFERENCE = (ROOT / "docs" / "telemetry.md").read_text()
TELLING = (
    *("proxy/jobs/*.py", "proxy/mirror/*.py", "proxy/cli/rollout.py", "proxy/http/spans.py"),
    *("proxy/shadow/orders.py", "proxy/shadow/state_traces.py", "proxy/serving/spans.py"),
    "proxy/tracing/stints.py",
)
"""Where it is said what is told."""
NAMESPACE = "app.users"
REMOTE = Parent(trace_id=5, span_id=6, is_sampled=True)


def test_every_attribute_and_name_is_in_the_reference() -> None:
    told = "\n".join(file.read_text() for folder in TELLING for file in sorted(ROOT.glob(folder)))
    facts = set(re.findall(r'"((?:parallax|http|db)\.[a-z_.]+)"', told))
    names = set(re.findall(r'\.doing\(\s*"([a-z ]+)"', told))

    assert {"parallax.documents", "http.route", "parallax.spans.omitted"} <= facts
    assert {"sweep", "sweep chunk", "backfill", "rollout", "mirror"} <= names
    assert not [fact for fact in facts if f"`{fact}`" not in REFERENCE]
    orders = {kind.value for kind in OrderKind}
    assert not [name for name in names | orders if f"`{name} users`" not in REFERENCE]


def stints(told: list[Stint], *, ratio: float = 1.0, parent: Parent | None = None) -> Stints:
    return Stints(told.append, ratio=ratio, parent=parent)


def test_what_begins_within_another_one_is_its_child() -> None:
    told: list[Stint] = []
    doing = stints(told).doing

    with (
        doing("sweep", NAMESPACE) as outer,
        doing("sweep chunk", NAMESPACE, {"parallax.chunk": 3}) as inner,
    ):
        inner.facts["parallax.documents"] = 7
        outer.facts["parallax.documents"] = 9

    child, root = told
    assert (root.name, child.name) == ("sweep users", "sweep chunk users")
    assert child.trace_id == root.trace_id
    assert (root.parent, child.parent) == (0, root.span_id)
    assert root.began_ns <= child.began_ns <= child.ended_ns <= root.ended_ns
    about = {"db.namespace": "app", "db.collection.name": "users"}
    assert child.facts == {**about, "parallax.chunk": 3, "parallax.documents": 7}
    assert root.facts == {**about, "parallax.documents": 9}


def test_nothing_is_told_of_what_was_not_drawn_and_went_well() -> None:
    told: list[Stint] = []

    with stints(told, ratio=0).doing("sweep", NAMESPACE):
        pass

    assert not told


def test_what_went_wrong_is_told_of_with_all_that_it_happened_in() -> None:
    told: list[Stint] = []
    doing = stints(told, ratio=0).doing

    with doing("sweep", NAMESPACE):
        with doing("sweep chunk", NAMESPACE):
            pass
        with doing("sweep chunk", NAMESPACE), doing("compare", NAMESPACE) as wrong:
            wrong.error = "mismatch"

    assert [(one.name, one.error) for one in told] == [
        ("compare users", "mismatch"),
        ("sweep chunk users", None),
        ("sweep users", None),
    ]


def test_an_error_that_ends_it_is_named_by_its_class_alone() -> None:
    told: list[Stint] = []

    cause = RefusedError("ada@example.org", where="here", remedy="none")

    with pytest.raises(ExceptionGroup), stints(told, ratio=0).doing("backfill", NAMESPACE):
        raise ExceptionGroup("ada@example.org", [cause])

    (one,) = told
    assert one.error == "RefusedError"


def test_it_joins_the_span_of_another_process_and_carries_on_to_the_next() -> None:
    told: list[Stint] = []

    with stints(told, ratio=0, parent=REMOTE).doing("sweep", NAMESPACE):
        header = carried()
    with stints(told, ratio=0).doing("compare", NAMESPACE, parent=parent_of(header)):
        pass

    job, order = told
    assert (job.trace_id, job.parent, job.is_remote) == (5, 6, True)
    assert (order.trace_id, order.parent, order.is_remote) == (5, job.span_id, True)


def test_nothing_is_carried_where_nobody_is_told() -> None:
    with Stints().doing("sweep", NAMESPACE):
        assert carried() is None


def test_one_trace_does_not_grow_with_the_collection() -> None:
    told: list[Stint] = []
    doing = stints(told).doing

    with doing("sweep", NAMESPACE):
        for _ in range(MOST_WITHIN + 2):
            with doing("sweep chunk", NAMESPACE):
                pass

    assert len(told) == MOST_WITHIN + 1
    assert told[-1].facts[OMITTED] == 2


def test_lines_of_the_log_have_its_numbers() -> None:
    told: list[Stint] = []
    log = io.StringIO()
    configure_logging(LogLevel.INFO, LogFormat.JSON, part="sweep", stream=log)

    with stints(told).doing("sweep", NAMESPACE):
        structlog.get_logger().info("collection_swept")

    (one,) = told
    line = json.loads(log.getvalue())
    assert line["trace_id"] == f"{one.trace_id:032x}"
    assert line["span_id"] == f"{one.span_id:016x}"
