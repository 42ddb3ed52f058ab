"""Readers of OpenTelemetry's SDK that also give what was added up in `proxy.distributions`. Loaded only where something is exported."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import Counter, ObservableCounter, ObservableGauge
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

from proxy.distributions import BOUNDS_S, Distribution, Distributions
from proxy.measures import DURATIONS

LIMITS: Final[CardinalityLimits] = dict.fromkeys(
    (Counter, ObservableCounter, ObservableGauge), 50_000
)
"""Series of one metric. The SDK's 2,000 would do for the gates of some hundred collections."""


class ScrapedReader(PrometheusMetricReader):
    """Gives what was measured to whoever scrapes."""

    def __init__(self, registry: CollectorRegistry, distributions: Distributions) -> None:
        super().__init__(registry=registry, cardinality_limits=LIMITS)
        self._distributions = distributions

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        joined = with_distributions(metrics_data, self._distributions)
        super()._receive_metrics(joined, timeout_millis, **kwargs)


class PushingReader(PeriodicExportingMetricReader):
    """Sends what was measured to a collector, every now and then."""

    def __init__(
        self, exporter: MetricExporter, interval_s: float, distributions: Distributions
    ) -> None:
        # Before the thread of the reader begins.
        self._distributions = distributions
        super().__init__(exporter, interval_s * 1000, cardinality_limits=LIMITS)

    def _receive_metrics(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any
    ) -> None:
        joined = with_distributions(metrics_data, self._distributions)
        super()._receive_metrics(joined, timeout_millis, **kwargs)


def with_distributions(collected: MetricsData, distributions: Distributions) -> MetricsData:
    """Return what the SDK has collected, and the distributions beside it."""
    # There is one resource and one scope: the process, and `parallax`.
    resource = collected.resource_metrics[0]
    scope = resource.scope_metrics[0]
    added = replace(scope, metrics=[*scope.metrics, *_metrics(distributions)])
    return MetricsData(resource_metrics=[replace(resource, scope_metrics=[added])])


def _metrics(distributions: Distributions) -> Iterator[Metric]:
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
                data_points=[_point(one, distributions.began_ns, now_ns) for one in measured],
                aggregation_temporality=AggregationTemporality.CUMULATIVE,
            ),
        )


def _point(measured: Distribution, began_ns: int, now_ns: int) -> HistogramDataPoint:
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
    )
