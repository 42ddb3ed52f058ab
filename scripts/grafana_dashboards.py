"""Write the dashboards for Grafana.

    .venv/bin/python scripts/grafana_dashboards.py

They are made with Grafana's own typed builders, so that a file cannot say what Grafana does not know.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

FOLDER: Final = Path(__file__).parents[1] / "dashboards" / "grafana"
SOURCE: Final = "source"
COLLECTION: Final = "collection"
_HEIGHT: Final = 8
_FULL_WIDTH: Final = 24

Query = tuple[str, str]
"""An expression, and the legend of its series."""

OPERATIONS: Final = "db_collection_name:parallax_operations:rate5m"
VERDICTS: Final = "db_collection_name_parallax_verdict:parallax_operations:rate5m"
EQUAL: Final = "db_collection_name:parallax_equal:ratio_rate5m"
DURATION: Final = "db_collection_name_parallax_side:db_client_operation_duration_seconds"
MISMATCHES: Final = 'sum(parallax_verdicts_total{parallax_verdict="mismatch"}) or vector(0)'
RATIO: Final = "db_collection_name:parallax_latency:ratio_p95_5m"


def dashboards() -> Mapping[str, str]:
    """Return the dashboards by the name of their file."""
    built = {
        "overview": _overview(),
        "collection": _collection(),
        "latency": _latency(),
        "verifier": _verifier(),
    }
    return {
        f"{name}.json": json.dumps(each.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"
        for name, each in built.items()
    }


def _overview() -> dashboard.Dashboard:
    return (
        _page("overview", "Parallax: overview")
        .with_panel(_number("Operations judged", f"sum({OPERATIONS})", "ops"))
        .with_panel(
            _number("Equal", f"sum({EQUAL} * {OPERATIONS}) / sum({OPERATIONS})", "percentunit")
        )
        .with_panel(_number("Mismatches since the verifier began", MISMATCHES, "short"))
        .with_panel(_number("Behind the application", "max(parallax_lag_time_seconds)", "s"))
        .with_panel(
            _lines(
                "Verdicts", [(f"sum by (parallax_verdict) ({VERDICTS})", "{{parallax_verdict}}")]
            )
        )
        .with_panel(
            _lines("Equal, by collection", [(EQUAL, "{{db_collection_name}}")], "percentunit")
        )
        .with_panel(
            _lines(
                "The gateway's p95 as a multiple of MongoDB's", [(RATIO, "{{db_collection_name}}")]
            )
        )
        .with_panel(
            _lines(
                "Not captured",
                [("sum by (parallax_dropped) (rate(parallax_drops_total[5m])) or vector(0)", "")],
                "ops",
            )
        )
    )


def _collection() -> dashboard.Dashboard:
    chosen = f'db_collection_name="${COLLECTION}"'
    sides = "{{parallax_side}}"
    return (
        _page("collection", "Parallax: one collection")
        .with_variable(
            dashboard.QueryVariable(COLLECTION)
            .label("Collection")
            .query("label_values(parallax_verdicts_total, db_collection_name)")
            .datasource(_source())
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
        .with_panel(
            _lines("Verdicts", [(f"{VERDICTS}{{{chosen}}}", "{{parallax_verdict}}")], "ops")
        )
        .with_panel(_lines("Equal", [(f"{EQUAL}{{{chosen}}}", "equal")], "percentunit"))
        .with_panel(
            _lines(
                "Latency of both sides",
                [(f"{DURATION}:{q}_5m{{{chosen}}}", f"{sides} {q}") for q in ("p50", "p95", "p99")],
                "s",
            )
        )
        .with_panel(
            _lines(
                "Operations by kind",
                [
                    (
                        f"sum by (db_operation_name) (rate(parallax_verdicts_total{{{chosen}}}[5m]))",
                        "{{db_operation_name}}",
                    )
                ],
                "ops",
            )
        )
    )


def _latency() -> dashboard.Dashboard:
    page = _page("latency", "Parallax: latency")
    for quantile in ("p50", "p95", "p99"):
        page = page.with_panel(
            _lines(
                f"{quantile} by collection and side",
                [(f"{DURATION}:{quantile}_5m", "{{db_collection_name}} {{parallax_side}}")],
                "s",
            )
        )
    return page.with_panel(
        _lines(
            "Added by the relay",
            [(f"parallax_overhead_seconds:{quantile}_5m", quantile) for quantile in ("p50", "p99")],
            "s",
        )
    ).with_panel(
        _lines(
            "A comparison takes",
            [
                (
                    f"histogram_quantile({quantile}, sum by (le) (rate(parallax_comparison_duration_seconds_bucket[5m])))",
                    name,
                )
                for quantile, name in ((0.5, "p50"), (0.99, "p99"))
            ],
            "s",
        )
    )


def _verifier() -> dashboard.Dashboard:
    at = "{{instance}}"
    return (
        _page("verifier", "Parallax: verifier")
        .with_panel(_lines("Behind the application", [("parallax_lag_time_seconds", at)], "s"))
        .with_panel(_lines("Operations to go", [("parallax_lag_operations", at)], "short"))
        .with_panel(_lines("Capture log to go", [("parallax_lag_size_bytes", at)], "bytes"))
        .with_panel(_lines("Answers to scrapes", [('up{job="parallax"}', at)], "short"))
        .with_panel(
            _lines(
                "Processors in use",
                [('rate(process_cpu_seconds_total{job="parallax"}[5m])', at)],
                "short",
            )
        )
        .with_panel(
            _lines("Memory", [('process_resident_memory_bytes{job="parallax"}', at)], "bytes")
        )
    )


def _page(name: str, title: str) -> dashboard.Dashboard:
    return (
        dashboard.Dashboard(title)
        .uid(f"parallax-{name}")
        .tags(["parallax"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable(SOURCE).label("Prometheus").type("prometheus"))
    )


def _number(title: str, expression: str, unit: str) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .unit(unit)
        .datasource(_source())
        .height(_HEIGHT // 2)
        .span(_FULL_WIDTH // 4)
        .with_target(prometheus.Dataquery().expr(expression))
    )


def _lines(title: str, queries: Sequence[Query], unit: str = "short") -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(title)
        .unit(unit)
        .min(0)
        .datasource(_source())
        .height(_HEIGHT)
        .span(_FULL_WIDTH // 2)
    )
    for expression, legend in queries:
        panel = panel.with_target(prometheus.Dataquery().expr(expression).legend_format(legend))
    return panel


def _source() -> DataSourceRef:
    return DataSourceRef(type_val="prometheus", uid=f"${{{SOURCE}}}")


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for file, text in dashboards().items():
        (FOLDER / file).write_text(text)
