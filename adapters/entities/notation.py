"""How a map is written down: one notation for its TOML file and for its JSON in the catalog.

Columns, children and search columns stand under their names, in order. A type is written as in SQL: `text`,
`varchar(64)`, `text[]`. Values in the options of an index are those of MongoDB's extended JSON.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from bson import json_util
from bson.codec_options import DatetimeConversion
from pydantic import BaseModel, ConfigDict, ValidationError

from adapters.entities.checks import Key, Place, check_entity
from adapters.entities.entity import (
    PARENT,
    POSITION,
    Child,
    Column,
    ColumnType,
    EntityIndex,
    EntityMap,
    FullText,
    Identity,
    IdentityType,
    Reference,
)
from adapters.query.paths import split_path
from comparators.errors import SettingsError

TYPE: Final = re.compile(r"(?P<name>[a-z]+)(?:\((?P<length>[1-9]\d*)\))?(?P<array>\[\])?")
TYPE_REMEDY: Final = f"write one of {', '.join(ColumnType)}; varchar(64); or an array as text[]"
JSON: Final = json_util.RELAXED_JSON_OPTIONS.with_options(
    datetime_conversion=DatetimeConversion.DATETIME_MS
)


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Identity(_Written):
    type: str
    name: str = "id"


class _Column(_Written):
    path: str
    type: str
    allowed: list[str] = []
    default: str | int | float | bool | None = None
    references: str | None = None
    enforced: bool = False


class _Child(_Written):
    path: str
    parent: str = PARENT
    position: str = POSITION
    columns: dict[str, _Column]


class _Index(_Written):
    key: dict[str, Any]
    name: str | None = None
    unique: bool | None = None
    sparse: bool | None = None
    hidden: bool | None = None
    partialFilterExpression: dict[str, Any] | None = None  # noqa: N815 - MongoDB's names
    expireAfterSeconds: int | None = None  # noqa: N815
    collation: dict[str, Any] | None = None
    weights: dict[str, Any] | None = None
    default_language: str | None = None
    language_override: str | None = None
    wildcardProjection: dict[str, Any] | None = None  # noqa: N815


class _FullText(_Written):
    weights: dict[str, str]
    language: str = "simple"


class _Map(_Written):
    collection: str
    table: str
    id: _Identity
    about: str = ""
    columns: dict[str, _Column] = {}
    children: dict[str, _Child] = {}
    indexes: list[_Index] = []
    search: dict[str, _FullText] = {}
    generation: int = 0


def entity_from(data: Mapping[str, Any], place: Place) -> EntityMap:
    """Return the map that is written so; SettingsError that tells the place of what is wrong."""
    try:
        read = _Map.model_validate(data)
    except ValidationError as wrong:
        raise _explained(wrong, place) from None
    entity = EntityMap(
        collection=read.collection,
        table=read.table,
        identity=Identity(type=_identity_type(read.id.type, place), name=read.id.name),
        columns=_columns(read.columns, ("columns",), place),
        children=tuple(
            Child(
                table=table,
                path=split_path(child.path),
                parent=child.parent,
                position=child.position,
                columns=_columns(child.columns, ("children", table, "columns"), place),
            )
            for table, child in read.children.items()
        ),
        indexes=tuple(_index(index) for index in read.indexes),
        full_text=tuple(
            FullText(name=name, language=search.language, weights=search.weights)
            for name, search in read.search.items()
        ),
        about=read.about,
        generation=read.generation,
    )
    check_entity(entity, place)
    return entity


def written(entity: EntityMap) -> dict[str, Any]:
    """Return a map as it is written down; what has its usual value is left out."""
    identity: dict[str, Any] = {"type": entity.identity.type.value}
    if entity.identity.name != "id":
        identity["name"] = entity.identity.name
    parts: dict[str, Any] = {
        "collection": entity.collection,
        "table": entity.table,
        "about": entity.about,
        "id": identity,
        "columns": _written_columns(entity.columns),
        "children": {child.table: _written_child(child) for child in entity.children},
        "indexes": [_written_index(index) for index in entity.indexes],
        "search": {
            search.name: {"language": search.language, "weights": dict(search.weights)}
            for search in entity.full_text
        },
        "generation": entity.generation,
    }
    return {name: part for name, part in parts.items() if part}


def text_of(entity: EntityMap) -> str:
    """Return a map as JSON. The order of the keys has a meaning: `jsonb` would lose it."""
    return json.dumps(written(entity), ensure_ascii=False, separators=(",", ":"))


def entity_of(text: str) -> EntityMap:
    """Return the map that `text_of` wrote."""
    return entity_from(
        json.loads(text), lambda key: f"the map in parallax.collections: {dotted(key)}"
    )


def type_of(column: Column) -> str:
    """Return the type of a column as it is written."""
    length = "" if column.length is None else f"({column.length})"
    return f"{column.type}{length}{'[]' if column.array else ''}"


def usual_index_name(key: Mapping[str, Any]) -> str:
    """Return the name that drivers give to an index."""
    return "_".join(f"{path}_{direction}" for path, direction in key.items())


def dotted(key: Key) -> str:
    """Return a key as a person would write it: `indexes[2].key`."""
    text = "".join(f"[{part + 1}]" if isinstance(part, int) else f".{part}" for part in key)
    return text.removeprefix(".")


def _identity_type(text: str, place: Place) -> IdentityType:
    try:
        return IdentityType(text)
    except ValueError:
        raise SettingsError(
            f"there is no primary key of type {text!r}",
            where=place(("id", "type")),
            remedy=f"write one of {', '.join(IdentityType)}; `key` holds any _id",
        ) from None


def _columns(
    columns: Mapping[str, _Column], above: tuple[str, ...], place: Place
) -> tuple[Column, ...]:
    return tuple(_column(name, column, (*above, name), place) for name, column in columns.items())


def _column(name: str, column: _Column, key: Key, place: Place) -> Column:
    found = TYPE.fullmatch(column.type)
    if found is None or found["name"] not in set(ColumnType):
        raise SettingsError(
            f"there is no type {column.type!r} for a column",
            where=place((*key, "type")),
            remedy=TYPE_REMEDY,
        )
    return Column(
        name=name,
        path=split_path(column.path),
        type=ColumnType(found["name"]),
        array=found["array"] is not None,
        length=None if found["length"] is None else int(found["length"]),
        allowed=tuple(column.allowed),
        default=column.default,
        reference=_reference(column, key, place),
    )


def _reference(column: _Column, key: Key, place: Place) -> Reference | None:
    if column.references is None:
        return None
    collection, dot, target = column.references.rpartition(".")
    if not dot or not collection or not target:
        raise SettingsError(
            f"{column.references!r} does not name a column",
            where=place((*key, "references")),
            remedy="write the collection, a dot and the column, as in users.id",
        )
    return Reference(collection=collection, column=target, enforced=column.enforced)


def _index(index: _Index) -> EntityIndex:
    options = index.model_dump(exclude={"name"}, exclude_none=True)
    specification = json_util.loads(json.dumps(options), json_options=JSON)
    return EntityIndex(name=index.name or usual_index_name(index.key), specification=specification)


def _written_columns(columns: Sequence[Column]) -> dict[str, Any]:
    return {column.name: _written_column(column) for column in columns}


def _written_child(child: Child) -> dict[str, Any]:
    parts: dict[str, Any] = {"path": ".".join(child.path)}
    if child.parent != PARENT:
        parts["parent"] = child.parent
    if child.position != POSITION:
        parts["position"] = child.position
    return {**parts, "columns": _written_columns(child.columns)}


def _written_column(column: Column) -> dict[str, Any]:
    parts: dict[str, Any] = {"path": ".".join(column.path), "type": type_of(column)}
    if column.allowed:
        parts["allowed"] = list(column.allowed)
    if column.default is not None:
        parts["default"] = column.default
    if column.reference is not None:
        parts["references"] = f"{column.reference.collection}.{column.reference.column}"
        if column.reference.enforced:
            parts["enforced"] = True
    return parts


def _written_index(index: EntityIndex) -> dict[str, Any]:
    options = json.loads(json_util.dumps(index.specification, json_options=JSON))
    name = {} if index.name == usual_index_name(options["key"]) else {"name": index.name}
    return {"key": options.pop("key"), **name, **options}


def _explained(wrong: ValidationError, place: Place) -> SettingsError:
    complaint = wrong.errors(include_url=False, include_input=False)[0]
    key: Key = complaint["loc"]
    if complaint["type"] == "extra_forbidden":
        return SettingsError(
            f"a map has no key `{dotted(key)}`",
            where=place(key),
            remedy="correct its name or delete it; docs/entities.md lists the keys",
        )
    if complaint["type"] == "missing":
        return SettingsError(
            f"`{dotted(key)}` is missing",
            where=place(key[:-1]),
            remedy="add it; docs/entities.md tells what may stand there",
        )
    return SettingsError(
        f"`{dotted(key)}`: {complaint['msg']}",
        where=place(key),
        remedy="docs/entities.md tells what may stand there",
    )
