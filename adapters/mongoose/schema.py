"""The schema of a model as a tree, made from the flat paths of an export.

Source: Mongoose documentation, "Schemas", "SchemaTypes", "SubDocuments".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bson import json_util
from bson.codec_options import DatetimeConversion

from adapters.entities.mongoose.models import Model, SchemaOptions, SchemaPath

CREATED: Final = "createdAt"
UPDATED: Final = "updatedAt"
ELEMENTS: Final = "[]"
MAP_VALUES: Final = ".$*"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SchemaType:
    """What a path holds: `instance` is Mongoose's name of its type.

    `inner` is the schema of a subdocument, or of the elements of an array of them; `element` the type of the elements of
    any other array, or of the values of a map. Two are never equal, as with `Schema`.
    """

    path: str
    instance: str
    options: Mapping[str, Any]
    inner: "Schema | None" = None
    element: "SchemaType | None" = None

    @property
    def documents(self) -> "Schema":
        """Return the schema of the subdocuments at the path, where it holds some."""
        if self.inner is None:
            raise TypeError(f"{self.path} holds no subdocuments")
        return self.inner

    @property
    def values(self) -> "SchemaType":
        """Return the type of the elements or values at the path, where it holds some."""
        if self.element is None:
            raise TypeError(f"{self.path} holds no single values")
        return self.element


@dataclass(frozen=True, slots=True, kw_only=True)
class Timestamps:
    """The paths that hold when a document was made and changed; None where one is not kept."""

    created: str | None
    updated: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Schema:
    """The types of a schema by path, in its order; `nested` are the paths that only hold others.

    Two are never equal, so that what is worked out of one is kept beside it (`functools.cache`).
    """

    types: Mapping[str, SchemaType]
    nested: Mapping[str, None]
    strict: bool | str = True
    minimize: bool = True
    timestamps: Timestamps = Timestamps(created=None, updated=None)
    version_key: str | None = "__v"

    def find(self, path: str) -> tuple[SchemaType | None, str]:
        """Return the type at a path, and what is left of the path below it.

        Numbers stand for elements of arrays; the type is None where the schema does not know the path.
        """
        parts = path.split(".")
        for length in range(len(parts), 0, -1):
            known = self.types.get(".".join(parts[:length]))
            if known is not None:
                return known, ".".join(parts[length:])
        return None, path


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSchema:
    """The schema of a model, and where its documents are."""

    name: str
    collection: str
    schema: Schema
    optimistic_concurrency: bool | tuple[str, ...] = False
    discriminator: tuple[str, str] | None = None
    """The key and value that tell a discriminator's documents from those of its base."""
    base: str | None = None
    indexes: tuple[Mapping[str, Any], ...] = field(default=())


def schema_of(model: Model) -> ModelSchema:
    """Return the schema of an exported model."""
    key, value = model.discriminator_key, model.discriminator_value
    concurrency = model.optimistic_concurrency
    return ModelSchema(
        name=model.model,
        collection=model.collection,
        schema=_schema(model.paths, model),
        optimistic_concurrency=tuple(concurrency) if isinstance(concurrency, list) else concurrency,
        discriminator=(key, value) if key is not None and value is not None else None,
        base=model.base,
        indexes=tuple({"key": dict(each.keys), **each.options} for each in model.indexes),
    )


def _schema(paths: list[SchemaPath], options: SchemaOptions) -> Schema:
    types = {path.path: _type(path, paths) for path in _own(paths)}
    key = options.version_key
    return Schema(
        types=types,
        nested={above: None for path in types for above in _above(path)},
        strict=options.strict,
        minimize=options.minimize,
        timestamps=_timestamps(options.timestamps),
        version_key="__v" if key is True else key or None,
    )


def _own(paths: list[SchemaPath]) -> Iterator[SchemaPath]:
    """Yield the paths of a schema itself, without those inside its subdocuments, arrays and maps."""
    holders = {path.path for path in paths if path.instance in {"Embedded", "Map"}}
    for path in paths:
        inside = ELEMENTS in path.path or MAP_VALUES in path.path
        if not inside and holders.isdisjoint(_above(path.path)):
            yield path


def _above(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def _type(path: SchemaPath, paths: list[SchemaPath]) -> SchemaType:
    inner: Schema | None = None
    element: SchemaType | None = None
    if path.instance == "Embedded":
        inner = _schema(_below(paths, f"{path.path}."), path.inner)
    elif path.of == "Subdocument":
        inner = _schema(_below(paths, f"{path.path}{ELEMENTS}."), path.inner)
    elif path.instance == "Map":
        element = _declared(paths, f"{path.path}{MAP_VALUES}")
    elif path.instance in {"Array", "DocumentArray"}:
        element = _declared(paths, f"{path.path}{ELEMENTS}") or SchemaType(
            path="",
            instance=path.of or "Mixed",
            options={name: _native(value) for name, value in path.of_options.items()},
        )
    return SchemaType(
        path=path.path,
        instance="DocumentArray" if path.of == "Subdocument" else path.instance,
        options={name: _native(value) for name, value in path.options.items()},
        inner=inner,
        element=element,
    )


def _native(value: Any) -> Any:
    """Return an option with its Extended JSON as values; patterns stay as they are."""
    match value:
        case {"$date": str()} | {"$oid": str()}:
            return json_util.object_hook(value, _DATES)
        case dict():
            return {name: _native(item) for name, item in value.items()}
        case list():
            return [_native(item) for item in value]
        case _:
            return value


_DATES: Final = json_util.JSONOptions(datetime_conversion=DatetimeConversion.DATETIME_MS)


def _below(paths: list[SchemaPath], prefix: str) -> list[SchemaPath]:
    return [
        each.model_copy(update={"path": each.path.removeprefix(prefix)})
        for each in paths
        if each.path.startswith(prefix)
    ]


def _declared(paths: list[SchemaPath], name: str) -> SchemaType | None:
    """Return the type of the elements of an array, or of the values of a map, that has a path of its own."""
    found = next((each for each in paths if each.path == name), None)
    return None if found is None else _type(found, paths)


def _timestamps(option: bool | Mapping[str, Any]) -> Timestamps:
    if isinstance(option, Mapping):
        return Timestamps(
            created=_stamp(option.get(CREATED), CREATED),
            updated=_stamp(option.get(UPDATED), UPDATED),
        )
    return Timestamps(created=CREATED, updated=UPDATED) if option else _NONE


def _stamp(option: Any, name: str) -> str | None:
    if option is None or option is True:
        return name
    return str(option) if option else None


_NONE: Final = Timestamps(created=None, updated=None)
