"""The report as JSON: all figures of the page, none of them rounded."""

import json
from collections.abc import Mapping
from typing import Any, Final

from dashboards.report.report import Report

FORMAT: Final = "parallax-report/1"


def render_json(report: Report) -> str:
    """Return the evidence with its conclusion; durations in seconds, moments in nanoseconds since 1970."""
    content = {
        "format": FORMAT,
        "headline": report.headline,
        "confidence": report.confidence,
        "evidence": _plain(report.evidence),
    }
    return json.dumps(content, indent=1, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """Return a value of the evidence as JSON can hold it, computed figures included."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    fields = getattr(value, "__dataclass_fields__", None)
    if fields is None:
        return value
    computed = [name for name, item in vars(type(value)).items() if isinstance(item, property)]
    return {name: _plain(getattr(value, name)) for name in (*fields, *computed)}
