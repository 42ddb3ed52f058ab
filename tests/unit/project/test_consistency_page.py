"""Each statement of docs/consistency.md names tests, and these exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "consistency.md").read_text()
STATEMENTS = [
    " ".join(item.split()) for item in re.findall(r"^\* (.*(?:\n  .*)*)", PAGE, re.MULTILINE)
]
NAMED = sorted(set(re.findall(r"`(tests/\S+\.py)::(test_\w+)`", PAGE)))


def functions_of(file: str) -> set[str]:
    """Return the functions and methods of a file."""
    tree = ast.parse((ROOT / file).read_text())
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


@pytest.mark.parametrize("statement", STATEMENTS)
def test_each_statement_ends_with_its_tests(statement: str) -> None:
    assert re.search(r"\((?:`tests/\S+\.py::test_\w+`(?:, )?)+\)$", statement)


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_each_named_test_exists(file: str, test: str) -> None:
    assert test in functions_of(file)


def test_there_are_statements_of_every_phase() -> None:
    assert len(STATEMENTS) > 20
    assert {"`shadow`", "`dual`", "`canary` and `gateway`", "`cutover`"} <= set(
        re.findall(r"^## (.*)$", PAGE, re.MULTILINE)
    )
