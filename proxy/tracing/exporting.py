"""Where the traces and the log of a process go: to an OpenTelemetry collector, by a thread for each.

Nothing is loaded, and nothing spent, where no collector is set, or where it is not to have them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from proxy.exporters import failures_in_our_log, resource_of
from proxy.settings_sections import OtlpProtocol, Signal, Telemetry
from proxy.tracing.line import Line, tapped
from proxy.tracing.outbox import Outbox, Sending
from proxy.tracing.stint import Told

if TYPE_CHECKING:
    from opentelemetry.sdk._logs.export import LogRecordExporter

    from proxy.tracing.spans import Way


T = TypeVar("T")


@contextmanager
def traced(settings: Telemetry, *, part: str) -> Iterator[Outbox[Told] | None]:
    """Give what takes the trails and stints that are to be told of; None where nobody is told."""
    if not settings.sends(Signal.TRACES):
        yield None
        return
    from proxy.tracing.spans import SpanSending

    sending = SpanSending(_of_spans(settings), resource_of(part).attributes)
    with _sent(sending, Signal.TRACES, settings) as outbox:
        yield outbox


@contextmanager
def logged(settings: Telemetry, *, part: str) -> Iterator[Outbox[Line] | None]:
    """Have the lines of the log sent as well; give what takes them, None where nobody does."""
    if not settings.sends(Signal.LOGS):
        yield None
        return
    from proxy.tracing.log_records import LineSending

    sending = LineSending(_of_lines(settings), resource_of(part))
    with _sent(sending, Signal.LOGS, settings) as outbox, tapped(outbox.put):
        yield outbox


@contextmanager
def _sent(sending: Sending[T], signal: Signal, settings: Telemetry) -> Iterator[Outbox[T]]:
    with failures_in_our_log():
        outbox = Outbox(sending, signal=signal.value, every_s=settings.interval_s)
        try:
            yield outbox
        finally:
            outbox.end()


def _of_spans(settings: Telemetry) -> "Way":
    """Return the way of the protocol. Headers and certificates come from OTEL_EXPORTER_OTLP_… variables."""
    if settings.otlp_protocol is OtlpProtocol.GRPC:
        from proxy.tracing.over_grpc import OverGrpc

        return OverGrpc(endpoint=settings.otlp_endpoint)
    from proxy.tracing.over_http import OverHttp

    return OverHttp(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/traces")


def _of_lines(settings: Telemetry) -> "LogRecordExporter":
    if settings.otlp_protocol is OtlpProtocol.GRPC:
        from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc

        return grpc.OTLPLogExporter(endpoint=settings.otlp_endpoint)
    from opentelemetry.exporter.otlp.proto.http import _log_exporter as http

    return http.OTLPLogExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/logs")
