"""A bucket, and a count of a verdict, lead to the trace of one that is in it."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.metrics import Exemplar, MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, NumberDataPoint
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as open_metrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.distributions import Distributions
from proxy.readers import PushingReader, ScrapedReader
from proxy.telemetry import Metrics
from proxy.tracing.exemplar import named
from proxy.tracing.trail import Ids, ids_of
from tests.unit.proxy.collected import Collected

FIRST, SECOND = ids_of("a log", 1, None), ids_of("a log", 2, None)


def use(metrics: Metrics, trace: Ids | None, legacy_s: float = 0.0015) -> None:
    metrics.timed(
        collection="app.users",
        kind=Kind.FIND,
        legacy_s=legacy_s,
        gateway_s=0.3,
        overhead_s=0.00003,
        compare_s=0.0001,
        trace=trace,
    )
    metrics.judged(
        verdict=Verdict.MISMATCH, collection="app.users", kind=Kind.FIND, n=1, trace=trace
    )


@pytest.fixture
def page() -> Iterator[tuple[CollectorRegistry, Metrics]]:
    """Give a page that is scraped, and what is shown on it."""
    registry, distributions = CollectorRegistry(), Distributions()
    provider = MeterProvider([ScrapedReader(registry, distributions)], shutdown_on_exit=False)
    yield registry, Metrics(provider.get_meter("parallax"), distributions)
    provider.shutdown()


def shown(registry: CollectorRegistry) -> list[Sample]:
    """Return what leads to a trace."""
    families = text_string_to_metric_families(open_metrics(registry).decode())  # type: ignore[no-untyped-call]
    return [sample for family in families for sample in family.samples if sample.exemplar]


def test_prometheus_finds_the_trace_of_a_slow_bucket_and_of_a_mismatch(
    page: tuple[CollectorRegistry, Metrics],
) -> None:
    registry, metrics = page
    use(metrics, FIRST)
    use(metrics, None)

    found = {
        (sample.name, sample.labels.get("parallax_side"), sample.labels.get("le")): sample.exemplar
        for sample in shown(registry)
    }

    assert {key: each and (each.labels, each.value) for key, each in found.items()} == {
        ("db_client_operation_duration_seconds_bucket", "legacy", "0.002"): (
            named(FIRST.places[0]),
            0.0015,
        ),
        ("db_client_operation_duration_seconds_bucket", "gateway", "0.5"): (
            named(FIRST.places[1]),
            0.3,
        ),
        ("parallax_overhead_seconds_bucket", None, "5e-05"): (named(FIRST.places[0]), 0.00003),
        ("parallax_comparison_duration_seconds_bucket", None, "0.0001"): (
            named(FIRST.places[2]),
            0.0001,
        ),
        ("parallax_verdicts_total", None, None): (named(FIRST.places[2]), 1.0),
    }


def test_the_last_one_of_a_bucket_is_shown(page: tuple[CollectorRegistry, Metrics]) -> None:
    registry, metrics = page
    use(metrics, FIRST)
    use(metrics, SECOND)
    use(metrics, FIRST, legacy_s=7)

    sides = {
        sample.labels["le"]: sample.exemplar.labels["trace_id"]
        for sample in shown(registry)
        if sample.exemplar and sample.labels.get("parallax_side") == "legacy"
    }

    assert sides == {
        "0.002": f"{SECOND.trace:032x}",
        "10.0": f"{FIRST.trace:032x}",
    }


def test_older_formats_of_the_page_are_as_before(page: tuple[CollectorRegistry, Metrics]) -> None:
    registry, metrics = page
    use(metrics, FIRST)

    assert b"trace_id" not in generate_latest(registry)


def test_a_collector_is_sent_each_exemplar_once() -> None:
    exporter, distributions = Collected(), Distributions()
    provider = MeterProvider([PushingReader(exporter, 3600, distributions)], shutdown_on_exit=False)
    metrics = Metrics(provider.get_meter("parallax"), distributions)
    use(metrics, FIRST)
    provider.force_flush()
    first = list(sent(exporter))
    use(metrics, None)
    provider.force_flush()
    second = list(sent(exporter))
    provider.shutdown()

    assert {(each.trace_id, each.span_id) for each in first} == {
        (place.trace_id, place.span_id) for place in FIRST.places
    }
    assert len(first) == 5
    assert second == []


def sent(exporter: Collected) -> Iterator[Exemplar]:
    for point in exporter.all_points():
        if isinstance(point, HistogramDataPoint | NumberDataPoint):
            yield from point.exemplars
