"""How the verifier, the relay and what they write are."""

from grafana_foundation_sdk.builders import dashboard

from scripts.grafana.panels import lines, page


def verifier() -> dashboard.Dashboard:
    at = "{{instance}}"
    return (
        page("verifier", "Parallax: verifier")
        .with_panel(lines("Behind the application", [("parallax_lag_time_seconds", at)], "s"))
        .with_panel(lines("Operations to go", [("parallax_lag_operations", at)], "short"))
        .with_panel(lines("Capture log to go", [("parallax_lag_size_bytes", at)], "bytes"))
        .with_panel(lines("Answers to scrapes", [('up{job="parallax"}', at)], "short"))
        .with_panel(
            lines(
                "Processors in use",
                [('rate(process_cpu_seconds_total{job="parallax"}[5m])', at)],
                "short",
            )
        )
        .with_panel(
            lines(
                "Connections through the relay",
                [("parallax_relay_connections", at)],
            )
        )
        .with_panel(
            lines(
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
            lines(
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
            lines(
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
            lines(
                "Traces and log lines that did not reach the collector",
                [
                    (
                        "sum by (parallax_signal) (increase(parallax_telemetry_drops_total[5m])) or vector(0)",
                        "{{parallax_signal}}",
                    )
                ],
            )
        )
        .with_panel(lines("Capture log", [("parallax_capture_size_bytes", at)], "bytes"))
        .with_panel(
            lines(
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
            lines("Memory", [('process_resident_memory_bytes{job="parallax"}', at)], "bytes")
        )
    )
