"""An OpenTelemetry collector: receives metrics, traces and log records, over HTTP or gRPC."""

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass, field
from typing import Any, TypeVar

import grpc.aio
from aiohttp import web
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs_service
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2_grpc as logs_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics_service
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace_service
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as trace_grpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from proxy.settings_sections import OtlpProtocol

T = TypeVar("T")


@dataclass(slots=True)
class Received:
    """What a collector was sent."""

    metrics: list[metrics_service.ExportMetricsServiceRequest] = field(default_factory=list)
    traces: list[trace_service.ExportTraceServiceRequest] = field(default_factory=list)
    logs: list[logs_service.ExportLogsServiceRequest] = field(default_factory=list)

    def last_metrics(self) -> dict[str, Metric]:
        """Return the metrics of the last export by name."""
        return {
            metric.name: metric
            for resource in self.metrics[-1].resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def spans(self) -> list[Span]:
        """Return all spans."""
        return [
            span
            for export in self.traces
            for resource in export.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def log_records(self) -> list[LogRecord]:
        """Return all log records."""
        return [
            record
            for export in self.logs
            for resource in export.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def everything(self) -> Iterator[str]:
        """Return all that was sent, as text."""
        yield from map(str, (*self.metrics, *self.traces, *self.logs))


def values_of(attributes: Any) -> dict[str, Any]:
    """Return attributes by name."""
    return {one.key: _value(one) for one in attributes}


def _value(attribute: KeyValue) -> Any:
    kind = attribute.value.WhichOneof("value")
    return None if kind is None else getattr(attribute.value, kind)


def collector(protocol: OtlpProtocol) -> AbstractAsyncContextManager[tuple[str, Received]]:
    """Run a collector; give its endpoint and what it receives."""
    return _over_grpc() if protocol is OtlpProtocol.GRPC else _over_http()


@contextmanager
def collector_beside() -> Iterator[tuple[str, Received]]:
    """Run one over HTTP in a thread of its own: for several tests, none of which is to answer for its tasks."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="collector")
    thread.start()

    def done(work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    running = AsyncExitStack()
    try:
        yield done(running.enter_async_context(_over_http()))
    finally:
        done(running.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@asynccontextmanager
async def _over_http() -> AsyncIterator[tuple[str, Received]]:
    received = Received()
    signals: dict[str, tuple[Any, list[Any], Any]] = {
        "metrics": (
            metrics_service.ExportMetricsServiceRequest,
            received.metrics,
            metrics_service.ExportMetricsServiceResponse,
        ),
        "traces": (
            trace_service.ExportTraceServiceRequest,
            received.traces,
            trace_service.ExportTraceServiceResponse,
        ),
        "logs": (
            logs_service.ExportLogsServiceRequest,
            received.logs,
            logs_service.ExportLogsServiceResponse,
        ),
    }

    async def take(request: web.Request) -> web.Response:
        asked, taken, answer = signals[request.match_info["signal"]]
        taken.append(asked.FromString(await request.read()))
        body = answer().SerializeToString()
        return web.Response(body=body, content_type="application/x-protobuf")

    application = web.Application()
    application.router.add_post("/v1/{signal}", take)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", received
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _over_grpc() -> AsyncIterator[tuple[str, Received]]:
    received = Received()

    class Metrics(metrics_grpc.MetricsServiceServicer):
        async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
            received.metrics.append(request)
            return metrics_service.ExportMetricsServiceResponse()

    class Traces(trace_grpc.TraceServiceServicer):
        async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
            received.traces.append(request)
            return trace_service.ExportTraceServiceResponse()

    class Logs(logs_grpc.LogsServiceServicer):
        async def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
            received.logs.append(request)
            return logs_service.ExportLogsServiceResponse()

    server = grpc.aio.server()
    metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)  # type: ignore[no-untyped-call]
    trace_grpc.add_TraceServiceServicer_to_server(Traces(), server)  # type: ignore[no-untyped-call]
    logs_grpc.add_LogsServiceServicer_to_server(Logs(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}", received
    finally:
        await server.stop(grace=None)
