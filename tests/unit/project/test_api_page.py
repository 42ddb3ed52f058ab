"""docs/api.md tells every problem and every route."""

import re
from pathlib import Path

from adapters.repositories.naming import SPECIALISED
from proxy.http.methods import method_routes
from proxy.http.openapi import TYPED, document
from proxy.http.problems import PROBLEMS
from proxy.http.routes import ROUTES
from proxy.http.tokens import Scope

METHODS = [route for kind in SPECIALISED for route in method_routes(kind.entity, kind)]
PAGE = (Path(__file__).parents[3] / "docs" / "api.md").read_text()


def test_the_page_has_every_code_with_its_status() -> None:
    table = PAGE.split("## Problems\n")[1]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", table, re.MULTILINE)

    assert rows == [
        (code.value, str(problem.status.value), problem.title) for code, problem in PROBLEMS.items()
    ]


def test_the_page_has_every_route_with_its_scope() -> None:
    rows = re.findall(r"^\| `([A-Z]+ /v1\S+)` \| .+ \| (\w+) \|$", PAGE, re.MULTILINE)

    told = {(f"{route.method} {route.path}", route.scope) for route in ROUTES}
    assert set(rows) == told | {("POST /v1/{entity}/methods/{method}", Scope.READ)}


def test_the_page_has_every_method_with_its_scope() -> None:
    table = PAGE.split("## Methods\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (.*) \| (.*) \| (.*) \|$", table, re.MULTILINE)
    told = {
        (entity, name, scope)
        for entity, *columns in rows
        for scope, column in zip(Scope, columns, strict=True)
        for name in re.findall(r"`(\w+)`", column)
    }

    assert told == {(route.entity, route.path.rpartition("/")[2], route.scope) for route in METHODS}


def test_the_openapi_document_has_every_route_and_no_other() -> None:
    told = document(["Message"], methods=METHODS, schemas={}, version="1")

    assert {
        (method.upper(), path)
        for path, operations in told["paths"].items()
        for method in operations
    } == {
        (
            route.method,
            route.path.replace("{entity}", "Message" if route.name in TYPED else "{entity}"),
        )
        for route in (*ROUTES, *METHODS)
    }
    names = [each["operationId"] for path in told["paths"].values() for each in path.values()]
    assert len(names) == len(set(names))
