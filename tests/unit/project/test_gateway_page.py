"""The page on repositories names what is there, and each specialised repository with all its methods."""

import importlib
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest

import adapters
from adapters.mongoose.model import Model
from adapters.mongoose.models import LIBRECHAT, models_of
from adapters.repositories.naming import SPECIALISED, repository_names

PAGE = (Path(__file__).parents[3] / "docs" / "gateway.md").read_text()
SECTION = PAGE.split("## The seeds' interfaces\n")[1]
ROWS = [line.strip("| ").split(" | ") for line in SECTION.splitlines() if line.startswith("| ")]
OURS = tuple(
    f"adapters.{name}"
    for name in (
        *("repositories", "mongodb.database", "postgresql.database"),
        *("registry", "connection", "adapter", "composing", "recommending"),
        *("search", "caching", "redis"),
    )
)
NAME = re.compile(r"`([A-Za-z_.]+)`")


def _known() -> dict[str, Any]:
    known: dict[str, Any] = {}
    for module in pkgutil.walk_packages(adapters.__path__, "adapters."):
        if module.name.startswith(OURS):
            known |= vars(importlib.import_module(module.name))
    return known


KNOWN = _known()
NAMED = sorted({name for row in ROWS for name in NAME.findall(row[-1])})


@pytest.mark.parametrize("name", NAMED)
def test_what_the_page_names_is_there(name: str) -> None:
    owner, _, member = name.partition(".")

    assert owner in KNOWN
    assert not member or callable(getattr(KNOWN[owner], member))


def test_every_specialised_method_is_on_the_page() -> None:
    methods = {
        f"{kind.__name__}.{name}"
        for kind in SPECIALISED
        for name, member in vars(kind).items()
        if callable(member) and not name.startswith("_")
    }

    assert methods - set(NAMED) == set()


def test_every_entity_of_the_seeds_has_its_repository() -> None:
    database: Any = None
    models: dict[str, Model] = dict(models_of(LIBRECHAT, database, name="chat"))
    names = repository_names(models)

    told = {
        NAME.findall(row[1])[0]: NAME.findall(row[2])[0]
        for row in ROWS
        if len(row) == 3 and "`" in row[1]
    }

    assert len(told) == len(SPECIALISED) == 25
    for name, method in told.items():
        assert names[name][1].__name__ == method.partition(".")[0]
