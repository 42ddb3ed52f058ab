"""How it stands, at a glance."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.panels import BY_COLLECTION, EQUAL, VERDICTS, lines, number, page

OPERATIONS: Final = "db_collection_name:parallax_operations:rate5m"
MISMATCHES: Final = 'sum(parallax_verdicts_total{parallax_verdict="mismatch"}) or vector(0)'
NEW_MISMATCHES: Final = (
    'sum by (db_collection_name) (increase(parallax_verdicts_total{parallax_verdict="mismatch"}[5m]))'
    " or vector(0)"
)
RATIO: Final = "db_collection_name:parallax_latency:ratio_p95_5m"
# Sidecars that share a ledger all tell what it says: the largest, never the sum.
GATES: Final = (
    "max by (db_collection_name, parallax_gate, parallax_result) (parallax_gate{matching})"
)
PHASES: Final = (
    "max by (db_collection_name, parallax_direction, parallax_phase) (parallax_phase{matching})"
)


def overview() -> dashboard.Dashboard:
    return (
        page("overview", "Parallax: overview")
        .with_panel(number("Operations judged", f"sum({OPERATIONS})", "ops"))
        .with_panel(
            number("Equal", f"sum({EQUAL} * {OPERATIONS}) / sum({OPERATIONS})", "percentunit")
        )
        .with_panel(number("Mismatches since the verifier began", MISMATCHES, "short"))
        .with_panel(number("Behind the application", "max(parallax_lag_time_seconds)", "s"))
        .with_panel(
            lines("Verdicts", [(f"sum by (parallax_verdict) ({VERDICTS})", "{{parallax_verdict}}")])
        )
        .with_panel(
            lines(
                "Mismatches, with traces",
                [(NEW_MISMATCHES, "{{db_collection_name}}")],
                exemplars=True,
            )
        )
        .with_panel(
            lines("Equal, by collection", [(EQUAL, "{{db_collection_name}}")], "percentunit")
        )
        .with_panel(
            lines(
                "The gateway's p95 as a multiple of MongoDB's", [(RATIO, "{{db_collection_name}}")]
            )
        )
        .with_panel(
            lines(
                "Not captured",
                [("sum by (parallax_dropped) (rate(parallax_drops_total[5m])) or vector(0)", "")],
                "ops",
            )
        )
        .with_panel(
            lines(
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
            lines(
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
            lines(
                "Documents that differ",
                [(BY_COLLECTION.format(metric="parallax_divergent"), "{{db_collection_name}}")],
            )
        )
        .with_panel(
            lines(
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
