"""A Mongoose model as an entity map, in the notation of its file.

What a schema promises is what the application writes as a rule, so a value that breaks the promise only drifts.
Source: Mongoose documentation, "SchemaTypes"; MongoDB Node.js driver, "BSON Serialization".
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

from adapters.entities.checks import Place
from adapters.entities.entity import ColumnType, EntityMap, IdentityType
from adapters.entities.mongoose.models import Model, SchemaPath
from adapters.entities.mongoose.overlay import Overlay
from adapters.entities.naming import VERSION, column_of, table_of
from adapters.entities.notation import dotted, entity_from
from comparators.errors import SettingsError

TYPES: Final[Mapping[str, ColumnType]] = {
    "String": ColumnType.TEXT,
    "Number": ColumnType.DOUBLE,
    "Double": ColumnType.DOUBLE,
    "Int32": ColumnType.INTEGER,
    "BigInt": ColumnType.BIGINT,
    "Long": ColumnType.BIGINT,
    "Decimal128": ColumnType.NUMERIC,
    "Boolean": ColumnType.BOOLEAN,
    "Date": ColumnType.TIMESTAMPTZ,
    "ObjectId": ColumnType.OBJECTID,
    "ObjectID": ColumnType.OBJECTID,
    "Buffer": ColumnType.BYTEA,
    "UUID": ColumnType.UUID,
}
"""The types of single values; every other one is kept as jsonb, which holds anything."""

IDENTITIES: Final[Mapping[str, IdentityType]] = {
    "ObjectId": IdentityType.OBJECTID,
    "ObjectID": IdentityType.OBJECTID,
    "String": IdentityType.TEXT,
}
SUBDOCUMENT: Final = "Embedded"
MIXED: Final = "Mixed"
SAVED_LAST: Final = ("createdAt", "updatedAt", VERSION)
DROPPED_OPTIONS: Final = frozenset({"background"})
DEFAULTS: Final[Mapping[ColumnType, tuple[type, ...]]] = {
    ColumnType.TEXT: (str,),
    ColumnType.DOUBLE: (int, float),
    ColumnType.INTEGER: (int,),
    ColumnType.BIGINT: (int,),
    ColumnType.BOOLEAN: (bool,),
}


def entities_of(models: list[Model], overlays: Mapping[str, Overlay]) -> Iterator[EntityMap]:
    """Yield the maps of models; SettingsError for an overlay that fits none of them."""
    known = {model.collection for model in models}
    if unknown := sorted(overlays.keys() - known):
        raise SettingsError(
            f"no model has the collection {unknown[0]!r}",
            where=f"overlay: {unknown[0]}",
            remedy="correct the name, or delete its table from the overlay",
        )
    targets = {model.model: model for model in models}
    for model in models:
        yield _entity(model, overlays.get(model.collection, Overlay()), targets)


def place_of(model: Model) -> Place:
    """Return where the keys of a model's map come from, for errors."""
    return lambda key: f"the model {model.model} or its overlay: {dotted(key)}"


def _entity(model: Model, overlay: Overlay, targets: Mapping[str, Model]) -> EntityMap:
    columns: dict[str, dict[str, Any]] = {}
    for path in _kept(model, overlay):
        name = overlay.names.get(path.path) or _name(path, model, columns.keys(), targets)
        kind = overlay.types.get(path.path)
        columns[name] = {"path": path.path, "type": kind} if kind else _column(path, targets)
    columns |= {name: dict(column) for name, column in overlay.columns.items()}
    known = [str(each.get("path")) for each in (*columns.values(), *overlay.children.values())]
    for text in _unknown(model, known):
        added = SchemaPath(path=text, instance=MIXED)
        name = overlay.names.get(text) or _name(added, model, columns.keys(), targets)
        columns[name] = {"path": text, "type": "jsonb"}
    for name, target in overlay.references.items():
        columns.setdefault(name, {"path": name})["references"] = target
    data = {
        "collection": model.collection,
        "table": overlay.table or table_of(model.model, model.collection),
        "about": overlay.about,
        "id": {"type": IDENTITIES.get(str(model.identity), IdentityType.KEY).value},
        "columns": _at_the_end(columns),
        "children": {
            name: _child(child, model, overlay, targets) for name, child in overlay.children.items()
        },
        "indexes": [*_indexes(model), *overlay.indexes],
        "search": {name: dict(search) for name, search in overlay.search.items()},
    }
    return entity_from(data, place_of(model))


