"""The report as one page: no network, no fonts, no library; readable without its script."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from comparators.verdict import Verdict
from dashboards.report import words
from dashboards.report.json import report_digest
from dashboards.report.report import Report, segments

MAX_SHAPES: Final = 300
FIRST_GROUPS: Final = 12
FIRST_ACTIONS: Final = 30
MAX_ROWS: Final = 200

_TEMPLATES: Final = Path(__file__).parent / "templates"


def render_html(report: Report) -> str:
    """Return the page. Long lists are cut and say so; the JSON holds all of them."""
    page = environment().get_template("report.html")
    return page.render(**names_of(report), digest=report_digest(report))


def environment(*more_templates: Path) -> Environment:
    """Return what draws the templates of the report, and those of other folders."""
    drawing = Environment(
        loader=FileSystemLoader([*more_templates, _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawing.filters |= {
        "count": words.count,
        "duration": words.duration,
        "ratio": words.ratio,
        "moment": words.moment,
        "fact": words.fact_name,
        "size": words.size,
        "verdict": words.verdict_name,
        "answers": words.answers,
        "light": words.light,
        "gate": words.gate_name,
        "asked": words.asked,
        "came_of": words.came_of,
        "rule_changed": words.rule_changed,
        "alone": words.alone,
        "gates_then": words.gates_then,
    }
    drawing.globals |= {
        "plural": words.plural,
        "share": words.share,
        "segments": segments,
        "verdict_names": words.VERDICT_NAMES,
        "Verdict": Verdict,
        "max_shapes": MAX_SHAPES,
        "first_groups": FIRST_GROUPS,
        "first_actions": FIRST_ACTIONS,
        "max_rows": MAX_ROWS,
    }
    return drawing


def names_of(report: Report) -> Mapping[str, Any]:
    """Return what the templates of the report look for."""
    result = report.evidence.conclusion.result.value
    alone = {"linked": "", "acts": False, "window": "", "by_phase": None}
    return {"report": report, "evidence": report.evidence, "result": result, **alone}
