"""What is added up in distributions reads as if the SDK's own histograms had been given each value."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from comparators.operation import Kind
from comparators.verdict import Verdict
from proxy.distributions import Distributions
from proxy.measures import DURATIONS
from proxy.readers import PushingReader, ScrapedReader
from proxy.telemetry import Metrics
from tests.unit.proxy.collected import Collected, Points, points_of


def use(metrics: Metrics) -> None:
    """Measure some operations of all speeds, the same each time."""
    chance = random.Random(1)
    for number in range(500):
        seconds = [10 ** chance.uniform(-6, 1.5) for _ in range(4)]
        metrics.timed(
            collection=f"app.c{number % 3}",
            kind=Kind.UPDATE if number % 2 else Kind.FIND,
            legacy_s=seconds[0],
            gateway_s=seconds[1] if number % 5 else None,
            overhead_s=seconds[2],
            compare_s=0.00001,  # the upper bound of a bucket belongs to it
        )
    metrics.judged(verdict=Verdict.MATCH, collection="app.c0", kind=Kind.FIND, n=500)


@contextmanager
def by_the_sdk() -> Iterator[Points]:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    use(Metrics(provider.get_meter("parallax")))
    data = reader.get_metrics_data()
    assert data is not None
    yield points_of(data)
    provider.shutdown()


def test_a_collector_is_sent_what_the_sdk_would_have_sent() -> None:
    exporter, distributions = Collected(), Distributions()
    provider = MeterProvider([PushingReader(exporter, 3600, distributions)], shutdown_on_exit=False)
    use(Metrics(provider.get_meter("parallax"), distributions))
    provider.force_flush()
    provider.shutdown()

    with by_the_sdk() as expected:
        assert exporter.points.keys() == expected.keys()
        for key, point in expected.items():
            ours = exporter.points[key]
            assert tuple(ours.bucket_counts) == tuple(point.bucket_counts), key
            assert tuple(ours.explicit_bounds) == tuple(point.explicit_bounds)
            assert (ours.count, ours.min, ours.max) == (point.count, point.min, point.max)
            assert abs(ours.sum - point.sum) < 1e-9
            assert ours.start_time_unix_nano <= ours.time_unix_nano


def test_a_scrape_finds_every_duration() -> None:
    registry, distributions = CollectorRegistry(), Distributions()
    provider = MeterProvider([ScrapedReader(registry, distributions)], shutdown_on_exit=False)
    use(Metrics(provider.get_meter("parallax"), distributions))

    families = text_string_to_metric_families(generate_latest(registry).decode())
    counts = {
        sample.name: sample.value
        for family in families
        for sample in family.samples
        if sample.name.endswith("_count") and "db_system_name" not in sample.labels
    }
    provider.shutdown()

    assert counts == {
        "parallax_overhead_seconds_count": 500,
        "parallax_comparison_duration_seconds_count": 500,
    }
    assert len(DURATIONS) == 3


def test_nothing_is_sent_of_what_was_not_measured() -> None:
    exporter, distributions = Collected(), Distributions()
    provider = MeterProvider([PushingReader(exporter, 3600, distributions)], shutdown_on_exit=False)
    metrics = Metrics(provider.get_meter("parallax"), distributions)
    metrics.lag(operations=1, seconds=1, size_bytes=1)
    provider.force_flush()
    provider.shutdown()

    assert exporter.points == {}
