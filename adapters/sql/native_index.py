"""Indexes of PostgreSQL for the indexes that MongoDB is told of, where their paths are columns.

They only make queries quick: what is unique is kept by the entries of the collection. A condition of a partial
index that SQL cannot say is left out, and then the index holds more than it must.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import ID_PATH, Column, ColumnType, EntityMap
from adapters.query.paths import split_path
from adapters.query.types import is_number
from adapters.sql.keys import LONGEST_EXACT
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
    map and one that the application asks for are the same.
    """
    keys = [(_column_of(entity, path), way) for path, way in specification["key"].items()]
    columns = [column for column, way in keys if column is not None and is_number(way)]
    if len(columns) < len(keys) or [column.path for column in columns] == [ID_PATH]:
        return None
    if len(columns) == 1 and columns[0].array:
        name = named(entity.table, f"{BY}{columns[0].name}")
        return sa.Index(name, table.c[columns[0].name], postgresql_using="gin")
    if any(column.array or column.type in UNORDERED for column in columns):
        return None
    descending = [float(str(way)) < 0 for _column, way in keys]
    where = _where(entity, table, specification.get("partialFilterExpression"))
    return sa.Index(
        named(entity.table, _role(columns, descending, where)),
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
            table.indexes.discard(index)
        else:
            made[str(index.name)] = index
    return list(made.values())


def longest_values(
    entity: EntityMap, specifications: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Return how many bytes a value may have in columns that lie in indexes.

    PostgreSQL refuses what would make an entry of an index too large; MongoDB does not. So longer values are not for such
    columns.
    Source: PostgreSQL manual, "B-Tree Indexes", section "Implementation"; "GIN Indexes".
    """
    longest: dict[str, int] = {}
    for specification in specifications:
        columns = [_column_of(entity, path) for path in specification["key"]]
        if None in columns:
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


def _column_of(entity: EntityMap, path: str) -> Column | None:
    parts = split_path(path)
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
