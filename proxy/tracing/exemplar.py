"""A measurement by example: which exchange it was that fell into a bucket, or added to a counter."""

import time
from typing import NamedTuple

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from proxy.tracing.context import Parent


class Place(NamedTuple):
    """A span, for what refers to it."""

    trace_id: int
    span_id: int


class Exemplar(NamedTuple):
    """One duration, when it was entered, and the span that it belongs to."""

    seconds: float
    at_ns: int
    place: Place


def exemplar(seconds: float, place: Place) -> Exemplar:
    """Return a duration that is entered now."""
    return Exemplar(seconds, time.time_ns(), place)


def context_of(place: Place | None) -> Context | None:
    """Return the context in which OpenTelemetry's own instruments find the span, None for the current one."""
    if place is None:
        return None
    span = SpanContext(*place, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
    return set_span_in_context(NonRecordingSpan(span))


def named(place: Place) -> dict[str, str]:
    """Return a span as it is written in log lines, and on pages for Prometheus."""
    return {"trace_id": f"{place.trace_id:032x}", "span_id": f"{place.span_id:016x}"}


def named_by(parent: Parent | None) -> dict[str, str]:
    """Return the span of the application as it is written in log lines; nothing where it names none."""
    return {} if parent is None else named(Place(parent.trace_id, parent.span_id))
