"""What the page shows now: read from the ledger for all who look at once, and no more often than it is cheap."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from comparators.errors import ParallaxError
from comparators.rules import Rule
from dashboards.live.overview import Phases, in_shadow
from dashboards.live.page import Page
from dashboards.live.windows import View
from dashboards.report.report import build_report
from proxy.ledger.read import Gates, read_report

EVERY_S: Final = 0.5
MOST_VIEWS: Final = 100
Declared = Callable[[], Sequence[Rule]]
DeclaredBy = Callable[[], Mapping[str, str]]
"""Gives who declared which rule from the page, and when."""
SHARE: Final = 0.2
"""Of the time a ledger may be read that takes longer than EVERY_S: one that takes a second is read every five."""


@dataclass(slots=True)
class _Kept:
    content: str = ""
    until_s: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Feed:
    """The content of the pages, by what they show."""

    def __init__(
        self,
        ledger: str,
        *,
        gates: Gates,
        page: Page,
        declared: Declared = tuple,
        declared_by: DeclaredBy = dict,
        phases: Phases = in_shadow,
    ) -> None:
        self._ledger = ledger
        self._gates = gates
        self._page = page
        self._declared = declared
        self._declared_by = declared_by
        self._phases = phases
        self._kept: dict[View, _Kept] = {}

    async def content(self, view: View) -> str:
        """Return the content as of at most EVERY_S ago, or longer where reading takes long."""
        kept = self._kept_of(view)
        async with kept.reading:
            began_s = time.monotonic()
            if began_s >= kept.until_s:
                is_first = not kept.until_s
                kept.content = await self._read(view)
                now_s = time.monotonic()
                # The first time everything is cold, and says little of the ledger.
                took_s = 0.0 if is_first else now_s - began_s
                kept.until_s = now_s + (took_s * (1 / SHARE - 1) if took_s > EVERY_S else EVERY_S)
            return kept.content

    def _kept_of(self, view: View) -> _Kept:
        kept = self._kept.get(view)
        if kept is None:
            # Anybody may ask for any name.
            while len(self._kept) >= MOST_VIEWS:
                del self._kept[next(iter(self._kept))]
            kept = self._kept[view] = _Kept()
        return kept

    async def _read(self, view: View) -> str:
        try:
            evidence = await read_report(
                self._ledger,
                gates=self._gates,
                since_ns=view.last.since_ns(time.time_ns()),
                namespaces=[view.namespace] if view.namespace else (),
            )
        except ParallaxError as error:
            return self._page.failure(error)
        if view.group:
            return self._page.group(evidence, view)
        report = build_report(evidence, declared=self._declared(), declared_by=self._declared_by())
        return self._page.evidence(report, view, self._phases)
