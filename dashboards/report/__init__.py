"""The sign-off report: a page that needs nothing else, and the same evidence as JSON."""

from dashboards.report.html import render_html
from dashboards.report.json import render_json
from dashboards.report.report import Report, build_report

__all__ = ["Report", "build_report", "render_html", "render_json"]
