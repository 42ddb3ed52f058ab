"""Trails as spans in OpenTelemetry's protocol. Loaded only where traces are exported.

They are put together as protocol buffers: the SDK's own spans, and what encodes them, take five times the processor time. All spans
of one shape of operation begin as copies of the same ones.
Source of the `db.*` names and of the spans' own: OpenTelemetry semantic conventions, "Database client spans".
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import (
    ResourceSpans,
    ScopeSpans,
    Span,
    SpanFlags,
    Status,
)

from comparators.operation import Kind
from proxy.telemetry import SYSTEMS
from proxy.tracing.stint import Stint, Told
from proxy.tracing.stint_spans import span_of
from proxy.tracing.trail import AGAINST, Part, Side, Trail

_SCOPE: Final = InstrumentationScope(name="parallax")
_SAMPLED: Final = 1
_OURS: Final = SpanFlags.SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK | _SAMPLED
_REMOTE: Final = _OURS | SpanFlags.SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK
_MOST_FORMS: Final = 2048
_TRACE_BYTES: Final = 16
_SPAN_BYTES: Final = 8


class _Target(NamedTuple):
    """What a span is about."""

    database: str
    collection: str
    kind: Kind
    shape: str


class _Forms(NamedTuple):
    """Spans with everything that all of one target share."""

    legacy: Span
    gateway: Span
    comparison: Span
    recheck: Span


class Spans:
    """Make the spans of trails; `resource` says whose they are."""

    def __init__(self, resource: Mapping[str, object]) -> None:
        self._resource = Resource(
            attributes=[_text(name, str(value)) for name, value in resource.items()]
        )
        self._forms: dict[_Target, _Forms] = {}

    def of(self, told: Iterable[Told]) -> ExportTraceServiceRequest:
        """Return the spans of several exchanges and stints, as they are sent."""
        scope = ScopeSpans(scope=_SCOPE)
        for each in told:
            if isinstance(each, Stint):
                scope.spans.append(span_of(each))
            else:
                self._add(scope, each)
        whole = ResourceSpans(resource=self._resource, scope_spans=[scope])
        return ExportTraceServiceRequest(resource_spans=[whole])

    def _add(self, scope: ScopeSpans, trail: Trail) -> None:
        forms = self._forms_of(_Target(trail.database, trail.collection, trail.kind, trail.shape))
        trace = trail.ids.trace.to_bytes(_TRACE_BYTES)
        legacy_id = trail.ids.legacy.to_bytes(_SPAN_BYTES)
        legacy = _begun(scope, forms.legacy, trace, legacy_id)
        if trail.parent is not None:
            legacy.parent_span_id = trail.parent.span_id.to_bytes(_SPAN_BYTES)
            legacy.flags = _REMOTE
        _answered(legacy, trail.legacy)
        if trail.gateway is not None:
            own = trail.ids.gateway.to_bytes(_SPAN_BYTES)
            gateway = _begun(scope, forms.gateway, trace, own)
            gateway.parent_span_id = legacy_id
            _answered(gateway, trail.gateway)
        comparison = _begun(
            scope, forms.comparison, trace, trail.ids.comparison.to_bytes(_SPAN_BYTES)
        )
        comparison.parent_span_id = legacy_id
        _judged(comparison, trail)
        if trail.doubted_ns:
            own = trail.ids.recheck.to_bytes(_SPAN_BYTES)
            recheck = _begun(scope, forms.recheck, trace, own)
            recheck.parent_span_id = comparison.span_id
            recheck.start_time_unix_nano = trail.doubted_ns
            recheck.end_time_unix_nano = trail.judged_ns

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
        )
        for part in (Part.LEGACY, Part.GATEWAY)
    )
    comparison, recheck = (
        Span(
            name=f"{part} {name}",
            kind=Span.SPAN_KIND_INTERNAL,
            attributes=shared,
            flags=_OURS,
        )
        for part in (Part.COMPARISON, Part.RECHECK)
    )
    return _Forms(legacy, gateway, comparison, recheck)


def _begun(scope: ScopeSpans, form: Span, trace: bytes, own: bytes) -> Span:
    span: Span = scope.spans.add()
    span.CopyFrom(form)
    span.trace_id = trace
    span.span_id = own
    return span


def _answered(span: Span, side: Side) -> None:
    span.start_time_unix_nano = side.began_ns
    span.end_time_unix_nano = side.ended_ns
    if side.error is None:
        return
    span.status.code = Status.STATUS_CODE_ERROR
    span.attributes.append(_text("error.type", side.error))
    if side.error.isdigit():
        span.attributes.append(_text("db.response.status_code", side.error))


def _judged(span: Span, trail: Trail) -> None:
    span.start_time_unix_nano = trail.compared_ns or trail.judged_ns
    span.end_time_unix_nano = trail.judged_ns
    verdict = trail.verdict.value
    span.attributes.extend(
        (
            _text("parallax.verdict", verdict),
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
    if trail.verdict in AGAINST:
        span.status.code = Status.STATUS_CODE_ERROR
        span.attributes.append(_text("error.type", verdict))


def _text(name: str, value: str) -> KeyValue:
    return KeyValue(key=name, value=AnyValue(string_value=value))


class Way(Protocol):
    """A connection to a collector."""

    def send(self, request: ExportTraceServiceRequest) -> bool:
        """Send a request; False where the collector did not take it."""
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
