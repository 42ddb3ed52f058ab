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
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueTextMode
from grafana_foundation_sdk.models.dashboard import (
    DataSourceRef,
    DynamicConfigValue,
    VariableRefresh,
)

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
# Sidecars that share a ledger all tell what it says: the largest, never the sum.
GATES: Final = (
    "max by (db_collection_name, parallax_gate, parallax_result) (parallax_gate{matching})"
)
PHASES: Final = (
    "max by (db_collection_name, parallax_direction, parallax_phase) (parallax_phase{matching})"
)
BY_COLLECTION: Final = "max by (db_collection_name) ({metric})"
COLOURS: Final = {"pass": "green", "inconclusive": "orange", "fail": "red"}


def dashboards() -> Mapping[str, str]:
    """Return the dashboards by the name of their file."""
    built = {
        "overview": _overview(),
        "collection": _collection(),
        "latency": _latency(),
        "verifier": _verifier(),
        "migration": _migration(),
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
        .with_panel(
            _lines(
                "Gates, by result",
                [
                    (
                        f"sum by (parallax_result) ({GATES.format(matching='')})",
                        "{{parallax_result}}",
                    )
                ],
            )
        )
        .with_panel(
            _lines(
                "Collections in each phase",
                [
                    (
                        f"sum by (parallax_direction, parallax_phase) ({PHASES.format(matching='')})",
                        "{{parallax_direction}}: {{parallax_phase}}",
                    )
                ],
            )
        )
        .with_panel(
            _lines(
                "Documents that differ",
                [(BY_COLLECTION.format(metric="parallax_divergent"), "{{db_collection_name}}")],
            )
        )
        .with_panel(
            _lines(
                "Flags that were set back",
                [
                    (
                        "max by (db_collection_name, parallax_direction) (parallax_rollbacks_total)",
                        "{{db_collection_name}} {{parallax_direction}}",
                    )
                ],
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
        .with_panel(
            _names(
                "Gates",
                f"max by (parallax_gate, parallax_result) (parallax_gate{{{chosen}}})",
                "{{parallax_gate}}: {{parallax_result}}",
            )
        )
        .with_panel(
            _lines(
                "Phase, as the share of connections",
                [
                    (
                        f"max by (parallax_direction, parallax_phase) (parallax_phase{{{chosen}}})",
                        "{{parallax_direction}}: {{parallax_phase}}",
                    )
                ],
                "percentunit",
            )
        )
        .with_panel(
            _lines(
                "Asked again, by what came of it",
                [
                    (
                        f"sum by (parallax_verdict) (rate(parallax_rechecks_total{{{chosen}}}[5m])) or vector(0)",
                        "{{parallax_verdict}}",
                    )
                ],
                "ops",
            )
        )
        .with_panel(
            _lines(
                "Excused, by rule",
                [
                    (
                        f"sum by (parallax_rule) (rate(parallax_rule_hits_total{{{chosen}}}[5m])) or vector(0)",
                        "{{parallax_rule}}",
                    )
                ],
                "ops",
            )
        )
        .with_panel(
            _lines(
                "Errors, by side and code",
                [
                    (
                        f'sum by (parallax_side, error_type) (rate(db_client_operation_duration_seconds_count{{{chosen}, error_type!=""}}[5m])) or vector(0)',
                        "{{parallax_side}} {{error_type}}",
                    )
                ],
                "ops",
            )
        )
        .with_panel(
            _lines(
                "Left out because the verifier was behind",
                [
                    (
                        f"sum(rate(parallax_sampled_total{{{chosen}}}[5m])) or vector(0)",
                        "sampled",
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
            _lines(
                "Connections through the relay",
                [("parallax_relay_connections", at)],
            )
        )
        .with_panel(
            _lines(
                "Requests through the relay",
                [
                    (
                        "sum by (parallax_treatment) (rate(parallax_relay_requests_total[5m]))",
                        "{{parallax_treatment}}",
                    )
                ],
                "ops",
            )
        )
        .with_panel(
            _lines(
                "Bytes through the relay",
                [
                    (
                        "sum by (parallax_direction) (rate(parallax_relay_io_bytes_total[5m]))",
                        "{{parallax_direction}}",
                    )
                ],
                "Bps",
            )
        )
        .with_panel(
            _lines(
                "Connections that were refused",
                [
                    (
                        "sum by (parallax_refusal) (increase(parallax_relay_refused_total[5m])) or vector(0)",
                        "{{parallax_refusal}}",
                    )
                ],
            )
        )
        .with_panel(
            _lines(
                "Traces and log lines that did not reach the collector",
                [
                    (
                        "sum by (parallax_signal) (increase(parallax_telemetry_drops_total[5m])) or vector(0)",
                        "{{parallax_signal}}",
                    )
                ],
            )
        )
        .with_panel(_lines("Capture log", [("parallax_capture_size_bytes", at)], "bytes"))
        .with_panel(
            _lines(
                "Not captured by the relay",
                [
                    (
                        "sum by (parallax_dropped) (increase(parallax_capture_drops_total[5m]))",
                        "{{parallax_dropped}}",
                    )
                ],
            )
        )
        .with_panel(
            _lines("Memory", [('process_resident_memory_bytes{job="parallax"}', at)], "bytes")
        )
    )


def _migration() -> dashboard.Dashboard:
    """Draw what is done with collections: filling, sweeping, answering from the gateway, and what MongoDB lacks afterwards."""
    name, part = "{{db_collection_name}}", "{{db_collection_name}} {{parallax_chunks}}"
    chunks = "max by (db_collection_name, parallax_chunks) ({metric})"
    return (
        _page("migration", "Parallax: migration")
        .with_panel(
            _lines(
                "Collections to fill, by state",
                [
                    (
                        "sum by (parallax_filling) (max by (db_collection_name, parallax_filling) (parallax_filling)) or vector(0)",
                        "{{parallax_filling}}",
                    )
                ],
            )
        )
        .with_panel(
            _lines(
                "Chunks of backfills",
                [(f"{chunks.format(metric='parallax_backfill_chunks')} or vector(0)", part)],
            )
        )
        .with_panel(
            _lines(
                "Documents merged by backfills",
                [
                    (
                        f"{BY_COLLECTION.format(metric='parallax_backfill_documents')} or vector(0)",
                        name,
                    )
                ],
            )
        )
        .with_panel(
            _lines("Chunks of sweeps", [(chunks.format(metric="parallax_sweep_chunks"), part)])
        )
        .with_panel(
            _lines(
                "The chunk that was swept longest ago",
                [(BY_COLLECTION.format(metric="parallax_sweep_age_seconds"), name)],
                "s",
            )
        )
        .with_panel(
            _lines(
                "Documents that differed at the last sweep",
                [(BY_COLLECTION.format(metric="parallax_sweep_differing"), name)],
            )
        )
        .with_panel(
            _lines(
                "For the gateway, by what became of it",
                [
                    (
                        "sum by (parallax_direction, parallax_outcome) (rate(parallax_relay_gateway_total[5m]))",
                        "{{parallax_direction}}: {{parallax_outcome}}",
                    )
                ],
                "ops",
            )
        )
        .with_panel(
            _lines(
                "Breakers that are open",
                [("parallax_breaker_open", "{{instance}} {{parallax_direction}}")],
            )
        )
        .with_panel(
            _lines(
                "Writes that MongoDB lacks after the cut-over",
                [("parallax_mirror_notes or vector(0)", "{{instance}}")],
            )
        )
        .with_panel(
            _lines(
                "The oldest write that MongoDB lacks after the cut-over",
                [("parallax_mirror_lag_seconds or vector(0)", "{{instance}}")],
                "s",
            )
        )
        .with_panel(
            _lines(
                "HTTP API, p95 by route",
                [
                    (
                        "histogram_quantile(0.95, sum by (le, http_route) (rate(http_server_request_duration_seconds_bucket[5m]))) or vector(0)",
                        "{{http_route}}",
                    )
                ],
                "s",
            )
        )
        .with_panel(
            _lines(
                "parallax gateway, p95 by command",
                [
                    (
                        "histogram_quantile(0.95, sum by (le, db_operation_name) (rate(parallax_serving_duration_seconds_bucket[5m]))) or vector(0)",
                        "{{db_operation_name}}",
                    )
                ],
                "s",
            )
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


def _names(title: str, expression: str, legend: str) -> stat.Panel:
    """Draw the names of the series that there are now, in the colour of the result they speak of."""
    panel = (
        stat.Panel()
        .title(title)
        .datasource(_source())
        .height(_HEIGHT)
        .span(_FULL_WIDTH // 2)
        .text_mode(BigValueTextMode.NAME)
        .color_mode(BigValueColorMode.BACKGROUND)
        .with_target(prometheus.Dataquery().expr(expression).legend_format(legend).instant())
    )
    for result, colour in COLOURS.items():
        fixed = {"mode": "fixed", "fixedColor": colour}
        panel = panel.override_by_regexp(
            f"/: {result}$/", [DynamicConfigValue(id_val="color", value=fixed)]
        )
    return panel


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
