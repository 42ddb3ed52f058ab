"""The pictures in the README: what the dashboard and the report look like, drawn by a real browser.

They are left in `build/pictures`; `docs/pictures` holds the copies that the README shows.
"""

from collections.abc import AsyncIterator
from math import inf
from pathlib import Path
from typing import Final

import pytest
from aiohttp.test_utils import BaseTestServer, TestServer
from playwright.async_api import Browser, Page, ViewportSize, expect

from dashboards.live.server import application
from dashboards.report import build_report, render_html
from proxy.ledger.read import Gates, read_report
from proxy.ledger.write import Ledger
from tests.browser.chat import record_chat

ROOT: Final = Path(__file__).parents[2]
PICTURES: Final = ROOT / "build" / "pictures"
SIZE: Final = ViewportSize(width=1180, height=1000)
GATES: Final = Gates(
    min_samples=100,
    min_duration_s=300,
    max_mismatch_rate=0.05,
    max_error_rate=0.05,
    max_timeout_rate=0.05,
    max_latency_ratio=3,
    max_sweep_age_s=inf,
)
MOST_BYTES: Final = 250_000


@pytest.fixture(scope="module")
async def ledger(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = f"sqlite:///{tmp_path_factory.mktemp('pictures') / 'ledger.db'}"
    opened = await Ledger.open(url)
    await record_chat(opened)
    await opened.close()
    return url


@pytest.fixture
async def server(ledger: str) -> AsyncIterator[BaseTestServer]:
    async with TestServer(application(ledger, gates=GATES)) as serving:
        yield serving


@pytest.fixture
async def page(server: BaseTestServer, browser: Browser) -> AsyncIterator[Page]:
    # Gone before the server, which waits for whoever still listens.
    opened = await browser.new_page(viewport=SIZE, color_scheme="light")
    yield opened
    await opened.close()


async def kept(page: Page, name: str) -> None:
    """Keep a picture of what the window shows, and demand one of its kind for the README."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    picture = await page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")
    copy = (ROOT / "docs" / "pictures" / f"{name}.png").read_bytes()

    assert len(picture) < MOST_BYTES
    assert _size_of(copy) == _size_of(picture), f"copy build/pictures/{name}.png anew"


def _size_of(png: bytes) -> bytes:
    """Return width and height as the header has them. Source: the PNG specification, 11.2.2."""
    assert png.startswith(b"\x89PNG")
    return png[16:24]


async def test_the_dashboard(server: BaseTestServer, page: Page) -> None:
    await page.goto(str(server.make_url("/")))
    await expect(page.get_by_role("status")).to_have_text("live")
    await expect(page.get_by_role("region", name="Gates")).to_contain_text("chat.messages")

    await kept(page, "dashboard")


async def test_the_report(ledger: str, page: Page, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(render_html(build_report(await read_report(ledger, gates=GATES))))

    await page.goto(file.as_uri())
    await page.evaluate("document.getElementById('mismatch').scrollIntoView()")

    await kept(page, "report")
