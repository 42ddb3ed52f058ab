from collections.abc import Mapping
from pathlib import Path
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint

from proxy.cli.relay_status import read_status, write_status
from proxy.measures import OF_RELAY
from proxy.relay_metrics import observe_relay
from proxy.wire.counters import Counters, Refusal
from proxy.wire.gateway import Reading
from proxy.wire.outcomes import Writing
from proxy.wire.protocol.message import Treatment

CAPTURE = {"state": "writing", "bytes": 4096, "dropped_reads": 2, "lost_writes": 1}
Series = dict[tuple[str, frozenset[tuple[str, Any]]], float]


def measured(counts: Mapping[str, Any] | None) -> Series:
    """Return what a reader finds of the relay."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    observe_relay(provider.get_meter("parallax"), lambda: counts)
    data = reader.get_metrics_data()
    provider.shutdown()
    if data is None:
        return {}
    return {
        (metric.name, frozenset((point.attributes or {}).items())): point.value
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    }


def test_what_the_relay_wrote_is_what_is_measured(tmp_path: Path) -> None:
    counters = Counters(request_bytes=100, reply_bytes=2000)
    counters.requests[Treatment.READ] = 7
    counters.refused[Refusal.TOO_MANY] = 3
    snapshot = counters.snapshot(
        connections_open=5,
        primary=None,
        gateway_reads={Reading.SERVED: 8},
        gateway_writes={Writing.LATE: 9},
        breakers={"reads": 0, "writes": 1},
    )
    write_status(tmp_path, snapshot, CAPTURE)
    status = read_status(tmp_path)
    assert status is not None

    found = measured(status.counts)

    assert found["parallax.relay.connections", frozenset()] == 5
    assert found["parallax.relay.requests", frozenset({("parallax.treatment", "read")})] == 7
    refused = frozenset({("parallax.refusal", "too_many_connections")})
    assert found["parallax.relay.refused", refused] == 3
    assert found["parallax.relay.io", frozenset({("parallax.direction", "reply")})] == 2000
    assert found["parallax.capture.size", frozenset()] == 4096
    assert found["parallax.capture.drops", frozenset({("parallax.dropped", "writes")})] == 1
    served = {("parallax.direction", "reads"), ("parallax.outcome", "served")}
    assert found["parallax.relay.gateway", frozenset(served)] == 8
    late = {("parallax.direction", "writes"), ("parallax.outcome", "late")}
    assert found["parallax.relay.gateway", frozenset(late)] == 9
    assert found["parallax.breaker.open", frozenset({("parallax.direction", "reads")})] == 0
    assert found["parallax.breaker.open", frozenset({("parallax.direction", "writes")})] == 1
    assert {name for name, _ in found} == {declared.name for declared in OF_RELAY}


def test_a_relay_that_is_silent_has_no_series() -> None:
    assert measured(None) == {}
