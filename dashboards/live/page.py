"""The live page: the sections of the report, drawn anew while it is looked at."""

from pathlib import Path
from typing import Final

from jinja2 import Environment

from comparators.errors import ParallaxError
from dashboards.live.windows import WINDOWS, View
from dashboards.report.html import environment, names_of
from dashboards.report.report import Report

_TEMPLATES: Final = Path(__file__).parent / "templates"


class Page:
    """Draws the whole page for a browser that comes, and its content for one that stays."""

    def __init__(self, *, acts: bool = False) -> None:
        """`acts`: whoever is let in may do something about what differs."""
        self._drawing: Environment = environment(_TEMPLATES)
        self._acts = acts

    def whole(self, content: str, view: View, proof: str = "") -> str:
        """Return the page around a content; `proof` is what it shows to act, empty where it may not."""
        template = self._drawing.get_template("live.html")
        return template.render(content=content, view=view, windows=WINDOWS.values(), proof=proof)

    def evidence(self, report: Report, view: View) -> str:
        """Return the content that shows evidence; each collection is linked to a page of its own."""
        names = {
            **names_of(report),
            "linked": "" if view.namespace else view.last.name,
            "acts": self._acts,
        }
        return self._drawing.get_template("evidence.html").render(names)

    def failure(self, error: ParallaxError) -> str:
        """Return the content that says why there is no evidence."""
        return self._drawing.get_template("failure.html").render(error=error)
