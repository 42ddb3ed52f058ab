"""Where the traces of a process go: to an OpenTelemetry collector, by a thread of its own.

Nothing is loaded, and nothing spent, where none is set, or where it is not to have traces.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from proxy.exporters import failures_in_our_log, resource_of
from proxy.settings_sections import OtlpProtocol, Signal, Telemetry
from proxy.tracing.outbox import Outbox
from proxy.tracing.trail import Trail

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


@contextmanager
def traced(settings: Telemetry, *, part: str) -> Iterator[Outbox[Trail] | None]:
    """Give what takes the trails that are to be told of; None where nobody is told."""
    if not settings.sends(Signal.TRACES):
        yield None
        return
    from proxy.tracing.spans import SpanSending

    sending = SpanSending(_otlp(settings), resource_of(part))
    with failures_in_our_log():
        outbox = Outbox(sending, signal=Signal.TRACES.value, every_s=settings.interval_s)
        try:
            yield outbox
        finally:
            outbox.end()


def _otlp(settings: Telemetry) -> "SpanExporter":
    """Return the exporter of the protocol. Headers and certificates come from OTEL_EXPORTER_OTLP_… variables."""
    if settings.otlp_protocol is OtlpProtocol.GRPC:
        from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as grpc

        return grpc.OTLPSpanExporter(endpoint=settings.otlp_endpoint)
    from opentelemetry.exporter.otlp.proto.http import trace_exporter as http

    return http.OTLPSpanExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")
