"""How long both sides take, and the relay between."""

from typing import Final

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.panels import DURATION, Query, lines, page

TRACED: Final[Query] = (
    "histogram_quantile(0.99, sum by (le, parallax_side) (rate(db_client_operation_duration_seconds_bucket[5m])))",
    "{{parallax_side}}",
)
"""Not recorded beforehand: exemplars are those of the series that are asked for."""


def latency() -> dashboard.Dashboard:
    drawn = page("latency", "Parallax: latency")
    for quantile in ("p50", "p95", "p99"):
        drawn = drawn.with_panel(
            lines(
                f"{quantile} by collection and side",
                [(f"{DURATION}:{quantile}_5m", "{{db_collection_name}} {{parallax_side}}")],
                "s",
            )
        )
    drawn = drawn.with_panel(lines("p99 by side, with traces", [TRACED], "s", exemplars=True))
    return drawn.with_panel(
        lines(
            "Added by the relay",
            [(f"parallax_overhead_seconds:{quantile}_5m", quantile) for quantile in ("p50", "p99")],
            "s",
        )
    ).with_panel(
        lines(
            "A comparison takes",
            [
                (
                    f"histogram_quantile({quantile}, sum by (le) (rate(parallax_comparison_duration_seconds_bucket[5m])))",
                    name,
                )
                for quantile, name in ((0.5, "p50"), (0.99, "p99"))
            ],
            "s",
            exemplars=True,
        )
    )
