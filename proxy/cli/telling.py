"""What jobs and fronts tell of themselves.

Traces and log of a job go to the collector, and on the terminal stand warnings alone. How far it is, is on the ledger; the verifier
tells the metrics of it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

import structlog

from proxy.exporters import exported
from proxy.fronts import FrontMetrics
from proxy.settings import Settings
from proxy.settings_sections import Signal
from proxy.telemetry import configure_logging
from proxy.tracing.context import Parent, parent_of
from proxy.tracing.drops import observe_drops
from proxy.tracing.exporting import logged, traced
from proxy.tracing.outbox import Outbox
from proxy.tracing.served import Served
from proxy.tracing.stint import Told
from proxy.tracing.stints import Stints

VARIABLE: Final = "TRACEPARENT"
"""By which a program that starts another one names its span. Source: OpenTelemetry, "Environment Variables as Context Propagation Carriers"."""


@contextmanager
def telling(
    settings: Settings, *, part: str, environment: Mapping[str, str] = os.environ
) -> Iterator[Stints]:
    """Give what a job tells of its work. Logging is afterwards what it was before."""
    before = structlog.get_config() if structlog.is_configured() else None
    configure_logging(settings.log.level, settings.log.format, part=part, is_quiet=True)
    parent = parent_of(environment.get(VARIABLE))
    try:
        with logged(settings.telemetry, part=part), traced(settings.telemetry, part=part) as outbox:
            yield stints_to(settings, outbox, parent)
    finally:
        structlog.reset_defaults()
        if before is not None:
            structlog.configure(**before)


class FrontTelling(NamedTuple):
    """What a front tells of its answers: `spans` in traces, None where nobody is told."""

    metrics: FrontMetrics
    spans: Served | None


@contextmanager
def telling_front(settings: Settings, *, part: str, prometheus: str) -> Iterator[FrontTelling]:
    """Give what a front tells of its answers; it is scraped at `prometheus`, empty for nowhere.

    SettingsError where that cannot be listened on.
    """
    told = settings.telemetry.model_copy(update={"prometheus": prometheus})
    with (
        exported(told, part=part) as metrics,
        logged(told, part=part) as lines,
        traced(told, part=part) as outbox,
    ):
        observe_drops(metrics.meter, {Signal.TRACES: outbox, Signal.LOGS: lines})
        spans = None
        if outbox is not None:
            slow_s = settings.gateway.explain_beyond_s
            spans = Served(outbox.put, ratio=told.traces, slow_beyond_s=slow_s)
        yield FrontTelling(FrontMetrics(metrics.meter), spans)


def stints_to(
    settings: Settings, outbox: Outbox[Told] | None, parent: Parent | None = None
) -> Stints:
    """Return what tells of stretches of work; it does nothing where nobody is told."""
    if outbox is None:
        return Stints()
    return Stints(outbox.put, ratio=settings.telemetry.traces, parent=parent)
