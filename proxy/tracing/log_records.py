"""Lines of the log as log records of OpenTelemetry's SDK. Loaded only where they are exported.

Source: OpenTelemetry, "Logs Data Model"; its numbers of severity are those of the first of each four.
"""

from collections.abc import Mapping
from typing import Any, Final

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from proxy.tracing.exemplar import context_of
from proxy.tracing.line import Line

_SCOPE: Final = InstrumentationScope("parallax")
_SEVERITIES: Final[Mapping[str, SeverityNumber]] = {
    "debug": SeverityNumber.DEBUG,
    "info": SeverityNumber.INFO,
    "warning": SeverityNumber.WARN,
    "error": SeverityNumber.ERROR,
    "critical": SeverityNumber.FATAL,
}
_NAMES: Final = {"exception": "exception.stacktrace"}
"""Fields that have a name of OpenTelemetry's own."""


class LineSending:
    """The way of lines to a collector; `resource` says whose they are."""

    def __init__(self, exporter: LogRecordExporter, resource: Resource) -> None:
        self._exporter = exporter
        self._resource = resource

    def send(self, batch: list[Line]) -> bool:
        """Send all; False where the collector did not take them."""
        sent = self._exporter.export([self._record(line) for line in batch])
        return sent is LogRecordExportResult.SUCCESS

    def close(self) -> None:
        """Give up what is being sent."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]

    def _record(self, line: Line) -> ReadableLogRecord:
        record = LogRecord(
            timestamp=line.at_ns,
            observed_timestamp=line.at_ns,
            context=context_of(line.place),
            severity_text=line.level.upper(),
            severity_number=_SEVERITIES.get(line.level, SeverityNumber.UNSPECIFIED),
            body=line.event,
            attributes={
                _NAMES.get(name, name): _value(value) for name, value in line.fields.items()
            },
            event_name=line.event,
        )
        return ReadableLogRecord(record, self._resource, _SCOPE)


def _value(value: Any) -> Any:
    """Return what an attribute can hold."""
    return value if isinstance(value, str | bool | int | float) else str(value)
