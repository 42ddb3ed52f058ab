"""Exemplars on the page that Prometheus scrapes, which OpenTelemetry's own reader leaves out.

They are shown to whoever asks for OpenMetrics, as Prometheus does: older formats have no place for them.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics.export import (
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
)
from prometheus_client import Metric as Family
from prometheus_client.samples import Exemplar, Sample

from proxy.distributions import BOUNDS_S
from proxy.tracing.exemplar import Place, named

_BOUND: Final = "le"
_BOUNDS: Final = (*map(str, BOUNDS_S), "+Inf")


class _Key(NamedTuple):
    """A sample, by its name without the unit, its labels and its bucket."""

    name: str
    labels: frozenset[tuple[str, str]]
    bound: str | None


def with_exemplars(families: Iterable[Family], data: MetricsData) -> Iterator[Family]:
    """Give what is on the page with the exemplars of what it was made from."""
    found = dict(_exemplars(data))
    for family in families:
        if found:
            family.samples = [_with(sample, family, found) for sample in family.samples]
        yield family


def _with(sample: Sample, family: Family, found: Mapping[_Key, Exemplar]) -> Sample:
    if not sample.name.endswith(("_bucket", "_total")):
        return sample
    labels = dict(sample.labels)
    bound = labels.pop(_BOUND, None)
    name = family.name.removesuffix(f"_{family.unit}") if family.unit else family.name
    key = _Key(name, frozenset(labels.items()), bound)
    return sample._replace(exemplar=found.get(key))


def _exemplars(data: MetricsData) -> Iterator[tuple[_Key, Exemplar]]:
    for resource in data.resource_metrics:
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                yield from _of_metric(metric)


def _of_metric(metric: Metric) -> Iterator[tuple[_Key, Exemplar]]:
    name = _written(metric.name)
    for point in metric.data.data_points:
        labels = frozenset(
            (_written(label), str(value)) for label, value in (point.attributes or {}).items()
        )
        if isinstance(point, HistogramDataPoint):
            for exemplar in point.exemplars:
                yield _Key(name, labels, _bucket_of(exemplar.value)), _shown(exemplar)
        elif isinstance(point, NumberDataPoint):
            for exemplar in point.exemplars:
                yield _Key(name, labels, None), _shown(exemplar)


def _bucket_of(seconds: float) -> str:
    return _BOUNDS[bisect_left(BOUNDS_S, seconds)]


def _shown(exemplar: SdkExemplar) -> Exemplar:
    place = Place(exemplar.trace_id or 0, exemplar.span_id or 0)
    return Exemplar(named(place), float(exemplar.value), exemplar.time_unix_nano / 1e9)


def _written(name: str) -> str:
    return name.replace(".", "_")
