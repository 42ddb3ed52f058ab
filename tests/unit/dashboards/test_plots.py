import pytest

from comparators.verdict import Verdict
from dashboards.report.plots import (
    HISTOGRAM_BINS,
    LEAST_HEIGHT,
    LogAxis,
    distribution,
    latency_plot,
    stack,
    time_line,
)
from proxy.ledger.read import (
    CollectionEvidence,
    Latency,
    Progress,
    Quantiles,
    Tally,
    VerdictCourse,
    VerdictMoment,
)
from tests.unit.dashboards.evidence import TIMED, UNTIMED, moment


def collection(latency: Latency) -> CollectionEvidence:
    return CollectionEvidence(
        namespace="app.users", tally=Tally(verdicts={Verdict.MATCH: 1}), latency=latency
    )


def test_equal_ratios_are_equal_distances_on_the_axis() -> None:
    axis = LogAxis([0.001, 0.1])

    assert axis.at(0.01) - axis.at(0.001) == pytest.approx(axis.at(0.1) - axis.at(0.01), abs=0.01)


@pytest.mark.parametrize("values", [[0.001], [0.001, 0.0011], [1e-6, 10.0], [0.0], []])
def test_an_axis_has_ticks_inside_its_box(values: list[float]) -> None:
    ticks = LogAxis(values).ticks()

    assert all(0 < tick.at < 100 for tick in ticks)
    assert len({tick.label for tick in ticks}) == len(ticks)
    assert len(ticks) < 15


def test_both_sides_of_a_collection_are_drawn_from_fast_to_slow() -> None:
    plot = latency_plot([collection(TIMED)])

    assert plot is not None
    legacy, gateway = plot.rows[0].ranges
    assert [legacy.side, gateway.side] == ["legacy", "gateway"]
    assert 0 < legacy.p50 < legacy.p95 < legacy.p99 < 100
    assert legacy.p50 < gateway.p50
    assert plot.rows[0].ratio.startswith("2.00")


def test_a_side_that_never_ran_is_left_out() -> None:
    one_side = Latency(legacy=TIMED.legacy, gateway=None, overhead=None, compare=None)

    plot = latency_plot([collection(one_side), collection(UNTIMED)])

    assert plot is not None
    assert [[side.side for side in row.ranges] for row in plot.rows] == [["legacy"]]


def test_without_timings_there_is_no_plot() -> None:
    assert latency_plot([collection(UNTIMED)]) is None
    assert distribution([("legacy", None)]) is None


def test_a_smooth_distribution_is_drawn_smoothly() -> None:
    """Buckets of the sketch and bins of the plot have no common measure: counted whole they would make a comb."""
    step = 1.01 / 0.99
    flat = tuple((0.001 * step**n, 100) for n in range(200))
    side = Quantiles(n=20_000, p50_s=0.007, p95_s=0.04, p99_s=0.05, buckets=flat)

    plot = distribution([("legacy", side)])

    assert plot is not None
    heights = [float(point.split(",")[1]) for point in plot.outlines[0].points.split()]
    inner = heights[HISTOGRAM_BINS // 2 : HISTOGRAM_BINS * 3 // 2]
    assert max(inner) - min(inner) < 5


def test_values_outside_the_axis_are_in_its_outermost_bins() -> None:
    buckets = ((1e-9, 1), (0.001, 10_000), (0.002, 10_000), (50.0, 1))
    side = Quantiles(n=20_002, p50_s=0.001, p95_s=0.002, p99_s=0.002, buckets=buckets)

    plot = distribution([("legacy", side)])

    assert plot is not None
    points = [tuple(map(float, point.split(","))) for point in plot.outlines[0].points.split()]
    assert all(0 <= x <= 100 and 0 <= y <= 100 for x, y in points)


def test_the_highest_bar_of_a_time_line_fills_its_box() -> None:
    progress = Progress(step_s=1, moments=(moment(1), moment(4), moment(2)))

    plot = time_line(progress, value=lambda at: at.lag_s, write=str, label="Lag")

    assert plot is not None
    assert [bar.height for bar in plot.bars] == [25.0, 100.0, 50.0]
    assert plot.highest == "0.4"


def test_a_time_line_of_zeros_is_flat() -> None:
    plot = time_line(
        Progress(step_s=1, moments=(moment(0),)),
        value=lambda at: at.lag_s,
        write=str,
        label="Lag",
    )

    assert plot is not None
    assert [bar.height for bar in plot.bars] == [0]


def test_every_verdict_of_a_step_is_seen_and_the_highest_step_fills_its_box() -> None:
    well = VerdictMoment(at_ns=0, verdicts={Verdict.MATCH: 9_997, Verdict.MISMATCH: 3})
    half = VerdictMoment(at_ns=60 * 10**9, verdicts={Verdict.MATCH: 5_000})

    plot = stack(VerdictCourse(step_s=60, moments=(well, half)))

    assert plot is not None
    match, mismatch, later = plot.layers
    assert (match.y + match.height, mismatch.y) == (100, 0)
    assert mismatch.height == LEAST_HEIGHT == match.y
    assert (later.x, later.width, later.y, later.height) == (50, 50, 50, 50)
    assert plot.verdicts == (Verdict.MATCH, Verdict.MISMATCH)
    assert "match 14,997, mismatch 3" in plot.label
    assert stack(VerdictCourse(step_s=60, moments=())) is None
