"""The sign-off report: a page that needs nothing else, Markdown, the same evidence as JSON, and its gates as JUnit."""

from dashboards.report.html import render_html
from dashboards.report.json import render_json
from dashboards.report.junit import render_junit
from dashboards.report.markdown import render_markdown
from dashboards.report.report import Report, build_report

__all__ = [
    "Report",
    "build_report",
    "render_html",
    "render_json",
    "render_junit",
    "render_markdown",
]
