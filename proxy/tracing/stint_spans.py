"""Stints as spans in OpenTelemetry's protocol. Loaded only where traces are exported."""

from typing import Final

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, SpanFlags, Status

from proxy.tracing.stint import Fact, Role, Stint

_KINDS: Final = {
    Role.INTERNAL: Span.SPAN_KIND_INTERNAL,
    Role.SERVER: Span.SPAN_KIND_SERVER,
}
_SAMPLED: Final = 1
_FLAGS: Final = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | _SAMPLED
_REMOTE: Final = SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8


def span_of(stint: Stint) -> Span:
    """Return the span of a stint."""
    span = Span(
        trace_id=stint.trace_id.to_bytes(_TRACE_BYTES),
        span_id=stint.span_id.to_bytes(_SPAN_BYTES),
        name=stint.name,
        kind=_KINDS[stint.role],
        start_time_unix_nano=stint.began_ns,
        end_time_unix_nano=stint.ended_ns,
        attributes=[_attribute(name, value) for name, value in stint.facts.items()],
        flags=_FLAGS | (_REMOTE if stint.is_remote else 0),
    )
    if stint.parent:
        span.parent_span_id = stint.parent.to_bytes(_SPAN_BYTES)
    if stint.error is not None:
        span.status.code = Status.STATUS_CODE_ERROR
        span.attributes.append(_attribute("error.type", stint.error))
    return span


def _attribute(name: str, value: Fact) -> KeyValue:
    if isinstance(value, str):
        return KeyValue(key=name, value=AnyValue(string_value=value))
    if isinstance(value, int):
        return KeyValue(key=name, value=AnyValue(int_value=value))
    return KeyValue(key=name, value=AnyValue(double_value=value))
