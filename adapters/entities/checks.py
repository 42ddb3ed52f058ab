"""What a map must keep to before a table is made from it.

Each complaint names the key; whoever read the map knows the file and the line.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.entities.entity import (
    ID_PATH,
    TECHNICAL_COLUMNS,
    Child,
    Column,
    ColumnType,
    EntityMap,
    FullText,
)
from adapters.query.paths import Path
from adapters.sql.names import LONGEST_NAME
from comparators.errors import SettingsError

Key = tuple[str | int, ...]
"""The keys from the top of a written map down to a value; whole numbers count the elements of a list."""

Place = Callable[[Key], str]
"""Tells the reader where a key stands."""

SYSTEM_COLUMNS: Final = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})
"""Every table has them already. Source: PostgreSQL manual, "System Columns"."""

UNFIT_TABLE: Final = re.compile(r"^pg_|_seq\d*$")
TEXTS: Final = frozenset({ColumnType.TEXT, ColumnType.VARCHAR})
DEFAULTS: Final[Mapping[ColumnType, tuple[type, ...]]] = {
    ColumnType.TEXT: (str,),
    ColumnType.VARCHAR: (str,),
    ColumnType.INTEGER: (int,),
    ColumnType.BIGINT: (int,),
    ColumnType.DOUBLE: (int, float),
    ColumnType.NUMERIC: (int, float),
    ColumnType.BOOLEAN: (bool,),
}
"""The types of column that may have a default, and of which Python type it is."""

LAYOUT: Final = re.compile(r"_layout(_\d+)?")
WEIGHTS: Final = frozenset("ABCD")
LANGUAGE: Final = re.compile(r"[a-z_]+(\.[a-z_]+)?")
WILDCARD: Final = "$**"


def check_entity(entity: EntityMap, place: Place) -> None:
    """Raise SettingsError for what is wrong within one map."""
    if not entity.collection:
        raise SettingsError(
            "a map needs a collection",
            where=place(("collection",)),
            remedy="write the name of the collection in MongoDB",
        )
    _check_table(entity.table, ("table",), place)
    _check_names(_names_of(entity), (*SYSTEM_COLUMNS, *TECHNICAL_COLUMNS), place)
    _check_columns(entity.columns, ("columns",), place)
    _check_paths(_paths_of(entity), place)
    for child in entity.children:
        _check_child(child, place)
    for search in entity.full_text:
        _check_full_text(search, entity, place)
    _check_indexes(entity, place)


def check_profile(entities: Mapping[str, EntityMap], places: Mapping[str, Place]) -> None:
    """Raise SettingsError for what is wrong between the maps of a profile; `places` by collection."""
    owners: dict[str, str] = {}
    for entity in entities.values():
        place = places[entity.collection]
        tables: list[tuple[str, Key]] = [(entity.table, ("table",))]
        tables += [(child.table, ("children", child.table)) for child in entity.children]
        for table, key in tables:
            if table in owners:
                raise SettingsError(
                    f"table {table!r} already belongs to the collection {owners[table]!r}",
                    where=place(key),
                    remedy="name another table: each belongs to one map",
                )
            owners[table] = entity.collection
        _check_references(entity, entities, place)


def _check_table(name: str, key: Key, place: Place) -> None:
    _check_name(name, key, place)
    if UNFIT_TABLE.search(name):
        raise SettingsError(
            f"a table must not be called {name!r}",
            where=place(key),
            remedy="names that begin with pg_ or end with _seq are PostgreSQL's own",
        )


def _check_name(name: str, key: Key, place: Place) -> None:
    if not name or "\0" in name or "~" in name or len(name.encode()) > LONGEST_NAME:
        raise SettingsError(
            f"{name!r} cannot be the name of a table or column",
            where=place(key),
            remedy=f"use 1 to {LONGEST_NAME} bytes, without ~, which marks tables of Parallax",
        )


def _names_of(entity: EntityMap) -> Iterator[tuple[str, Key]]:
    yield entity.identity.name, ("id",)
    yield from ((column.name, ("columns", column.name)) for column in entity.columns)
    yield from ((search.name, ("search", search.name)) for search in entity.full_text)
    # `_nulls` and `_drift` tell of columns and of child tables by their names.
    yield from ((child.table, ("children", child.table)) for child in entity.children)


def _check_names(names: Iterable[tuple[str, Key]], reserved: Sequence[str], place: Place) -> None:
    seen: set[str] = set()
    for name, key in names:
        _check_name(name, key, place)
        if name in reserved or LAYOUT.fullmatch(name):
            raise SettingsError(
                f"a column must not be called {name!r}",
                where=place(key),
                remedy="choose another name: every table has a column of this one already",
            )
        if name in seen:
            raise SettingsError(
                f"two columns are called {name!r}",
                where=place(key),
                remedy="give one of them another name",
            )
        seen.add(name)


def _check_columns(columns: Sequence[Column], above: Key, place: Place) -> None:
    for column in columns:
        wrong = _wrong_with(column)
        if wrong is not None:
            key, what, remedy = wrong
            raise SettingsError(what, where=place((*above, column.name, key)), remedy=remedy)


def _wrong_with(column: Column) -> tuple[str, str, str] | None:
    """Return the key, what is wrong and what to do, None where all is well."""
    if (column.length is not None) is not (column.type is ColumnType.VARCHAR):
        return "type", f"{column.type} with or without length", "varchar has a length, no other"
    if column.array and column.type is ColumnType.JSONB:
        return "type", "jsonb[] is not a type of column", "write jsonb: it holds arrays itself"
    if column.allowed and column.type not in TEXTS:
        return "allowed", f"a column of {column.type} cannot list texts", "delete `allowed`"
    if any("\0" in text for text in column.allowed):
        return "allowed", "PostgreSQL cannot hold U+0000", "leave the text out: it will drift"
    if column.default is not None:
        fitting = () if column.array else DEFAULTS.get(column.type, ())
        if type(column.default) not in fitting:
            remedy = "delete it: only those who insert by SQL would get it"
            return "default", f"{column.type} cannot have this default", remedy
        if column.allowed and column.default not in column.allowed:
            return "default", "the default is not allowed", "add it to `allowed`, or delete it"
    return None


def _paths_of(entity: EntityMap) -> Iterator[tuple[Path, Key]]:
    yield ID_PATH, ("id",)
    yield from ((column.path, ("columns", column.name, "path")) for column in entity.columns)
    yield from ((child.path, ("children", child.table, "path")) for child in entity.children)


def _check_paths(paths: Iterable[tuple[Path, Key]], place: Place) -> None:
    seen: dict[Path, Key] = {}
    for path, key in paths:
        text = ".".join(path)
        for name in path:
            if not name or name.isdecimal() or name.startswith("$") or "\0" in name:
                raise SettingsError(
                    f"{text!r} is not a path to one field",
                    where=place(key),
                    remedy="every name between the dots must be a field; fields with odd names go to the overflow",
                )
        clash = next((other for other in seen if _is_above(other, path)), None)
        if clash is not None:
            raise SettingsError(
                f"{text!r} and {'.'.join(clash)!r} hold the same values",
                where=place(key),
                remedy="keep one of them: a value lies in one column",
            )
        seen[path] = key


def _is_above(one: Path, other: Path) -> bool:
    """Return whether one path is the other, or leads to it, in either direction."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _check_child(child: Child, place: Place) -> None:
    above: Key = ("children", child.table)
    _check_table(child.table, above, place)
    if not child.columns:
        raise SettingsError(
            "a child table needs columns",
            where=place(above),
            remedy="add one for each field that SQL should see; or map the array as jsonb",
        )
    keys: list[tuple[str, Key]] = [
        (child.parent, (*above, "parent")),
        (child.position, (*above, "position")),
    ]
    keys += [(column.name, (*above, "columns", column.name)) for column in child.columns]
    _check_names(keys, (*SYSTEM_COLUMNS, *TECHNICAL_COLUMNS), place)
    _check_columns(child.columns, (*above, "columns"), place)
    paths = ((column.path, (*above, "columns", column.name, "path")) for column in child.columns)
    _check_paths(paths, place)


