"""What the live page does when somebody asks: on real servers, with a verifier that carries it out."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import asyncpg
import pytest
from aiohttp.test_utils import TestServer
from playwright.async_api import Browser, Locator, Page, expect
from pymongo import AsyncMongoClient

from proxy.cli.dashboard import pages
from proxy.embedded import EmbeddedMongo, EmbeddedPostgres
from proxy.embedded.sidecar import EmbeddedSidecar, embedded_sidecar
from proxy.ledger.read import DivergenceState, DivergentDocument
from proxy.settings import load
from proxy.settings_sections import Dashboard
from tests.browser.accessibility import assert_accessible

TOKEN: Final = "a token of more than sixteen"
WITHIN_MS: Final = 15_000
APPLICATION: Final = "shop"
WRITER: Final = "users.update"
PATH: Final = "profile.nickname"
REFUSED: Final = 400

pytestmark = pytest.mark.timeout(180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A sidecar, what goes past it, and the page that looks at it."""

    sidecar: EmbeddedSidecar
    legacy: str
    gateway: str
    rules: Path
    database: str

    async def differ(self, collection: str) -> None:
        """Have MongoDB hold what the gateway does not, and the application run into it: by a write, and by a read."""
        async with (
            AsyncMongoClient[dict[str, Any]](
                self.sidecar.uri, serverMonitoringMode="poll", appname=APPLICATION
            ) as through,
            AsyncMongoClient[dict[str, Any]](self.legacy, serverMonitoringMode="poll") as past,
        ):
            users = through[self.database][collection]
            await users.insert_one({"_id": 1, "profile": {"nickname": "ada"}, "n": 0})
            await self.sidecar.drained()
            there = past[self.database][collection]
            await there.update_one({"_id": 1}, {"$set": {PATH: "countess"}})
            await users.update_one({"_id": 1}, {"$inc": {"n": 1}})
            await users.find_one({"n": 1})

    async def divergent(self, collection: str) -> list[DivergentDocument]:
        found = (await self.sidecar.evidence()).divergent
        return [each for each in found if each.namespace == f"{self.database}.{collection}"]


@pytest.fixture(scope="module")
async def site(
    mongo: EmbeddedMongo, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Site]:
    directory = tmp_path_factory.mktemp("acting")
    name = f"acting_{uuid4().hex[:8]}"
    rules = directory / "rules.toml"
    rules.write_text("# Exceptions to equality.\n")
    administrator = await asyncpg.connect(postgres.dsn)
    await administrator.execute(f'CREATE DATABASE "{name}"')
    try:
        async with embedded_sidecar(
            directory / "run",
            legacy=mongo.uri,
            gateway=postgres.dsn_of(name),
            settings={
                "PARALLAX_VERIFIER_NICE": "0",
                "PARALLAX_GATEWAY_EXPLAIN_BEYOND_S": "0.000001",
                "PARALLAX_RULES_FILE": str(rules),
            },
        ) as running:
            await running.drained()
            yield Site(
                sidecar=running,
                legacy=mongo.uri,
                gateway=postgres.dsn_of(name),
                rules=rules,
                database=name,
            )
    finally:
        await administrator.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
        await administrator.close()


@pytest.fixture
async def page(site: Site, browser: Browser) -> AsyncIterator[Page]:
    """Open the page as somebody who knows the token; whatever it complains of fails the test."""
    complaints: list[str] = []
    refused: list[bool] = []
    settings = load(
        flags={
            "legacy.uri": site.legacy,
            "gateway.uri": site.gateway,
            "ledger.uri": site.sidecar.ledger,
            "rules.file": str(site.rules),
        }
    )
    settings = settings.model_copy(update={"dashboard": Dashboard(token=TOKEN)})
    async with TestServer(pages(settings)) as server:
        opened = await browser.new_page()
        await opened.goto(str(server.make_url("/")))
        await opened.get_by_label("Token").fill(TOKEN)
        await opened.keyboard.press("Enter")
        opened.on("pageerror", lambda error: complaints.append(str(error)))
        opened.on("console", lambda said: complaints.append(said.text))
        # What is refused is told on the page; the browser says so as well.
        opened.on("response", lambda answer: refused.append(answer.status == REFUSED))
        await expect(opened.locator("#liveness")).to_have_text("live")
        yield opened
        await opened.close()
    assert len(complaints) == sum(refused), complaints


async def asked(page: Page, button: Locator, why: str) -> Locator:
    """Press a button, say who asks and why, and return what is said of the outcome."""
    await button.click()
    await page.get_by_label("Who").fill("ada")
    await page.get_by_label("Why").fill(why)
    await page.keyboard.press("Enter")
    return page.locator("#act-said")


