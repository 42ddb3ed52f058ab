"""Readers of OpenTelemetry's SDK that also give what was added up in `proxy.distributions`. Loaded only where something is exported."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import Counter, Exemplar, ObservableCounter, ObservableGauge
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    CardinalityLimits,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExporter,
    MetricsData,
    PeriodicExportingMetricReader,
)
from prometheus_client import CollectorRegistry
from prometheus_client import Metric as Family
from prometheus_client.registry import Collector

from proxy.distributions import BOUNDS_S, Distribution, Distributions
from proxy.exemplars import with_exemplars
from proxy.measures import DURATIONS

LIMITS: Final[CardinalityLimits] = dict.fromkeys(
    (Counter, ObservableCounter, ObservableGauge), 50_000
)
"""Series of one metric. The SDK's 2,000 would do for the gates of some hundred collections."""


class ScrapedReader(PrometheusMetricReader):
    """Gives what was measured to whoever scrapes."""

    def __init__(self, registry: CollectorRegistry, distributions: Distributions) -> None:
        # What OpenTelemetry makes of it goes through our hands.
        self._inner = CollectorRegistry(auto_describe=False)
        # There is one scope: its labels would be the half of the page, and the same in each line.
        super().__init__(scope_info_enabled=False, registry=self._inner, cardinality_limits=LIMITS)
        self._distributions = distributions
        self._page = _Page(self._inner)
        self._outer = registry
        registry.register(self._page)

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        joined = with_distributions(metrics_data, self._distributions)
        self._page.made_of = joined
        super()._receive_metrics(joined, timeout_millis, **kwargs)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._outer.unregister(self._page)
        super().shutdown(timeout_millis, **kwargs)


class _Page(Collector):
    """What is scraped, with exemplars."""

    def __init__(self, inner: CollectorRegistry) -> None:
        self._inner = inner
        self.made_of: MetricsData | None = None

    def describe(self) -> Iterator[Family]:
        """Say nothing: what there will be is known once it is measured."""
        return iter(())

    def collect(self) -> Iterator[Family]:
        families = list(self._inner.collect())
        yield from families if self.made_of is None else with_exemplars(families, self.made_of)


class PushingReader(PeriodicExportingMetricReader):
    """Sends what was measured to a collector, every now and then."""

    def __init__(
        self, exporter: MetricExporter, interval_s: float, distributions: Distributions
    ) -> None:
        # Before the thread of the reader begins.
        self._distributions = distributions
        self._sent_ns = 0
        super().__init__(exporter, interval_s * 1000, cardinality_limits=LIMITS)

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        joined = with_distributions(metrics_data, self._distributions, since_ns=self._sent_ns)
        self._sent_ns = time.time_ns()
        super()._receive_metrics(joined, timeout_millis, **kwargs)


def with_distributions(
    collected: MetricsData, distributions: Distributions, *, since_ns: int = 0
) -> MetricsData:
    """Return what the SDK has collected, and the distributions beside it, with the exemplars since a moment."""
    # There is one resource and one scope: the process, and `parallax`.
    resource = collected.resource_metrics[0]
    scope = resource.scope_metrics[0]
    added = replace(scope, metrics=[*scope.metrics, *_metrics(distributions, since_ns)])
    return MetricsData(resource_metrics=[replace(resource, scope_metrics=[added])])


def _metrics(distributions: Distributions, since_ns: int) -> Iterator[Metric]:
    now_ns = time.time_ns()
    for declared in DURATIONS:
        measured = distributions.of_metric(declared.name)
        if not measured:
            continue
        yield Metric(
            name=declared.name,
            description=declared.meaning,
            unit=declared.unit,
            data=Histogram(
                data_points=[
                    _point(one, distributions.began_ns, now_ns, since_ns) for one in measured
                ],
                aggregation_temporality=AggregationTemporality.CUMULATIVE,
            ),
        )


def _point(measured: Distribution, began_ns: int, now_ns: int, since_ns: int) -> HistogramDataPoint:
    counts = tuple(measured.counts)
    return HistogramDataPoint(
        attributes=dict(measured.labels),
        start_time_unix_nano=began_ns,
        time_unix_nano=now_ns,
        count=sum(counts),
        sum=measured.total_s,
        bucket_counts=counts,
        explicit_bounds=BOUNDS_S,
        min=measured.least_s,
        max=measured.most_s,
        exemplars=[
            Exemplar({}, one.seconds, one.at_ns, one.place.span_id, one.place.trace_id)
            for one in tuple(measured.exemplars.values())
            if one.at_ns >= since_ns
        ],
    )
