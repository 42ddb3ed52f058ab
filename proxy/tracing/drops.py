"""How much of what is exported got lost, as a metric: it is the metric that says what the traces do not."""

from collections.abc import Iterator, Mapping
from typing import Any

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from proxy.measures import EXPORT_DROPS
from proxy.settings_sections import Signal
from proxy.tracing.outbox import Outbox


def observe_drops(meter: Meter, outboxes: Mapping[Signal, Outbox[Any] | None]) -> None:
    """Report what was dropped whenever somebody asks; nothing of what is not sent."""

    def observe(_: CallbackOptions) -> Iterator[Observation]:
        for signal, outbox in outboxes.items():
            if outbox is not None:
                yield Observation(outbox.dropped, {"parallax.signal": signal.value})

    meter.create_observable_counter(
        EXPORT_DROPS.name, [observe], EXPORT_DROPS.unit, EXPORT_DROPS.meaning
    )
