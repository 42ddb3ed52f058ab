import ast
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from comparators.errors import UnreachableError
from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.measures import EXPORT_DROPS, METRICS, OF_FRONTS, OF_LEDGER, OF_RELAY
from proxy.settings_sections import LogFormat, LogLevel
from proxy.telemetry import EVENTS, Metrics, configure_logging

ROOT = Path(__file__).parents[3]
REFERENCE = (ROOT / "docs" / "telemetry.md").read_text()
LOGGING = {
    **dict.fromkeys(("debug", "info", "warning", "warn", "error", "exception", "coped", "bug"), 0),
    "_refuse": 1,
}
"""The methods that log, and which of their arguments is the event."""
SECRET = "ada@example.org"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give the stream that this test's log goes to."""
    yield io.StringIO()
    structlog.reset_defaults()


def test_every_metric_is_in_the_reference() -> None:
    rows = re.findall(r"^\| `([a-z.]+)` \| (\S+) \|(.*?)\| (.+) \|$", REFERENCE, re.MULTILINE)

    documented = {
        name: (unit, tuple(re.findall(r"`([a-z._]+)`", labels)), meaning)
        for name, unit, labels, meaning in rows
    }
    assert documented == {
        metric.name: (metric.unit, metric.labels, metric.meaning) for metric in METRICS
    }


def test_every_event_is_in_the_reference() -> None:
    documented = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]+) \|$", REFERENCE, re.MULTILINE))

    assert documented == EVENTS


def test_every_event_that_the_code_logs_is_declared_and_the_other_way_round() -> None:
    logged = {
        event
        for file in (ROOT / "proxy").rglob("*.py")
        for event in events_of(ast.parse(file.read_text()))
    }

    assert logged == EVENTS.keys()


def events_of(module: ast.Module) -> Iterator[str]:
    for call in ast.walk(module):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        at = LOGGING.get(call.func.attr)
        if at is None or len(call.args) <= at:
            continue
        event = call.args[at]
        if isinstance(event, ast.Constant) and isinstance(event.value, str):
            yield event.value


def test_a_judged_operation_is_counted_and_timed_on_both_sides() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    metrics = Metrics(provider.get_meter("test"))

    metrics.judged(verdict=Verdict.MATCH, collection="app.users", kind=Kind.FIND, n=1)
    metrics.timed(
        collection="app.users",
        kind=Kind.FIND,
        legacy_s=0.001,
        gateway_s=0.002,
        overhead_s=0.00005,
        compare_s=None,
        gateway_error="11000",
    )
    metrics.dropped(collection="app.users", what="reads", n=3)
    metrics.sampled(collection="app.users", n=5)
    metrics.rechecked(verdict=Verdict.TRANSIENT, collection="app.users", n=6)
    metrics.excused(rule="clocks", collection="app.users", n=2)
    metrics.lag(operations=4, seconds=0.5, size_bytes=100)
    metrics.mirror(notes=7, seconds=1.5)

    measured = exported(reader)
    provider.shutdown()
    observed = {*OF_RELAY, *OF_LEDGER, *OF_FRONTS, EXPORT_DROPS}
    declared = {metric.name: metric for metric in METRICS if metric not in observed}
    assert set(measured) == set(declared) - {"parallax.comparison.duration"}
    for name, points in measured.items():
        for labels, _ in points:
            assert set(labels) | {"error.type"} == {*declared[name].labels, "error.type"}
    sides = {
        (labels["parallax.side"], labels.get("error.type")): total
        for labels, total in measured["db.client.operation.duration"]
    }
    assert sides == {("legacy", None): 0.001, ("gateway", "11000"): 0.002}
    assert measured["parallax.drops"][0][1] == 3
    assert measured["parallax.lag.operations"][0][1] == 4


def exported(reader: InMemoryMetricReader) -> dict[str, list[tuple[dict[str, object], float]]]:
    """Return what was measured: for each metric the labels and the sum of each series."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: [
            (
                dict(point.attributes or {}),
                point.value if isinstance(point, NumberDataPoint) else point.sum,
            )
            for point in metric.data.data_points
        ]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_a_json_line_has_event_level_part_and_time(log: io.StringIO) -> None:
    configure_logging(LogLevel.INFO, LogFormat.JSON, part="relay", stream=log)

    structlog.get_logger().debug("marks_kept")
    structlog.get_logger().warning("peer_lost", side="gateway")

    (line,) = log.getvalue().splitlines()
    entry = json.loads(line)
    assert entry.pop("timestamp").endswith("Z")
    assert entry == {"event": "peer_lost", "level": "warning", "part": "relay", "side": "gateway"}


def test_a_console_line_is_for_people(log: io.StringIO) -> None:
    configure_logging(LogLevel.DEBUG, LogFormat.CONSOLE, part="relay", stream=log)

    structlog.get_logger().info("relay_listening", address="127.0.0.1:27018")

    assert "relay_listening" in log.getvalue()
    assert "\x1b" not in log.getvalue(), "no colours where nobody watches"


@pytest.mark.parametrize("form", LogFormat)
def test_an_exception_is_logged_without_the_values_in_its_message(
    log: io.StringIO, form: LogFormat
) -> None:
    configure_logging(LogLevel.INFO, form, part="verifier", stream=log)

    def fail() -> None:
        try:
            dict[str, str]()[SECRET]
        except KeyError as cause:
            raise ExceptionGroup("failed", [ValueError(SECRET), peer_lost()]) from cause

    try:
        fail()
    except ExceptionGroup:
        structlog.get_logger().exception("bug")

    written = log.getvalue()
    assert SECRET not in written
    for kept in ("ValueError", "KeyError", "the gateway is gone", "in fail"):
        assert kept in written


def peer_lost() -> UnreachableError:
    return UnreachableError("the gateway is gone", where="host", remedy="wait")
