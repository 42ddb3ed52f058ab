"""How far the migration is: phases, gates, jobs, divergence, roll-backs."""

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.panels import BY_COLLECTION, lines, page


def migration() -> dashboard.Dashboard:
    """Draw what is done with collections: filling, sweeping, answering from the gateway, and what MongoDB lacks afterwards."""
    name, part = "{{db_collection_name}}", "{{db_collection_name}} {{parallax_chunks}}"
    chunks = "max by (db_collection_name, parallax_chunks) ({metric})"
    return (
        page("migration", "Parallax: migration")
        .with_panel(
            lines(
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
            lines(
                "Chunks of backfills",
                [(f"{chunks.format(metric='parallax_backfill_chunks')} or vector(0)", part)],
            )
        )
        .with_panel(
            lines(
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
            lines("Chunks of sweeps", [(chunks.format(metric="parallax_sweep_chunks"), part)])
        )
        .with_panel(
            lines(
                "The chunk that was swept longest ago",
                [(BY_COLLECTION.format(metric="parallax_sweep_age_seconds"), name)],
                "s",
            )
        )
        .with_panel(
            lines(
                "Documents that differed at the last sweep",
                [(BY_COLLECTION.format(metric="parallax_sweep_differing"), name)],
            )
        )
        .with_panel(
            lines(
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
            lines(
                "Breakers that are open",
                [("parallax_breaker_open", "{{instance}} {{parallax_direction}}")],
            )
        )
        .with_panel(
            lines(
                "Writes that MongoDB lacks after the cut-over",
                [("parallax_mirror_notes or vector(0)", "{{instance}}")],
            )
        )
        .with_panel(
            lines(
                "The oldest write that MongoDB lacks after the cut-over",
                [("parallax_mirror_lag_seconds or vector(0)", "{{instance}}")],
                "s",
            )
        )
        .with_panel(
            lines(
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
            lines(
                "Searches that engine and database both made",
                [
                    (
                        "sum by (db_collection_name, parallax_verdict) (rate(parallax_searches_compared_total[5m])) or vector(0)",
                        "{{db_collection_name}} {{parallax_verdict}}",
                    )
                ],
                "ops",
            )
        )
        .with_panel(
            lines(
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
