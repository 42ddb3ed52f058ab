"""The parts that all dashboards are made of."""

from collections.abc import Sequence
from string import ascii_uppercase
from typing import Final

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models.common import BigValueColorMode, BigValueTextMode
from grafana_foundation_sdk.models.dashboard import DataSourceRef, DynamicConfigValue

SOURCE: Final = "source"
_HEIGHT: Final = 8
_FULL_WIDTH: Final = 24

Query = tuple[str, str]
"""An expression, and the legend of its series."""

COLLECTION: Final = "collection"
VERDICTS: Final = "db_collection_name_parallax_verdict:parallax_operations:rate5m"
EQUAL: Final = "db_collection_name:parallax_equal:ratio_rate5m"
DURATION: Final = "db_collection_name_parallax_side:db_client_operation_duration_seconds"
BY_COLLECTION: Final = "max by (db_collection_name) ({metric})"
COLOURS: Final = {"pass": "green", "inconclusive": "orange", "fail": "red"}


def page(name: str, title: str) -> dashboard.Dashboard:
    return (
        dashboard.Dashboard(title)
        .uid(f"parallax-{name}")
        .tags(["parallax"])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .with_variable(dashboard.DatasourceVariable(SOURCE).label("Prometheus").type("prometheus"))
    )


def number(title: str, expression: str, unit: str) -> stat.Panel:
    return (
        stat.Panel()
        .title(title)
        .unit(unit)
        .datasource(source())
        .height(_HEIGHT // 2)
        .span(_FULL_WIDTH // 4)
        .with_target(prometheus.Dataquery().expr(expression))
    )


def names(title: str, expression: str, legend: str) -> stat.Panel:
    """Draw the names of the series that there are now, in the colour of the result they speak of."""
    panel = (
        stat.Panel()
        .title(title)
        .datasource(source())
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


def lines(
    title: str, queries: Sequence[Query], unit: str = "short", *, exemplars: bool = False
) -> timeseries.Panel:
    """Draw series, with points that lead to traces where there are `exemplars`: not those of recording rules."""
    panel = (
        timeseries.Panel()
        .title(title)
        .unit(unit)
        .min(0)
        .datasource(source())
        .height(_HEIGHT)
        .span(_FULL_WIDTH // 2)
    )
    for reference, (expression, legend) in zip(ascii_uppercase, queries, strict=False):
        # Grafana tells the answers, and their exemplars, apart by it.
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(reference)
        panel = panel.with_target(query.exemplar(True) if exemplars else query)
    return panel


def source() -> DataSourceRef:
    """Return the data source that the reader of a dashboard has chosen."""
    return DataSourceRef(type_val="prometheus", uid=f"${{{SOURCE}}}")
