"""One collection: what was seen, found and timed."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.dashboard import VariableRefresh

from scripts.grafana.panels import COLLECTION, DURATION, EQUAL, VERDICTS, lines, names, page, source


def collection() -> dashboard.Dashboard:
    chosen = f'db_collection_name="${COLLECTION}"'
    sides = "{{parallax_side}}"
    return (
        page("collection", "Parallax: one collection")
        .with_variable(
            dashboard.QueryVariable(COLLECTION)
            .label("Collection")
            .query("label_values(parallax_verdicts_total, db_collection_name)")
            .datasource(source())
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        )
        .with_panel(lines("Verdicts", [(f"{VERDICTS}{{{chosen}}}", "{{parallax_verdict}}")], "ops"))
        .with_panel(lines("Equal", [(f"{EQUAL}{{{chosen}}}", "equal")], "percentunit"))
        .with_panel(
            lines(
                "Latency of both sides",
                [(f"{DURATION}:{q}_5m{{{chosen}}}", f"{sides} {q}") for q in ("p50", "p95", "p99")],
                "s",
            )
        )
        .with_panel(
            lines(
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
            names(
                "Gates",
                f"max by (parallax_gate, parallax_result) (parallax_gate{{{chosen}}})",
                "{{parallax_gate}}: {{parallax_result}}",
            )
        )
        .with_panel(
            lines(
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
            lines(
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
            lines(
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
            lines(
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
            lines(
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
