"""The pages that are files: a report and a benchmark, as a checker of accessibility sees them, by day and by night."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser

from comparators.verdict import Verdict
from dashboards.bench.page import render_bench
from dashboards.report import build_report, render_html
from proxy.cli.bench.shown import page_of
from proxy.jobs.bench.comparing import compared
from proxy.ledger.read import DivergenceState, DivergentDocument, EventEvidence, EventKind, Result
from tests.browser.accessibility import assert_accessible
from tests.unit.dashboards.evidence import START_NS, evidence, group, reason
from tests.unit.proxy.jobs.bench.runs import run_of

LOOKS: tuple[tuple[Literal["light", "dark"], int], ...] = (("light", 390), ("dark", 1280))
"""By day on a phone, by night on a desk."""


def report() -> str:
    document = DivergentDocument(
        namespace="app.users",
        document="string#5f1c",
        cause="the stored documents differ",
        state=DivergenceState.OPEN,
        since_ns=START_NS,
        changed_ns=START_NS,
        log="log-1",
        position=7,
    )
    outage = EventEvidence(
        kind=EventKind.GATEWAY_OUTAGE,
        at_ns=START_NS,
        until_ns=START_NS + 10**9,
        log="log-1",
        position=7,
        namespace="",
        n=1,
        detail="",
    )
    found = evidence(
        {Verdict.MATCH: 90, Verdict.MISMATCH: 3, Verdict.UNSUPPORTED: 2},
        result=Result.FAIL,
        because=("3 operations gave another result", "1 document differs now"),
        groups=(group(), group(Verdict.TRANSIENT)),
        reasons=(reason(Verdict.UNSUPPORTED, "stage $geoNear"),),
        divergent=(document,),
        events=(outage,),
    )
    return render_html(build_report(found, cutover=["Mirror: MongoDB lacks 3 writes."]))


def bench() -> str:
    before, after = run_of(1), run_of(2, factors={"gateway": 1.3})
    return render_bench(page_of(after, compared(before, after, tolerance=0.05)))


@pytest.mark.parametrize("draw", [report, bench])
async def test_a_page_is_accessible_by_day_and_by_night(
    draw: Callable[[], str], browser: Browser, tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    file.write_text(draw())
    grounds = set()
    for scheme, width in LOOKS:
        page = await browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
        await page.goto(file.as_uri())
        grounds.add(await page.evaluate("getComputedStyle(document.body).backgroundColor"))
        await assert_accessible(page)
        await page.close()
    assert len(grounds) == 2, "the night looks like the day"
