"""Metrics whose values are looked up when somebody asks for them."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from proxy.measures import Declared

T = TypeVar("T")
Observed = Iterator[tuple[float, Mapping[str, str]]]
"""Values with their labels."""


def observe(
    meter: Meter,
    read: Callable[[], T | None],
    *,
    counters: Mapping[Declared, Callable[[T], Observed]],
    gauges: Mapping[Declared, Callable[[T], Observed]],
) -> None:
    """Report what `read` gives whenever somebody asks; nothing where it gives None."""
    for declared, observed in counters.items():
        meter.create_observable_counter(
            declared.name, [_callback(read, observed)], declared.unit, declared.meaning
        )
    for declared, observed in gauges.items():
        meter.create_observable_gauge(
            declared.name, [_callback(read, observed)], declared.unit, declared.meaning
        )


def _callback(
    read: Callable[[], T | None], observed: Callable[[T], Observed]
) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def given(_: CallbackOptions) -> Iterator[Observation]:
        found = read()
        if found is not None:
            yield from (Observation(value, labels) for value, labels in observed(found))

    return given
