"""The names under which repositories are found."""

import re
from collections.abc import Mapping
from typing import Final

from adapters.mongoose.model import Model
from adapters.repositories.repository import Repository

SPECIALISED: Final[tuple[type[Repository], ...]] = ()
SHORT: Final[Mapping[str, str]] = {"ChatProject": "project", "AgentCategory": "category"}
"""What the seeds call an entity where its model has another name."""
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

Named = Mapping[str, tuple[str, type[Repository]]]


def repository_names(models: Mapping[str, Model]) -> Named:
    """Return the model and the kind of repository for each name: of the model, in small letters, of the collection."""
    kinds = {kind.entity: kind for kind in SPECIALISED}
    named: dict[str, tuple[str, type[Repository]]] = {}
    for name, model in models.items():
        found = name, kinds.get(name, Repository)
        for alias in (model.schema.collection, snake(name), SHORT.get(name, name), name):
            named.setdefault(alias, found)
    return named


def snake(name: str) -> str:
    """Return a name of a model in small letters: `PromptGroup` as `prompt_group`."""
    return _CAPITAL.sub("_", name).lower()
