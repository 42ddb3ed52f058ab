"""The relay's own counts as metrics of the verifier, read from the file that the relay writes once a second.

So the relay itself exports nothing: what is on the way of the application's bytes knows neither OpenTelemetry nor a second
port, and counts with integers.
"""

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.metrics import Meter

from proxy.measures import (
    BREAKER,
    CAPTURE_DROPS,
    CAPTURE_SIZE,
    RELAY_CONNECTIONS,
    RELAY_GATEWAY,
    RELAY_IO,
    RELAY_REFUSED,
    RELAY_REQUESTS,
    Declared,
)
from proxy.observing import Observed, observe

Counts = Mapping[str, Any]
"""What the relay wrote last."""


def observe_relay(meter: Meter, read: Callable[[], Counts | None]) -> None:
    """Report what `read` gives whenever somebody asks; nothing where it gives None, as for a relay that is silent."""
    observe(
        meter,
        read,
        counters={
            RELAY_REQUESTS: lambda counts: _each(counts["requests"], RELAY_REQUESTS),
            RELAY_REFUSED: lambda counts: _each(counts["refused"], RELAY_REFUSED),
            RELAY_IO: _io,
            CAPTURE_DROPS: _drops,
            RELAY_GATEWAY: _gateway,
        },
        gauges={
            RELAY_CONNECTIONS: lambda counts: iter([(counts["connections_open"], {})]),
            CAPTURE_SIZE: lambda counts: iter([(counts["capture"]["bytes"], {})]),
            BREAKER: lambda counts: _each(counts["breakers"], BREAKER),
        },
    )


def _each(counts: Mapping[str, int], declared: Declared) -> Observed:
    """Give each count under the one label of the metric."""
    (label,) = declared.labels
    for name, n in counts.items():
        yield n, {label: name}


def _io(counts: Counts) -> Observed:
    return _each({"request": counts["request_bytes"], "reply": counts["reply_bytes"]}, RELAY_IO)


def _drops(counts: Counts) -> Observed:
    capture = counts["capture"]
    by_kind = {"reads": capture["dropped_reads"], "writes": capture["lost_writes"]}
    return _each(by_kind, CAPTURE_DROPS)


def _gateway(counts: Counts) -> Observed:
    for direction, outcomes in (
        ("reads", counts["gateway_reads"]),
        ("writes", counts["gateway_writes"]),
    ):
        for outcome, n in outcomes.items():
            yield n, {"parallax.direction": direction, "parallax.outcome": outcome}
