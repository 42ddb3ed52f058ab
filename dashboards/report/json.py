"""The report as JSON: all figures of the page, none of them rounded."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from dashboards.report.digest import DIGEST, FILES, digest_of, digest_of_text
from dashboards.report.report import Report

FORMAT: Final = "parallax-report/1"
_ALONE: Final[Mapping[str, str]] = MappingProxyType({})


def render_json(report: Report, beside: Mapping[str, str] = _ALONE) -> str:
    """Return the evidence with its conclusion; durations in seconds, moments in nanoseconds since 1970.

    `beside` are the texts of the files that are written with it, by name: their digests are told.
    """
    content = _content(report)
    content[DIGEST] = digest_of(content)
    content[FILES] = {name: digest_of_text(text) for name, text in beside.items()}
    return json.dumps(content, indent=1, ensure_ascii=False)


def report_digest(report: Report) -> str:
    """Return the digest that the JSON form of a report tells."""
    return digest_of(_content(report))


def _content(report: Report) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "headline": report.headline,
        "confidence": report.confidence,
        "coverage": report.coverage,
        "cutover": list(report.cutover),
        "faults": _plain(report.faults),
        "signers": list(report.signers),
        "evidence": _plain(report.evidence),
        "rules": _plain(report.rules),
        "searches": _plain(report.searches),
    }


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
