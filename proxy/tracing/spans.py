"""Trails as spans in OpenTelemetry's protocol. Loaded only where traces are exported.

They are put together from encoded pieces: the SDK's own spans, and what encodes them, take ten times the processor time. What all spans of
one shape of operation share is encoded once, and what is a span's own is set behind it: two encoded messages after one another
are one message with the fields of both.
Sources: Protocol Buffers documentation, "Encoding", sections "Last One Wins" and "Length-Delimited Records". Of the `db.*` names and of the spans' own: OpenTelemetry semantic conventions, "Database client spans".
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Final, NamedTuple, Protocol

from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span, SpanFlags, Status

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.telemetry import SYSTEMS
from proxy.tracing.stint import Stint, Told
from proxy.tracing.stint_spans import span_of
from proxy.tracing.trail import AGAINST, Part, Side, Trail

_SCOPE: Final = ScopeSpans(scope=InstrumentationScope(name="parallax")).SerializeToString()
_SAMPLED: Final = 1
_OURS: Final = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | _SAMPLED
_REMOTE: Final = _OURS | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
_MOST_FORMS: Final = 2048
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8

_RESOURCE_IN_WHOLE: Final = 1
_SCOPE_IN_WHOLE: Final = 2
_SPAN_IN_SCOPE: Final = 2
_WHOLE_IN_REQUEST: Final = 1
"""Numbers of fields in `ResourceSpans`, `ScopeSpans` and `ExportTraceServiceRequest`."""
_LENGTH_DELIMITED: Final = 2
_SEVEN_BITS: Final = 0x7F
_MORE: Final = 0x80


class _Target(NamedTuple):
    """What a span is about."""

    database: str
    collection: str
    kind: Kind
    shape: str


class _Forms(NamedTuple):
    """Encoded spans with everything that all of one target share."""

    legacy: bytes
    gateway: bytes
    comparison: bytes
    recheck: bytes


class Spans:
    """Make the spans of trails; `resource` says whose they are."""

    def __init__(self, resource: Mapping[str, object]) -> None:
        attributes = [_text(name, str(value)) for name, value in resource.items()]
        told = Resource(attributes=attributes).SerializeToString()
        self._resource = _field(_RESOURCE_IN_WHOLE, told)
        self._forms: dict[_Target, _Forms] = {}

    def of(self, told: Iterable[Told]) -> bytes:
        """Return the spans of several exchanges and stints as they are sent: an encoded `ExportTraceServiceRequest`."""
        spans = [_field(_SPAN_IN_SCOPE, span) for each in told for span in self._spans_of(each)]
        whole = self._resource + _field(_SCOPE_IN_WHOLE, _SCOPE + b"".join(spans))
        return _field(_WHOLE_IN_REQUEST, whole)

    def _spans_of(self, told: Told) -> Iterable[bytes]:
        return (span_of(told).SerializeToString(),) if isinstance(told, Stint) else self._of(told)

    def _of(self, trail: Trail) -> Iterator[bytes]:
        forms = self._forms_of(_Target(trail.database, trail.collection, trail.kind, trail.shape))
        ids = trail.ids
        trace, root = ids.trace.to_bytes(_TRACE_BYTES), ids.legacy.to_bytes(_SPAN_BYTES)
        legacy = _answered(trail.legacy, trace_id=trace, span_id=root)
        if trail.parent is not None:
            legacy.parent_span_id = trail.parent.span_id.to_bytes(_SPAN_BYTES)
            legacy.flags = _REMOTE
        yield forms.legacy + legacy.SerializeToString()
        if trail.gateway is not None:
            own = ids.gateway.to_bytes(_SPAN_BYTES)
            gateway = _answered(trail.gateway, trace_id=trace, span_id=own, parent_span_id=root)
            yield forms.gateway + gateway.SerializeToString()
        own = ids.comparison.to_bytes(_SPAN_BYTES)
        comparison = Span(
            trace_id=trace,
            span_id=own,
            parent_span_id=root,
            start_time_unix_nano=trail.compared_ns or trail.judged_ns,
            end_time_unix_nano=trail.judged_ns,
        )
        _judged(comparison, trail)
        yield forms.comparison + _ended(trail.verdict) + comparison.SerializeToString()
        if trail.doubted_ns:
            recheck = Span(
                trace_id=trace,
                span_id=ids.recheck.to_bytes(_SPAN_BYTES),
                parent_span_id=own,
                start_time_unix_nano=trail.doubted_ns,
                end_time_unix_nano=trail.judged_ns,
            )
            yield forms.recheck + recheck.SerializeToString()

    def _forms_of(self, target: _Target) -> _Forms:
        forms = self._forms.get(target)
        if forms is None:
            if len(self._forms) >= _MOST_FORMS:
                self._forms.clear()
            forms = self._forms[target] = _forms(target)
        return forms


def _forms(target: _Target) -> _Forms:
    kind = target.kind.value
    name = f"{kind} {target.collection}" if target.collection else kind
    shared = [
        _text("db.namespace", target.database),
        _text("db.collection.name", target.collection),
        _text("db.operation.name", kind),
        _text("parallax.shape", target.shape),
    ]
    legacy, gateway = (
        Span(
            name=name,
            kind=Span.SPAN_KIND_CLIENT,
            attributes=[
                *shared,
                _text("db.system.name", SYSTEMS[part.value]),
                _text("parallax.side", part.value),
            ],
            flags=_OURS,
        ).SerializeToString()
        for part in (Part.LEGACY, Part.GATEWAY)
    )
    comparison, recheck = (
        Span(
            name=f"{part} {name}",
            kind=Span.SPAN_KIND_INTERNAL,
            attributes=shared,
            flags=_OURS,
        ).SerializeToString()
        for part in (Part.COMPARISON, Part.RECHECK)
    )
    return _Forms(legacy, gateway, comparison, recheck)


def _answered(side: Side, *, trace_id: bytes, span_id: bytes, parent_span_id: bytes = b"") -> Span:
    span = Span(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        start_time_unix_nano=side.began_ns,
        end_time_unix_nano=side.ended_ns,
    )
    if side.error is None:
        return span
    span.status.code = Status.STATUS_CODE_ERROR
    span.attributes.append(_text("error.type", side.error))
    if side.error.isdigit():
        span.attributes.append(_text("db.response.status_code", side.error))
    return span


def _judged(span: Span, trail: Trail) -> None:
    span.attributes.extend(
        (
            KeyValue(key="parallax.position", value=AnyValue(int_value=trail.position)),
            KeyValue(key="parallax.overhead", value=AnyValue(double_value=trail.overhead_s)),
        )
    )
    if trail.reason is not None:
        span.attributes.append(_text("parallax.reason", trail.reason))
    if trail.fingerprint is not None:
        span.attributes.append(_text("parallax.fingerprint", trail.fingerprint))
    if trail.rules:
        rules = ArrayValue(values=[AnyValue(string_value=rule) for rule in trail.rules])
        span.attributes.append(KeyValue(key="parallax.rules", value=AnyValue(array_value=rules)))


@cache
def _ended(verdict: Verdict) -> bytes:
    """Return what all comparisons with a verdict share."""
    span = Span(attributes=[_text("parallax.verdict", verdict.value)])
    if verdict in AGAINST:
        span.status.code = Status.STATUS_CODE_ERROR
        span.attributes.append(_text("error.type", verdict.value))
    encoded: bytes = span.SerializeToString()
    return encoded


def _text(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))


def _field(number: int, content: bytes) -> bytes:
    """Return a message within another one, as its field of a number."""
    head = bytearray((number << 3 | _LENGTH_DELIMITED,))
    length = len(content)
    while length > _SEVEN_BITS:
        head.append(length & _SEVEN_BITS | _MORE)
        length >>= 7
    head.append(length)
    return bytes(head) + content


class Way(Protocol):
    """A connection to a collector."""

    def send(self, request: bytes) -> bool:
        """Send an encoded request; False where the collector did not take it."""
        ...

    def shutdown(self) -> None:
        """Give up what is being sent."""
        ...


class SpanSending:
    """Sends what is told; `resource` says whose it is."""

    def __init__(self, way: Way, resource: Mapping[str, object]) -> None:
        self._way = way
        self._spans = Spans(resource)

    def send(self, batch: list[Told]) -> bool:
        """Send the spans of all; False where the collector did not take them."""
        return self._way.send(self._spans.of(batch))

    def close(self) -> None:
        """Give up what is being sent."""
        self._way.shutdown()
