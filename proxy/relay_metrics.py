"""The relay's own counts as metrics of the verifier, read from the file that the relay writes once a second.

So the relay itself exports nothing: what is on the way of the application's bytes knows neither OpenTelemetry nor a second
port, and counts with integers.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from proxy.telemetry import (
    CAPTURE_DROPS,
    CAPTURE_SIZE,
    RELAY_CONNECTIONS,
    RELAY_IO,
    RELAY_REFUSED,
    RELAY_REQUESTS,
    Declared,
)

Counts = Mapping[str, Any]
"""What the relay wrote last."""
Observed = Iterator[tuple[float, Mapping[str, str]]]


def observe_relay(meter: Meter, read: Callable[[], Counts | None]) -> None:
    """Report what `read` gives whenever somebody asks; nothing where it gives None, as for a relay that is silent."""
    counters: Mapping[Declared, Callable[[Counts], Observed]] = {
        RELAY_REQUESTS: lambda counts: _each(counts["requests"], RELAY_REQUESTS),
        RELAY_REFUSED: lambda counts: _each(counts["refused"], RELAY_REFUSED),
        RELAY_IO: _io,
        CAPTURE_DROPS: _drops,
    }
    gauges: Mapping[Declared, Callable[[Counts], Observed]] = {
        RELAY_CONNECTIONS: lambda counts: iter([(counts["connections_open"], {})]),
        CAPTURE_SIZE: lambda counts: iter([(counts["capture"]["bytes"], {})]),
    }
    for declared, observed in counters.items():
        meter.create_observable_counter(
            declared.name, [_callback(read, observed)], declared.unit, declared.meaning
        )
    for declared, observed in gauges.items():
        meter.create_observable_gauge(
            declared.name, [_callback(read, observed)], declared.unit, declared.meaning
        )


def _callback(
    read: Callable[[], Counts | None], observed: Callable[[Counts], Observed]
) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        counts = read()
        if counts is not None:
            yield from (Observation(value, labels) for value, labels in observed(counts))

    return observe


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
