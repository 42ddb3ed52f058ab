"""The pages that are files, in a real browser: the report and the benchmark."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser

from dashboards.bench.page import render_bench
from dashboards.report import build_report, render_html
from proxy.ledger.read import read_report
from proxy.ledger.write import Ledger
from tests.browser.accessibility import assert_accessible
from tests.browser.chat import record_chat
from tests.unit.proxy.cli.bench.test_shown import page as bench_page
from tests.unit.proxy.jobs.bench.runs import run_of


@pytest.fixture(scope="module")
async def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    directory = tmp_path_factory.mktemp("files")
    url = f"sqlite:///{directory / 'ledger.db'}"
    ledger = await Ledger.open(url)
    await record_chat(ledger)
    await ledger.close()
    report, bench = directory / "report.html", directory / "bench.html"
    report.write_text(render_html(build_report(await read_report(url), signers=["Ada"])))
    bench.write_text(render_bench(bench_page(run_of(1), run_of(2))))
    return [report, bench]


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
async def test_report_and_benchmark_are_accessible(
    scheme: Literal["light", "dark"], width: int, files: list[Path], browser: Browser
) -> None:
    page = await browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    for file in files:
        await page.goto(file.as_uri())
        await assert_accessible(page)
    await page.close()
