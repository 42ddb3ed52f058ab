"""The live page in a real browser: it follows the ledger, and leaves alone what somebody reads."""

import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Page, expect

from comparators.search import Aspect
from comparators.verdict import Verdict
from dashboards.live.server import application
from dashboards.report import words
from proxy.ledger.access import opened
from proxy.ledger.entries import SearchComparison
from proxy.ledger.lookup import redaction_of
from proxy.ledger.read import Gates
from proxy.ledger.searches import SearchBatch, enter_searches
from proxy.ledger.write import Ledger
from tests.browser.accessibility import assert_accessible
from tests.integration.ledger.findings import NO_LAG, UPDATE_USERS, checkpoint, finding, mismatch

WITHIN_MS = 10_000
AT_ONCE_MS = 2_000
FAILED = "fail. "


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    made = await Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}")
    yield made
    await made.close()


@pytest.fixture
async def page(ledger: Ledger, browser: Browser, tmp_path: Path) -> AsyncIterator[Page]:
    """Open the page of the ledger; whatever it complains of fails the test."""
    complaints: list[str] = []
    async with TestServer(
        application(f"sqlite:///{tmp_path / 'ledger.db'}", gates=Gates())
    ) as server:
        opened = await browser.new_page()
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text))
        await record(ledger, 1)
        await opened.goto(str(server.make_url("/")))
        await expect(opened.get_by_role("status")).to_have_text("live", timeout=5_000)
        yield opened
        await opened.close()
    assert not complaints


async def record(ledger: Ledger, position: int, *paths: str) -> None:
    """Judge an operation as equal, and one as different for each path."""
    now_ns = time.time_ns()
    await ledger.record(
        [
            finding(position, at_ns=now_ns),
            *(mismatch(position, path=path, at_ns=now_ns, shape=UPDATE_USERS) for path in paths),
        ],
        checkpoint=checkpoint(position, at_ns=now_ns),
        lag=NO_LAG,
    )


async def test_a_mismatch_appears_without_reloading(page: Page, ledger: Ledger) -> None:
    mismatches = page.get_by_role("region", name="Mismatches")
    await expect(mismatches).to_contain_text("None.")
    loaded = await page.evaluate("performance.timeOrigin")

    await record(ledger, 2, "profile.nickname")

    # From when it is on the ledger, as `record` has just put it there.
    await expect(mismatches).to_contain_text("profile.nickname", timeout=AT_ONCE_MS)
    await expect(page.locator("header")).to_contain_text(FAILED)
    assert await page.evaluate("performance.timeOrigin") == loaded


async def test_a_search_that_differs_appears_with_its_time_and_its_collection(
    page: Page, ledger: Ledger, tmp_path: Path
) -> None:
    batch = SearchBatch(writer="api")
    apart = SearchComparison(
        at_ns=time.time_ns(),
        namespace="app.messages",
        verdict=Verdict.MISMATCH,
        aspect=Aspect.CONTENT,
        reason="only the database finds a document",
        database_alone=("ada",),
    )
    batch.add(apart)
    batch.add(replace(apart, verdict=Verdict.MATCH, reason="", database_alone=()))
    await expect(page.get_by_role("region", name="Searches")).to_have_count(0)

    async with opened(f"sqlite:///{tmp_path / 'ledger.db'}") as access:
        await enter_searches(access, await redaction_of(access), batch)

    searches = page.get_by_role("region", name="Searches")
    await expect(searches).to_contain_text("only the database: string#", timeout=WITHIN_MS)
    [counted, *_] = await searches.get_by_role("row").filter(has_text="app.messages").all()
    assert (await counted.inner_text()).split() == ["app.messages", *"210100"]
    differing = searches.get_by_role("table", name="Searches that differ")
    await expect(differing.get_by_role("row").filter(has_text="app.messages")).to_contain_text(
        words.moment(apart.at_ns)
    )
    await assert_accessible(page)


async def test_the_page_of_a_collection_follows_it_and_can_be_sent_to_somebody(
    page: Page, ledger: Ledger
) -> None:
    collections = page.get_by_role("region", name="Collections")
    await collections.get_by_role("link", name="app.users").click()
    await expect(page).to_have_url(re.compile(r"/collections/app\.users\?last=15m$"))
    await expect(page).to_have_title("app.users \N{EN DASH} Parallax")

    await record(ledger, 2, "profile.nickname")

    mismatches = page.get_by_role("region", name="Mismatches")
    row = mismatches.get_by_role("row").filter(has_text="profile.nickname")
    await expect(row).to_contain_text("string", timeout=WITHIN_MS)
    await expect(page.get_by_role("region", name="Distributions and course")).to_contain_text(
        "Mismatched"
    )
    await assert_accessible(page)
    await page.get_by_role("link", name="All collections").click()
    await expect(page).to_have_url(re.compile(r"/\?last=15m$"))


