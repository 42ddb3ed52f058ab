"""The models of a whole application on one database."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bson.objectid import ObjectId

from adapters.database import Database
from adapters.entities.mongoose.models import read_models
from adapters.mongoose.librechat import LIBRECHAT_FUNCTIONS
from adapters.mongoose.making import Functions
from adapters.mongoose.model import Model
from adapters.mongoose.populating import Narrowing, whole
from adapters.mongoose.schema import ModelSchema, schema_of
from comparators.errors import UnsupportedError

Models = Mapping[str, Model]
LIBRECHAT: Final = Path(__file__).parents[2] / "config" / "models" / "librechat.json"
"""The models of LibreChat, exported from its package `@librechat/data-schemas`."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def models_of(
    exported: Path,
    database: Database,
    *,
    name: str,
    clock: Callable[[], int] = _now_ms,
    new_id: Callable[[], ObjectId] = ObjectId,
    functions: Mapping[str, Functions] = LIBRECHAT_FUNCTIONS,
    adapted: Callable[[ModelSchema], ModelSchema] = lambda schema: schema,
    narrowing: Narrowing = whole,
) -> Models:
    """Return the exported models by name, in the database called `name`; SettingsError for a file that is none.

    `functions` are counterparts of the application's functions, by model; those of LibreChat unless others are given. `adapted` changes
    a schema before it is used. `narrowing` says by which filter references are looked up.
    """
    models = _ModelsByName()
    for each in read_models(exported):
        models[each.model] = Model(
            adapted(schema_of(each)),
            database,
            name=name,
            models=models,
            clock=clock,
            new_id=new_id,
            functions=functions.get(each.model, {}),
            narrowing=narrowing,
        )
    return models


class _ModelsByName(dict[str, Model]):
    """Models by name: to ask for one that was not exported is an error of whoever exported."""

    def __missing__(self, name: str) -> Model:
        raise UnsupportedError(
            f"there is no model {name!r}", where="models", remedy="export that model too"
        )