def _child(
    child: Mapping[str, Any], model: Model, overlay: Overlay, targets: Mapping[str, Model]
) -> dict[str, Any]:
    """Return a child table, with a column for each field of an element where the overlay lists none."""
    if "columns" in child:
        return dict(child)
    path = str(child.get("path"))
    elements = model.elements_at(path)
    columns: dict[str, dict[str, Any]] = {}
    # The name of the key of the parent is taken.
    taken = [str(child[name]) for name in ("parent", "position") if name in child]
    for each in _kept(elements, Overlay()):
        whole = f"{path}.{each.path}"
        named = {*columns, *taken}
        name = overlay.names.get(whole) or _name(each, elements, named, targets)
        kind = overlay.types.get(whole)
        columns[name] = {"path": each.path, "type": kind} if kind else _column(each, targets)
    return {**child, "columns": columns}


def _name(
    path: SchemaPath, model: Model, taken: AbstractSet[str], targets: Mapping[str, Model]
) -> str:
    target = targets.get(str(path.options.get("ref")))
    points = target is not None and TYPES.get(path.instance) is ColumnType.OBJECTID
    return column_of(path.path, model.model, taken, points=points)


def _kept(model: Model, overlay: Overlay) -> Iterator[SchemaPath]:
    """Yield the paths that become columns: single values, arrays, and subdocuments that are kept whole."""
    elsewhere = {
        str(each.get("path")) for each in (*overlay.columns.values(), *overlay.children.values())
    }
    opaque = {path.path for path in model.paths if path.instance not in {SUBDOCUMENT, *TYPES}}
    parents = {above for path in model.paths for above in _above(path.path)}
    seen: set[str] = set()
    for path in model.paths:
        above = list(_above(path.path))
        kept = next((text for text in (*above, path.path) if text in overlay.jsonb), None)
        if kept is not None:
            if kept not in seen:
                # A nested path has no entry of its own.
                yield SchemaPath(path=kept, instance=MIXED)
            seen.add(kept)
            continue
        inside = "[]" in path.path or "$*" in path.path or not opaque.isdisjoint(above)
        empty = path.instance != SUBDOCUMENT or path.path not in parents
        if (
            empty
            and not inside
            and path.path != "_id"
            and elsewhere.isdisjoint({*above, path.path})
        ):
            yield path


def _above(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[:length]) for length in range(1, len(parts)))


def _column(path: SchemaPath, targets: Mapping[str, Model]) -> dict[str, Any]:
    kind = TYPES.get((path.of or "") if path.instance == "Array" else path.instance)
    if path.path == VERSION:
        kind = ColumnType.INTEGER
    if kind is None:
        return {"path": path.path, "type": ColumnType.JSONB.value}
    array = "[]" if path.instance == "Array" else ""
    column: dict[str, Any] = {"path": path.path, "type": f"{_limited(kind, path)}{array}"}
    allowed = _allowed(path.limits) if kind is ColumnType.TEXT else []
    if allowed:
        column["allowed"] = allowed
    default = path.options.get("default")
    if not array and type(default) in DEFAULTS.get(kind, ()):
        column["default"] = default
    target = targets.get(str(path.options.get("ref")))
    if target is not None and not array and IDENTITIES.get(str(target.identity)) == kind.value:
        column["references"] = f"{target.collection}.id"
    return column


def _limited(kind: ColumnType, path: SchemaPath) -> str:
    longest = path.limits.get("maxlength")
    if isinstance(longest, list):
        # With a message for those who exceed it.
        longest = longest[0]
    if kind is ColumnType.TEXT and type(longest) is int and longest > 0:
        return f"varchar({longest})"
    return kind.value


def _allowed(limits: Mapping[str, Any]) -> list[str]:
    values = limits.get("enum")
    if isinstance(values, Mapping):
        values = values.get("values")
    return [value for value in values or () if isinstance(value, str)]


def _indexes(model: Model) -> Iterator[dict[str, Any]]:
    for index in model.indexes:
        options = {
            name: value for name, value in index.options.items() if name not in DROPPED_OPTIONS
        }
        if dict(index.keys) != {"_id": 1}:
            yield {"key": dict(index.keys), **options}


def _unknown(model: Model, paths: list[str]) -> Iterator[str]:
    """Yield what an index finds by and the schema does not name: plugins add such fields."""
    for text in sorted(model.index_paths - {"_id"}):
        if not any(_overlap(text, path) for path in paths):
            yield text


def _overlap(one: str, other: str) -> bool:
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _at_the_end(columns: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Move what Mongoose adds when it saves behind all other columns, where it stands in documents."""
    names = {str(column.get("path")): name for name, column in columns.items()}
    last = [names[path] for path in SAVED_LAST if path in names]
    ordered = [name for name in columns if name not in last] + last
    return {name: columns[name] for name in ordered}