async def test_the_differences_of_a_group_stand_side_by_side(page: Page, ledger: Ledger) -> None:
    await record(ledger, 2, "profile.nickname")
    group = page.locator("details.group").filter(has_text="profile.nickname")
    await group.get_by_role("link", name="Side by side").click(timeout=WITHIN_MS)

    await expect(page).to_have_url(re.compile(r"/mismatches/[0-9a-f]{16}\?last=15m$"))
    await expect(page.locator("header")).to_contain_text("profile.nickname value")
    sides = page.get_by_role("region", name="Side by side")
    await expect(sides.get_by_role("columnheader")).to_have_text(["Legacy", "Gateway"])
    await expect(sides.get_by_role("rowheader")).to_have_text("profile.nickname value")
    await expect(sides.get_by_role("cell")).to_have_text(["string(3)", "string(3)"])
    await page.set_viewport_size({"width": 390, "height": 900})
    await assert_accessible(page)

    await record(ledger, 3, "profile.nickname")
    await expect(page.locator("header")).to_contain_text(
        "2\N{MULTIPLICATION SIGN}", timeout=WITHIN_MS
    )


async def test_the_page_is_used_by_keyboard(page: Page, ledger: Ledger) -> None:
    await record(ledger, 2, "name", "email")
    groups = page.locator("details.group")
    await expect(groups).to_have_count(2, timeout=WITHIN_MS)

    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await assert_accessible(page)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_hidden()
    await page.keyboard.press("/")
    await expect(page.get_by_role("searchbox").first).to_be_focused()
    await page.keyboard.type("EMAIL")
    await expect(groups.filter(visible=True)).to_have_count(1)
    await record(ledger, 3, "name")
    await expect(page.get_by_role("region", name="Gates")).to_be_attached()
    await page.keyboard.press("Escape")
    await expect(groups.filter(visible=True)).to_have_count(2)

    mismatches = page.locator("section[aria-labelledby=mismatch]")
    while not await mismatches.evaluate("(section) => section === document.activeElement"):
        await page.keyboard.press("n")
    await page.keyboard.press("j")
    focused = page.locator("details.group:focus-within")
    was_open = await focused.get_attribute("open") is not None
    await page.keyboard.press("o")
    assert (await focused.get_attribute("open") is not None) is not was_open
    words = await page.evaluate("document.activeElement.closest('details').id")
    await record(ledger, 4, "phone")
    await expect(groups).to_have_count(3, timeout=WITHIN_MS)
    assert await page.evaluate("document.activeElement.closest('details').id") == words


async def test_the_token_is_asked_for_once(
    ledger: Ledger, browser: Browser, tmp_path: Path
) -> None:
    token = "a token of more than sixteen"
    pages = application(f"sqlite:///{tmp_path / 'ledger.db'}", gates=Gates(), token=token)
    async with TestServer(pages) as server:
        opened = await browser.new_page()
        await opened.goto(str(server.make_url("/?last=1h")))
        await expect(opened.get_by_label("Token")).to_be_focused()
        await assert_accessible(opened)
        await opened.keyboard.type(token)
        await opened.keyboard.press("Enter")

        await expect(opened).to_have_url(re.compile(r"/\?last=1h$"))
        await expect(opened.get_by_role("status")).to_have_text("live")
        await opened.close()


async def test_what_was_opened_stays_open(page: Page, ledger: Ledger) -> None:
    gates = page.locator("details.gates").filter(has_text="app.users")
    was_open = await gates.get_attribute("open") is not None
    await gates.locator("summary").click()
    await page.locator("body").click(position={"x": 1, "y": 1})

    await record(ledger, 2, "name")
    await expect(page.get_by_role("region", name="Mismatches")).to_contain_text(
        "name", timeout=WITHIN_MS
    )

    await expect(gates).to_have_count(1)
    assert (await gates.get_attribute("open") is not None) is not was_open


async def test_a_table_stays_sorted(page: Page, ledger: Ledger) -> None:
    shapes = page.get_by_role("region", name="Shapes of operations")
    seen = shapes.get_by_role("columnheader", name=re.compile("^Seen"))
    await seen.get_by_role("button").click()
    await page.locator("body").click(position={"x": 1, "y": 1})

    await record(ledger, 2, "name", "email")
    await expect(shapes.locator("tbody tr")).to_have_count(2, timeout=WITHIN_MS)

    await expect(seen).to_have_attribute("aria-sort", "descending")


async def test_a_window_is_chosen_by_keyboard(page: Page) -> None:
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page).to_have_url(re.compile(r"\?last=5m$"))
    await expect(page.get_by_role("link", name="5 minutes", exact=True)).to_have_attribute(
        "aria-current", "page"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280], ids=["phone", "desk"])
async def test_the_page_is_accessible(scheme: str, width: int, page: Page, ledger: Ledger) -> None:
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.set_viewport_size({"width": width, "height": 900})
    await record(ledger, 2, "name")
    await expect(page.locator("header")).to_contain_text(FAILED, timeout=WITHIN_MS)
    phases = page.get_by_role("region", name="Overview")
    await expect(phases).to_contain_text("reads shadow")
    await expect(phases.get_by_role("row").filter(has_text="app.users")).to_contain_text("fail")

    await assert_accessible(page)
