"""Where the metrics of a process go: to whoever scrapes it, and to an OpenTelemetry collector.

Nothing is loaded, and nothing spent, where no destination is set. One that fails costs points on a curve, never a
verdict: the log tells of it, and the next export is tried in its time.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import structlog

from comparators.errors import SettingsError
from proxy.distributions import Distributions
from proxy.settings_sections import OtlpProtocol, Signal, Telemetry
from proxy.telemetry import Metrics
from proxy.uris import address_of

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter, MetricReader
    from opentelemetry.sdk.resources import Resource

_log = structlog.get_logger()

_LAST_EXPORT_MS: Final = 2_000
"""How long the end of a process waits for its collector."""
_MAX_REASON: Final = 200
_SDK: Final = "opentelemetry"


@contextmanager
def exported(settings: Telemetry, *, part: str) -> Iterator[Metrics]:
    """Give the metrics that are reported to the destinations that are set; to the global provider where none is.

    SettingsError where the address for scrapes cannot be listened on.
    """
    if not settings.prometheus and not settings.sends(Signal.METRICS):
        yield Metrics()
        return
    from opentelemetry.sdk.metrics import MeterProvider

    with ExitStack() as held:
        held.enter_context(failures_in_our_log())
        distributions = Distributions()
        readers = [*_scraped(settings, distributions), *_pushed(settings, distributions)]
        provider = MeterProvider(readers, resource_of(part), shutdown_on_exit=False)
        held.callback(provider.shutdown, timeout_millis=_LAST_EXPORT_MS)
        # Once there is something to scrape.
        _serve_scrapes(settings, held)
        yield Metrics(provider.get_meter("parallax"), distributions)


def resource_of(part: str) -> "Resource":
    """Return what all that a process exports says of where it comes from."""
    from opentelemetry.sdk.resources import Resource

    facts = {"service.name": "parallax", "service.version": version("parallax")}
    return Resource.create({**facts, "parallax.part": part})


def _scraped(settings: Telemetry, distributions: Distributions) -> "Iterator[MetricReader]":
    if settings.prometheus:
        from prometheus_client import REGISTRY

        from proxy.readers import ScrapedReader

        yield ScrapedReader(REGISTRY, distributions)


def _serve_scrapes(settings: Telemetry, held: ExitStack) -> None:
    """Serve `/metrics`, with what Python and the kernel say of this process."""
    if not settings.prometheus:
        return
    from prometheus_client import REGISTRY, start_http_server

    address = address_of(settings.prometheus)
    try:
        server, thread = start_http_server(address.port, address.host, REGISTRY)
    except OSError as error:
        raise SettingsError(
            f"metrics cannot be served at {settings.prometheus}: {error.strerror}",
            where="telemetry.prometheus",
            remedy="name a free address, one for each process: several sidecars on a machine need several",
        ) from error
    held.callback(thread.join)
    held.callback(server.server_close)
    held.callback(server.shutdown)


def _pushed(settings: Telemetry, distributions: Distributions) -> "Iterator[MetricReader]":
    if not settings.sends(Signal.METRICS):
        return
    from proxy.readers import PushingReader

    yield PushingReader(_otlp(settings), settings.interval_s, distributions)


def _otlp(settings: Telemetry) -> "MetricExporter":
    """Return the exporter of the protocol. Headers and certificates come from OTEL_EXPORTER_OTLP_… variables."""
    if settings.otlp_protocol is OtlpProtocol.GRPC:
        from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc

        return grpc.OTLPMetricExporter(endpoint=settings.otlp_endpoint)
    from opentelemetry.exporter.otlp.proto.http import metric_exporter as http

    return http.OTLPMetricExporter(endpoint=f"{settings.otlp_endpoint.rstrip('/')}/v1/metrics")


@contextmanager
def failures_in_our_log() -> Iterator[None]:
    """Have what the SDK complains of told by our log, in its form, and nowhere else; once, however often this is entered."""
    sdk = logging.getLogger(_SDK)
    if any(isinstance(handler, _Telling) for handler in sdk.handlers):
        yield
        return
    telling = _Telling(logging.WARNING)
    sdk.addHandler(telling)
    sdk.propagate = False
    try:
        yield
    finally:
        sdk.propagate = True
        sdk.removeHandler(telling)


class _Telling(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        _log.warning("export_failed", by=record.name, reason=record.getMessage()[:_MAX_REASON])
