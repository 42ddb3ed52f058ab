"""What the page shows now: read from the ledger for all who look at once, and no more often than it is cheap."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Final

from comparators.errors import ParallaxError
from dashboards.live.page import Page
from dashboards.live.windows import Last
from dashboards.report.report import build_report
from proxy.ledger.read import Gates, read_report

EVERY_S: Final = 0.5
SHARE: Final = 0.2
"""Of the time a ledger may be read: one that takes a second to read is read every five."""


@dataclass(slots=True)
class _Kept:
    content: str = ""
    until_s: float = 0.0
    reading: asyncio.Lock = field(default_factory=asyncio.Lock)


class Feed:
    """The content of the page, by window."""

    def __init__(self, ledger: str, *, gates: Gates, page: Page) -> None:
        self._ledger = ledger
        self._gates = gates
        self._page = page
        self._kept: dict[str, _Kept] = {}

    async def content(self, last: Last) -> str:
        """Return the content as of at most EVERY_S ago, or longer where reading takes long."""
        kept = self._kept.setdefault(last.name, _Kept())
        async with kept.reading:
            began_s = time.monotonic()
            if began_s >= kept.until_s:
                kept.content = await self._read(last)
                now_s = time.monotonic()
                kept.until_s = now_s + max(EVERY_S, (now_s - began_s) * (1 / SHARE - 1))
            return kept.content

    async def _read(self, last: Last) -> str:
        try:
            evidence = await read_report(
                self._ledger, gates=self._gates, since_ns=last.since_ns(time.time_ns())
            )
        except ParallaxError as error:
            return self._page.failure(error)
        return self._page.evidence(build_report(evidence))
