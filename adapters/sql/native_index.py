"""Indexes of PostgreSQL for the indexes that MongoDB is told of, where their paths are columns.

They only make queries quick: what is unique is kept by the entries of the collection. A condition of a partial
index that SQL cannot say is left out, and then the index holds more than it must.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import ID_PATH, Child, Column, ColumnType, EntityMap
from adapters.query.paths import Path, split_path
from adapters.query.types import is_number
from adapters.sql.keys import LONGEST_EXACT
from adapters.sql.mapped_table import child_tables
from adapters.sql.names import named

BY: Final = "by_"
"""In front of the columns: other things of a table are called by a word alone."""

DIGEST_LENGTH: Final = 8
UNORDERED: Final = frozenset({ColumnType.JSONB})
"""Types whose order is not MongoDB's."""

LARGEST_ENTRY: Final = 2600
"""A little less than a third of a page."""

LONGEST_KEY: Final = LONGEST_EXACT + 33
VARYING: Final = frozenset({ColumnType.TEXT, ColumnType.VARCHAR, ColumnType.BYTEA})

COMPARED: Final[Mapping[ColumnType, type]] = {
    ColumnType.TEXT: str,
    ColumnType.VARCHAR: str,
    ColumnType.BOOLEAN: bool,
}
"""The types of column of which a partial index can ask for a value, and the type of the value."""


def native_index(
    entity: EntityMap, table: sa.Table, specification: Mapping[str, Any]
) -> sa.Index | None:
    """Return the index on columns for a specification, None where there is none.

    Ascending keys begin with what is missing, as in MongoDB. The name is made from the keys, so that an index of the
    map and one that the application asks for are the same. Keys in the elements of one array are an index of its table.
    """
    child = _child_of(entity, specification["key"])
    if child is not None:
        table = child_tables(table)[child.table]
    keys = [(_column_of(entity, path, child), way) for path, way in specification["key"].items()]
    columns = [column for column, way in keys if column is not None and is_number(way)]
    if len(columns) < len(keys) or [column.path for column in columns] == [ID_PATH]:
        return None
    if len(columns) == 1 and columns[0].array:
        name = named(table.name, f"{BY}{columns[0].name}")
        return sa.Index(name, table.c[columns[0].name], postgresql_using="gin")
    if any(column.array or column.type in UNORDERED for column in columns):
        return None
    descending = [float(str(way)) < 0 for _column, way in keys]
    # A partial index admits documents, of which the row of an element knows nothing.
    partial = None if child is not None else specification.get("partialFilterExpression")
    where = _where(entity, table, partial)
    return sa.Index(
        named(table.name, _role(columns, descending, where)),
        *(
            _ordered(table.c[column.name], down)
            for column, down in zip(columns, descending, strict=True)
        ),
        postgresql_where=None if where is None else where[1],
    )


def native_indexes(entity: EntityMap, table: sa.Table) -> list[sa.Index]:
    """Return the indexes on columns for all that a map declares, each once."""
    made: dict[str, sa.Index] = {}
    for declared in entity.indexes:
        index = native_index(entity, table, declared.specification)
        if index is None:
            continue
        if index.name in made:
            forget(index)
        else:
            made[str(index.name)] = index
    return list(made.values())


def forget(index: sa.Index) -> None:
    """Have an index be no part of its table."""
    if index.table is not None:
        index.table.indexes.discard(index)


def longest_values(
    entity: EntityMap, specifications: Iterable[Mapping[str, Any]], child: Child | None = None
) -> dict[str, int]:
    """Return how many bytes a value may have in columns that lie in indexes, or in those of a child table.

    PostgreSQL refuses what would make an entry of an index too large; MongoDB does not. So longer values are not for such
    columns.
    Source: PostgreSQL manual, "B-Tree Indexes", section "Implementation"; "GIN Indexes".
    """
    longest: dict[str, int] = {}
    for specification in specifications:
        columns = [_column_of(entity, path, child) for path in specification["key"]]
        if None in columns or _child_of(entity, specification["key"]) is not child:
            continue
        known = [column for column in columns if column is not None]
        room = LARGEST_ENTRY
        if any(column.path == ID_PATH for column in known):
            room -= LONGEST_KEY
        varying = [c for c in known if c.type in VARYING and c.path != ID_PATH]
        for column in varying:
            most = room // len(varying)
            longest[column.name] = min(most, longest.get(column.name, most))
    return longest


def _child_of(entity: EntityMap, paths: Iterable[str]) -> Child | None:
    """Return the child table that an index is for, None where it is for the table of documents."""
    first = split_path(next(iter(paths), ""))
    return next((child for child in entity.children if _is_inside(child, first)), None)


def _is_inside(child: Child, path: Path) -> bool:
    return path[: len(child.path)] == child.path


def _column_of(entity: EntityMap, path: str, child: Child | None) -> Column | None:
    parts = split_path(path)
    if child is not None:
        within = parts[len(child.path) :] if _is_inside(child, parts) else None
        return next((column for column in child.columns if column.path == within), None)
    if parts == ID_PATH:
        kind = ColumnType.TEXT if entity.identity.type.value == "text" else ColumnType.OBJECTID
        return Column(name=entity.identity.name, path=ID_PATH, type=kind)
    return entity.column(parts)


def _ordered(element: sa.Column[Any], down: bool) -> ColumnElement[Any]:
    return element.desc().nulls_last() if down else element.asc().nulls_first()


def _role(
    columns: Sequence[Column],
    descending: Sequence[bool],
    where: tuple[str, ColumnElement[bool]] | None,
) -> str:
    keys = BY + "_".join(
        f"{column.name}{'_desc' if down else ''}"
        for column, down in zip(columns, descending, strict=True)
    )
    return keys if where is None else f"{keys}~{where[0]}"


def _where(
    entity: EntityMap, table: sa.Table, partial: Mapping[str, Any] | None
) -> tuple[str, ColumnElement[bool]] | None:
    """Return a digest of a condition and the condition, None for none or one that is more than SQL can say."""
    if not partial:
        return None
    parts = [_condition(entity, table, path, wanted) for path, wanted in partial.items()]
    if any(part is None for part in parts):
        return None
    digest = hashlib.sha256(repr(sorted(partial.items())).encode()).hexdigest()
    return digest[:DIGEST_LENGTH], sa.and_(*(part for part in parts if part is not None))


def _condition(
    entity: EntityMap, table: sa.Table, path: str, wanted: Any
) -> ColumnElement[bool] | None:
    column = None if path.startswith("$") else entity.column(split_path(path))
    if column is None or column.array:
        return None
    element = table.c[column.name]
    if wanted == {"$exists": True}:
        # Of what is null the index knows nothing, and it is not asked for that either.
        return element.is_not(None)
    if isinstance(wanted, Mapping) and list(wanted) == ["$eq"]:
        wanted = wanted["$eq"]
    if type(wanted) is not COMPARED.get(column.type):
        return None
    if wanted is True:
        return element.is_(sa.true())
    if wanted is False:
        return element.is_(sa.false())
    return element == sa.literal(wanted, sa.Text)
