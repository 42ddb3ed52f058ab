"""A real Chromium, as the machine has it."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return Chromium's place; without one there is nothing to test with."""
    found = os.environ.get("CHROMIUM_BIN") or shutil.which("chromium")
    if found is None:
        pytest.skip("no Chromium: install the package `chromium`, or name one with CHROMIUM_BIN")
    return found


@pytest.fixture(scope="session")
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """Start it. Its sandbox needs privileges that a build machine may not give."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield launched
        await launched.close()
