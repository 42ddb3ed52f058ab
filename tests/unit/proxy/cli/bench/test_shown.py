"""The page of a benchmark: what it says, how it ends, and that it needs nothing else."""

import re
from dataclasses import replace

import pytest

from dashboards.bench.page import BenchPage, render_bench
from proxy.cli.bench.shown import page_of
from proxy.jobs.bench.comparing import compared
from proxy.jobs.bench.history import Benchmark
from tests.unit.proxy.jobs.bench.runs import LOADS, run_of


def page(found: Benchmark, before: Benchmark | None = None) -> BenchPage:
    return page_of(found, None if before is None else compared(before, found, tolerance=0.05))


def test_the_page_shows_every_way_under_every_load() -> None:
    shown = page(replace(run_of(1), left_out={"drop <now>": 3}, absent={"haproxy": "not here"}))

    drawn = render_bench(shown)

    assert shown.result == "pass"
    assert [part.load for part in shown.loads] == list(LOADS)
    proxy = shown.loads[0].rows[1]
    assert proxy.target == "proxy"
    assert proxy.ratio is not None
    assert proxy.ratio.low < 1.2 < proxy.ratio.high
    assert proxy.added is not None
    assert proxy.added.low < 0.0002 < proxy.added.high
    assert proxy.failures == {"code 11000": 16}
    assert drawn.count("<polygon") == len(LOADS) * 3
    assert "drop &lt;now&gt;" in drawn
    assert "haproxy: not here" in drawn


def test_the_page_loads_nothing() -> None:
    drawn = render_bench(page(run_of(1), run_of(2)))

    assert re.findall(r"""(?<!-)(?:src|href|url\()\s*=?\s*["']?(?!#)[a-z]""", drawn) == []
    assert "default-src 'none'" in drawn


@pytest.mark.parametrize(
    ("found", "before", "result", "said"),
    [
        (run_of(2), run_of(1), "pass", "No figure of 28 got worse"),
        (run_of(2, factors={"proxy": 2.0}), run_of(1), "fail", "first proxy at 8 at once, p50"),
        (run_of(2), run_of(1, rounds=1), "inconclusive", "Nothing can be compared"),
    ],
)
def test_a_comparison_ends_as_it_came_out(
    found: Benchmark, before: Benchmark, result: str, said: str
) -> None:
    shown = page(found, before)

    assert shown.result == result
    assert said in shown.headline
    assert shown.headline in render_bench(shown)


def test_a_machine_that_changed_is_said() -> None:
    shown = page(run_of(2, machine=2.0), run_of(1))

    assert shown.result == "pass"
    assert any("direct way changed" in remark for remark in shown.remarks)


def test_figures_of_operations_that_all_failed_say_nothing() -> None:
    found = run_of(1)
    first = found.measured[0]
    failing = replace(first, rounds=(replace(first.rounds[0], failures={"code 13": 1000}),))

    shown = page(replace(found, measured=(failing,)))

    assert shown.result == "inconclusive"
    assert "every operation failed" in shown.headline
