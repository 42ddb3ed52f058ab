"""The models of a Mongoose application, as exported to JSON.

`{"models": [{"model", "collection", "_id", "paths": [{"path", "instance", "options", "of"?}], "indexes": [{"keys", "options"}]}]}`:
what `model.schema.paths` and `model.schema.indexes()` tell. `[]` in a path stands for the elements of an array, `$*`
for the values of a map. Source: Mongoose documentation, "Schema.prototype.paths", "SchemaTypes".
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from comparators.errors import SettingsError


class _Exported(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SchemaOptions(_Exported):
    """The options of a schema that decide what is stored; Mongoose's defaults where an export does not tell."""

    timestamps: bool | Mapping[str, Any] = False
    version_key: str | bool = Field(default="__v", alias="versionKey")
    strict: bool | str = True
    minimize: bool = True


class SchemaPath(_Exported):
    """A path with the name of its Mongoose type; `of` is that of the elements of an array.

    `inner` are the options of the schema of a subdocument, or of the elements of an array of them.
    """

    path: str
    instance: str
    options: Mapping[str, Any] = {}
    of: str | None = None
    of_options: Mapping[str, Any] = Field(default={}, alias="ofOptions")
    inner: SchemaOptions = Field(default=SchemaOptions(), alias="schema")

    @property
    def limits(self) -> Mapping[str, Any]:
        """The options that limit a single value."""
        return self.of_options if self.instance == "Array" else self.options


class SchemaIndex(_Exported):
    """An index as declared."""

    keys: Mapping[str, Any]
    options: Mapping[str, Any] = {}


class Model(SchemaOptions):
    """A model with its paths in the order of the schema.

    A discriminator has a `base` and the value that its documents have at the base's key.
    """

    model: str
    collection: str
    identity: str | bool = Field(default="ObjectId", alias="_id")
    optimistic_concurrency: bool | list[str] = Field(default=False, alias="optimisticConcurrency")
    discriminator_key: str | None = Field(default=None, alias="discriminatorKey")
    discriminator_value: str | None = Field(default=None, alias="discriminatorValue")
    base: str | None = None
    paths: list[SchemaPath]
    indexes: list[SchemaIndex] = []

    def elements_at(self, path: str) -> "Model":
        """Return what the elements of an array are made of; its name is that of the field, in the singular."""
        inside = f"{path}[]."
        field = path.rsplit(".", maxsplit=1)[-1]
        return Model(
            model=field.removesuffix("s"),
            collection=self.collection,
            paths=[
                each.model_copy(update={"path": each.path.removeprefix(inside)})
                for each in self.paths
                if each.path.startswith(inside)
            ],
        )

    @property
    def index_paths(self) -> frozenset[str]:
        """Every path that an index finds by."""
        return frozenset(path for index in self.indexes for path in index.keys)


class _Export(_Exported):
    models: list[Model]


def read_models(path: Path) -> list[Model]:
    """Return the models of an export; SettingsError for a file that is none."""
    try:
        return _Export.model_validate(json.loads(path.read_text(encoding="utf-8"))).models
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, ValidationError) as wrong:
        raise SettingsError(
            f"the models cannot be read: {type(wrong).__name__}",
            where=str(path),
            remedy="give the JSON that docs/entities.md describes under `from-mongoose`",
        ) from wrong
