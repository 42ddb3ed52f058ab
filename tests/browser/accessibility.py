"""Deque's checker of accessibility, put into a page."""

from pathlib import Path

from playwright.async_api import Page

AXE = Path(__file__).parents[1] / "e2e" / "node" / "node_modules" / "axe-core" / "axe.min.js"


async def assert_accessible(page: Page) -> None:
    # The page's own rules let no text run; the checker is put in beside them.
    await page.evaluate(f"() => {{ {AXE.read_text()} }}")
    found = await page.evaluate("() => axe.run({ resultTypes: ['violations'] })")

    violations = [
        f"{each['id']}: {each['help']}: {each['nodes'][0]['html']}" for each in found["violations"]
    ]
    assert found["passes"], "the checker looked at nothing"
    assert not violations
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        "wider than its window"
    )
