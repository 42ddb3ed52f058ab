"""What a job tells of itself: its traces and its log go to the collector, and on the terminal stand warnings alone.

How far it is, is on the ledger; the verifier tells the metrics of it.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog

from proxy.settings import Settings
from proxy.telemetry import configure_logging
from proxy.tracing.context import Parent, parent_of
from proxy.tracing.exporting import logged, traced
from proxy.tracing.outbox import Outbox
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


def stints_to(
    settings: Settings, outbox: Outbox[Told] | None, parent: Parent | None = None
) -> Stints:
    """Return what tells of stretches of work; it does nothing where nobody is told."""
    if outbox is None:
        return Stints()
    return Stints(outbox.put, ratio=settings.telemetry.traces, parent=parent)
