"""A trail as spans of OpenTelemetry's SDK. Loaded only where traces are exported.

Source of the `db.*` names and of the spans' own: OpenTelemetry semantic conventions, "Database client spans".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from proxy.telemetry import SYSTEMS
from proxy.tracing.trail import AGAINST, Part, Side, Trail

Attributes = Mapping[str, str | int | float | tuple[str, ...]]

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_SCOPE: Final = InstrumentationScope("parallax")
_UNSET: Final = Status(StatusCode.UNSET)
_ERROR: Final = Status(StatusCode.ERROR)


class Spans:
    """Make the spans of trails; `resource` says whose they are."""

    def __init__(self, resource: Resource) -> None:
        self._resource = resource

    def of(self, trails: Iterable[Trail]) -> Iterator[ReadableSpan]:
        """Return the spans of several exchanges."""
        for trail in trails:
            yield from self._of(trail)

    def _of(self, trail: Trail) -> Iterator[ReadableSpan]:
        target = {
            "db.namespace": trail.database,
            "db.collection.name": trail.collection,
            "db.operation.name": trail.kind.value,
            "parallax.shape": trail.shape,
        }
        ids = trail.ids
        name = f"{trail.kind.value} {trail.collection}" if trail.collection else trail.kind.value
        above = _context(ids.trace, ids.legacy)
        yield self._side(trail.legacy, Part.LEGACY, name, above, _parent(trail), target)
        if trail.gateway is not None:
            own = _context(ids.trace, ids.gateway)
            yield self._side(trail.gateway, Part.GATEWAY, name, own, above, target)
        yield self._span(
            f"{Part.COMPARISON} {name}",
            _context(ids.trace, ids.comparison),
            above,
            began_ns=trail.compared_ns or trail.judged_ns,
            ended_ns=trail.judged_ns,
            attributes={**target, **_verdict(trail)},
            failed=trail.verdict in AGAINST,
        )
        if trail.doubted_ns:
            yield self._span(
                f"{Part.RECHECK} {name}",
                _context(ids.trace, ids.recheck),
                _context(ids.trace, ids.comparison),
                began_ns=trail.doubted_ns,
                ended_ns=trail.judged_ns,
                attributes=target,
            )

    def _side(
        self,
        side: Side,
        part: Part,
        name: str,
        own: SpanContext,
        above: SpanContext | None,
        target: Attributes,
    ) -> ReadableSpan:
        attributes = {**target, "db.system.name": SYSTEMS[part.value], "parallax.side": part.value}
        if side.error is not None:
            attributes["error.type"] = side.error
            if side.error.isdigit():
                attributes["db.response.status_code"] = side.error
        return self._span(
            name,
            own,
            above,
            began_ns=side.began_ns,
            ended_ns=side.ended_ns,
            attributes=attributes,
            kind=SpanKind.CLIENT,
            failed=side.error is not None,
        )

    def _span(
        self,
        name: str,
        own: SpanContext,
        above: SpanContext | None,
        *,
        began_ns: int,
        ended_ns: int,
        attributes: Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
        failed: bool = False,
    ) -> ReadableSpan:
        return ReadableSpan(
            name,
            own,
            above,
            self._resource,
            attributes,
            kind=kind,
            status=_ERROR if failed else _UNSET,
            start_time=began_ns,
            end_time=ended_ns,
            instrumentation_scope=_SCOPE,
        )


class SpanSending:
    """The way of trails to a collector."""

    def __init__(self, exporter: SpanExporter, resource: Resource) -> None:
        self._exporter = exporter
        self._spans = Spans(resource)

    def send(self, batch: list[Trail]) -> bool:
        """Send the spans of all; False where the collector did not take them."""
        sent = self._exporter.export(list(self._spans.of(batch)))
        return sent is SpanExportResult.SUCCESS

    def close(self) -> None:
        """Give up what is being sent."""
        self._exporter.shutdown()


def _context(trace_id: int, span_id: int, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote, _SAMPLED)


def _parent(trail: Trail) -> SpanContext | None:
    if trail.parent is None:
        return None
    return _context(trail.ids.trace, trail.parent.span_id, is_remote=True)


def _verdict(trail: Trail) -> Attributes:
    attributes: dict[str, str | int | float | tuple[str, ...]] = {
        "parallax.verdict": trail.verdict.value,
        "parallax.position": trail.position,
        "parallax.overhead": trail.overhead_s,
    }
    if trail.reason is not None:
        attributes["parallax.reason"] = trail.reason
    if trail.fingerprint is not None:
        attributes["parallax.fingerprint"] = trail.fingerprint
    if trail.rules:
        attributes["parallax.rules"] = trail.rules
    if trail.verdict in AGAINST:
        attributes["error.type"] = trail.verdict.value
    return attributes
