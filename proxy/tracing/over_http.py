"""The way of spans to a collector over HTTP: connection, certificates, headers and retries are those of OpenTelemetry's SDK.

Its exporter takes the SDK's own spans: what is put together already is handed to it further in.
"""

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter


class OverHttp(OTLPSpanExporter):
    """Sends requests."""

    def send(self, request: bytes) -> bool:
        """Send an encoded one; False where the collector did not take it."""
        return bool(self._client.export(request).success)
