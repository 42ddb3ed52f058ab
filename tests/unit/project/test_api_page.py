"""docs/api.md tells every problem and every route."""

import re
from pathlib import Path

from proxy.http.problems import PROBLEMS
from proxy.http.routes import ROUTES

PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()


def test_the_page_has_every_code_with_its_status() -> None:
    table = PAGE.split("## Problems\n")[1]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", table, re.MULTILINE)

    assert rows == [
        (code.value, str(problem.status.value), problem.title) for code, problem in PROBLEMS.items()
    ]


def test_the_page_has_every_route_with_its_scope() -> None:
    rows = re.findall(r"^\| `([A-Z]+ /v1\S+)` \| .+ \| (\w+) \|$", PAGE, re.MULTILINE)

    assert set(rows) == {(f"{route.method} {route.path}", route.scope) for route in ROUTES}