def _check_full_text(search: FullText, entity: EntityMap, place: Place) -> None:
    key: Key = ("search", search.name)
    if not LANGUAGE.fullmatch(search.language):
        raise SettingsError(
            f"{search.language!r} cannot be a text search configuration",
            where=place((*key, "language")),
            remedy="write one that \\dF of psql lists, such as english or simple",
        )
    texts = {column.name for column in entity.columns if column.type in TEXTS and not column.array}
    for name, weight in search.weights.items():
        if name not in texts or weight not in WEIGHTS:
            raise SettingsError(
                f"{name!r} with the weight {weight!r} cannot be searched",
                where=place((*key, "weights")),
                remedy="name columns of text, each with a weight from A to D",
            )
    if not search.weights:
        raise SettingsError(
            "a search column needs columns to search",
            where=place(key),
            remedy="name columns of text in `weights`",
        )


def _check_indexes(entity: EntityMap, place: Place) -> None:
    names: set[str] = set()
    for at, index in enumerate(entity.indexes):
        key: Mapping[str, Any] = index.specification["key"]
        if index.name in names or not key:
            raise SettingsError(
                f"the index {index.name!r} is declared twice, or without a key",
                where=place(("indexes", at)),
                remedy="delete it, or give it a key and a name of its own",
            )
        names.add(index.name)
        for text in key:
            if WILDCARD not in text and not _leads_to_a_column(tuple(text.split(".")), entity):
                raise SettingsError(
                    f"no column holds what the index {index.name!r} finds by: {text!r}",
                    where=place(("indexes", at, "key")),
                    remedy="add a column for the path (jsonb holds anything), or correct it",
                )


def _leads_to_a_column(path: Path, entity: EntityMap) -> bool:
    """Return whether an index on the path finds by what is in a column, or in a part of one."""
    open_places = [child.path for child in entity.children]
    open_places += [column.path for column in entity.columns if column.type is ColumnType.JSONB]
    closed = [ID_PATH, *(column.path for column in entity.columns)]
    return any(_is_above(path, place) for place in open_places) or any(
        place[: len(path)] == path for place in closed
    )


def _check_references(entity: EntityMap, entities: Mapping[str, EntityMap], place: Place) -> None:
    own: list[tuple[Column, Key]] = [
        (column, ("columns", column.name, "references")) for column in entity.columns
    ]
    own += [
        (column, ("children", child.table, "columns", column.name, "references"))
        for child in entity.children
        for column in child.columns
    ]
    for column, key in own:
        reference = column.reference
        if reference is None:
            continue
        target = entities.get(reference.collection)
        if target is None or target.identity.name != reference.column:
            raise SettingsError(
                f"{reference.collection}.{reference.column} is no primary key of this profile",
                where=place(key),
                remedy="a reference goes to the primary key of a collection with a map",
            )
        if column.array or column.type.value != target.identity.type.value:
            raise SettingsError(
                f"a column of {column.type} cannot refer to a key of {target.identity.type}",
                where=place(key),
                remedy="give both the same type, or delete the reference",
            )
