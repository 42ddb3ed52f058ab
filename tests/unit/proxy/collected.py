"""An exporter of OpenTelemetry's SDK that keeps what it is given."""

from collections.abc import Iterator

from opentelemetry.sdk.metrics.export import (
    DataPointT,
    HistogramDataPoint,
    MetricExporter,
    MetricExportResult,
    MetricsData,
)

Points = dict[tuple[str, frozenset[tuple[str, object]]], HistogramDataPoint]


class Collected(MetricExporter):
    """Keeps what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.points: Points = {}
        self.last: MetricsData | None = None

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **_: object
    ) -> MetricExportResult:
        self.last = metrics_data
        self.points = points_of(metrics_data)
        return MetricExportResult.SUCCESS

    def shutdown(self, timeout_millis: float = 30_000, **_: object) -> None:
        pass

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True

    def all_points(self) -> Iterator[DataPointT]:
        """Return the points of all metrics of the last export."""
        for resource in () if self.last is None else self.last.resource_metrics:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    yield from metric.data.data_points


def points_of(data: MetricsData) -> Points:
    return {
        (metric.name, frozenset((point.attributes or {}).items())): point
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
        if isinstance(point, HistogramDataPoint)
    }
