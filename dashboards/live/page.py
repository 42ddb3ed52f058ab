"""The live page: the sections of the report, drawn anew while it is looked at."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from jinja2 import Environment

from comparators.errors import ParallaxError
from dashboards.live.overview import Phases, overview
from dashboards.live.windows import WINDOWS, View
from dashboards.report.html import environment, names_of
from dashboards.report.report import Report
from proxy.ledger.read import DivergentDocument, Evidence, Group, Writer

_TEMPLATES: Final = Path(__file__).parent / "templates"


def documents_of(
    group: Group, divergent: Iterable[DivergentDocument]
) -> tuple[DivergentDocument, ...]:
    """Return the divergent documents that a group concerns: its examples, and what differs at its path."""
    examples = {name for sample in group.samples for name in sample.documents}
    return tuple(
        each
        for each in divergent
        if each.namespace == group.namespace
        and (
            each.document in examples or group.path in {change.path for change in each.differences}
        )
    )


def _writers(wrote: Iterable[Writer]) -> Counter[tuple[str, str]]:
    """Return which shapes of operation wrote, from which applications, and how many documents; each write once for a document."""
    return Counter((each.shape, each.application) for each in wrote)


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

    def evidence(self, report: Report, view: View, phases: Phases) -> str:
        """Return the content that shows evidence; each collection is linked to a page of its own."""
        names = {
            **names_of(report),
            "linked": "" if view.namespace else view.last.name,
            "acts": self._acts,
            "window": view.last.name,
            "by_phase": overview(report.evidence, phases),
        }
        return self._drawing.get_template("evidence.html").render(names)

    def group(self, evidence: Evidence, view: View) -> str:
        """Return the content that shows one group of mismatches, side by side."""
        found = next((each for each in evidence.groups if each.id == view.group), None)
        documents = () if found is None else documents_of(found, evidence.divergent)
        wrote = [each.writer for each in documents]
        if found is not None:
            wrote += [sample.writer for sample in found.samples]
        return self._drawing.get_template("group.html").render(
            group=found,
            id=view.group,
            window=view.last.name,
            acts=self._acts,
            documents=documents,
            writers=_writers(each for each in wrote if each is not None),
            causes=Counter(each.cause for each in documents),
            actions=[
                each
                for each in evidence.actions
                if found is not None and each.namespace == found.namespace
            ],
        )

    def failure(self, error: ParallaxError) -> str:
        """Return the content that says why there is no evidence."""
        return self._drawing.get_template("failure.html").render(error=error)