async def test_a_mismatch_is_rechecked_and_repaired_from_its_group(page: Page, site: Site) -> None:
    await site.differ("users")
    mismatches = page.get_by_role("region", name="Mismatches")
    group = mismatches.locator("details.group").filter(has_text="users.state")
    await expect(group).to_contain_text(PATH, timeout=WITHIN_MS)
    await group.get_by_role("link", name="Side by side").click()
    wrote = page.get_by_role("region", name="What wrote them")
    await expect(wrote).to_contain_text(WRITER, timeout=WITHIN_MS)
    await expect(wrote).to_contain_text(f"from {APPLICATION} (PyMongo")
    await expect(wrote).to_contain_text("the stored documents differ")

    header = page.locator("#content > header")
    said = await asked(page, header.get_by_role("button", name="Recheck"), "look again")
    await expect(said).to_contain_text("equal now: 0", timeout=WITHIN_MS)
    await expect(said).to_contain_text(re.compile(rf"mismatch: {site.database}\.users int#"))
    await assert_accessible(page)
    await page.get_by_role("button", name="Close").click()
    said = await asked(page, header.get_by_role("button", name="Repair"), "ticket 17")
    await expect(said).to_contain_text("repaired and equal: 1", timeout=WITHIN_MS)
    await page.get_by_role("button", name="Close").click()
    told = page.get_by_role("region", name="Asked of the verifier").get_by_role("row")
    await expect(told.filter(has_text="ticket 17")).to_contain_text("match 1", timeout=WITHIN_MS)
    await expect(told.filter(has_text="look again")).to_contain_text("mismatch 1")
    concerned = page.get_by_role("region", name="Documents that it concerns")
    await expect(concerned).to_contain_text("repaired by ada: ticket 17")

    [document] = await site.divergent("users")
    assert (document.state, document.who, document.why) == (
        DivergenceState.REPAIRED,
        "ada",
        "ticket 17",
    )


async def test_a_rule_is_declared_and_in_force_at_once_and_withdrawn_again(
    page: Page, site: Site
) -> None:
    await site.differ("accounts")
    namespace = f"{site.database}.accounts"
    divergent = page.get_by_role("region", name="Divergent documents")
    row = divergent.get_by_role("row").filter(has_text=namespace)
    await expect(row).to_contain_text(PATH, timeout=WITHIN_MS)

    await row.get_by_role("button", name="Declare a rule").click()
    does, apart = page.get_by_label("What it does"), page.get_by_label("Absolute")
    await expect(apart).to_be_hidden()
    await does.select_option(label="The order of an array, or of the answer, does not count")
    await expect(page.get_by_label("Kinds of change")).to_have_value("order")
    await does.select_option("tolerance")
    await apart.fill("a little")
    await page.get_by_label("Owner").fill("accounts@example.org")
    await page.get_by_label("Expires").fill("2099-01-31")
    await page.get_by_label("Who").fill("ada")
    await page.get_by_label("Why").fill('each side has its "own" name')
    await page.keyboard.press("Enter")
    said = page.locator("#act-said")
    await expect(said).to_contain_text("`absolute` is no number of at least 0")
    await assert_accessible(page)
    await does.select_option(index=0)
    await page.locator("#act-do").click()

    await expect(said).to_contain_text("is in force until 2099-01-31", timeout=WITHIN_MS)
    await expect(said).to_contain_text("equal now: 1", timeout=WITHIN_MS)
    await page.get_by_role("button", name="Close").click()
    plans = page.get_by_role("region", name="Slow on the gateway").locator("details")
    await expect(plans.filter(has_text="COLLSCAN, filter on n").first).to_contain_text(
        "PostgreSQL", timeout=WITHIN_MS
    )
    rules = page.get_by_role("region", name="Rules")
    hit = rules.get_by_role("row").filter(has_text=namespace).filter(has_text=f"ignore {PATH}")
    await expect(hit).to_contain_text("accounts@example.org", timeout=WITHIN_MS)
    await expect(hit).to_contain_text(f"ignore {PATH}; only value")
    assert [each.state for each in await site.divergent("accounts")] == [DivergenceState.RESOLVED]
    assert 'Declared by "ada"' in site.rules.read_text()

    await hit.get_by_role("button", name="Withdraw").focus()
    await page.keyboard.press("Enter")
    await expect(page.locator("#act-title")).to_have_text(re.compile(r"^Withdraw: .*-accounts-"))
    await expect(page.get_by_label("Owner")).to_be_hidden()
    await page.get_by_label("Who").fill("bob")
    await page.get_by_label("Why").fill("the names are the same again")
    await assert_accessible(page)
    await page.keyboard.press("Enter")
    await expect(said).to_contain_text("from here on it excuses nothing", timeout=WITHIN_MS)
    withdrawn = rules.get_by_role("row").filter(has_text="withdrawn by bob")
    await expect(withdrawn).to_contain_text("the names are the same again", timeout=WITHIN_MS)
    await expect(rules.get_by_role("button", name="Withdraw")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("heading", name="Rules")).to_be_focused()
    changes = rules.get_by_role("row").filter(has_text=namespace).filter(has_text="bob")
    await expect(changes.last).to_contain_text("withdrawn")
    await assert_accessible(page)
    async with AsyncMongoClient[dict[str, Any]](site.sidecar.uri) as through:
        await through[site.database]["accounts"].update_one({"_id": 1}, {"$inc": {"n": 1}})
    await expect(row).to_contain_text("open", timeout=WITHIN_MS)
