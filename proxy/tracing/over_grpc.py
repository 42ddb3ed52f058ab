"""The way of spans to a collector over gRPC: connection, certificates, headers and retries are those of OpenTelemetry's SDK.

Its exporter takes the SDK's own spans: what is put together already is handed to it further in.
"""

from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace.export import SpanExportResult


class OverGrpc(OTLPSpanExporter):
    """Sends requests."""

    def send(self, request: bytes) -> bool:
        """Send an encoded one; False where the collector did not take it."""
        data: Any = ExportTraceServiceRequest.FromString(request)
        return self._export(data) is SpanExportResult.SUCCESS

    def _translate_data(self, data: Any) -> ExportTraceServiceRequest:
        request: ExportTraceServiceRequest = data
        return request

    def _count_data(self, data: Any) -> int:
        return len(data.resource_spans[0].scope_spans[0].spans)
