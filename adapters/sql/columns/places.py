"""What the columns of a map hold of a path: a value, an element, a part of a JSON, or surely nothing.

All this is for rows in which the column has not drifted. There a scalar column holds no document and no
array, so that a path below it ends in nothing, as MongoDB has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from adapters.entities.entity import (
    ID_PATH,
    Child,
    Column,
    ColumnType,
    EntityMap,
    Identity,
    IdentityType,
)
from adapters.query.paths import Path
from adapters.sql.columns.condition import Absent, ExplicitNull, Whole
from adapters.sql.columns.scalars import Spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalar:
    """A column with one value, at its path."""

    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """A column with an array of scalars, at its path."""

    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """An element of such an array."""

    column: Column
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """Below a scalar, or below the elements of an array of scalars: nothing is there.

    Below a scalar a path reaches a missing value; below an array that is there, not even that.
    """

    column: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class Json:
    """A jsonb column, or a path in it."""

    column: Column
    rest: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The primary key, which stands for `_id`."""

    identity: Identity


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The array of a child table, or (with a rest) a path in its elements."""

    child: Child
    rest: Path


InRow = Scalar | Array | Position | Below | Json
View = InRow | Key | Rows


class RowColumns:
    """The columns of a table by their paths. `role` makes the names of its parameters distinct from those of others."""

    def __init__(self, columns: Sequence[Column], role: str = "") -> None:
        self._by_path = {column.path: column for column in columns}
        self._spots = {
            column.name: _spot(column, f"{role}name{at}") for at, column in enumerate(columns)
        }

    def spot(self, column: Column) -> Spot:
        """Return the value of a column as a spot."""
        return self._spots[column.name]

    def view(self, path: Path) -> InRow | None:
        """Return what holds the values at a path, None where no single column does."""
        for length in range(len(path), 0, -1):
            column = self._by_path.get(path[:length])
            if column is not None:
                return _view(column, path[length:])
        return None


class Columns:
    """The columns of one map by their paths."""

    def __init__(self, entity: EntityMap) -> None:
        self.entity = entity
        self.of_rows = {
            child.table: RowColumns(child.columns, f"row{at}")
            for at, child in enumerate(entity.children)
        }
        """The columns of child tables."""
        self._by_path = {column.path: column for column in entity.columns}
        self._row = RowColumns(entity.columns)
        self._views: dict[Path, View] = {
            column.path: _view(column, ()) for column in entity.columns
        }
        self._views[ID_PATH] = Key(identity=entity.identity)

    def spot(self, column: Column) -> Spot:
        """Return the value of a column of the map as a spot."""
        return self._row.spot(column)

    def view(self, path: Path) -> View | None:
        """Return what holds the values at a path, None where no single column does."""
        known = self._views.get(path)
        if known is not None:
            return known
        for child in self.entity.children:
            depth = len(child.path)
            if path[:depth] == child.path:
                return Rows(child=child, rest=path[depth:])
        return self._row.view(path)

    def scalar(self, path: Path) -> Column | None:
        """Return the column with one value at a path, the primary key among them, else None."""
        if path == ID_PATH:
            return identity_column(self.entity.identity)
        column = self._by_path.get(path)
        if column is None or column.array or column.type is ColumnType.JSONB:
            return None
        return column


def identity_column(identity: Identity) -> Column:
    """Return the primary key as a column."""
    return Column(name=identity.name, path=ID_PATH, type=IDENTITY_TYPES[identity.type])


IDENTITY_TYPES = {
    IdentityType.OBJECTID: ColumnType.OBJECTID,
    IdentityType.TEXT: ColumnType.TEXT,
    IdentityType.KEY: ColumnType.BYTEA,
}


def _spot(column: Column, name: str) -> Spot:
    return Spot(
        column=column.name,
        kind=column.type,
        place=Whole(column=column.name),
        absent=Absent(column=column.name),
        present=Absent(column=column.name, absent=False),
        null=ExplicitNull(column=column.name, name=name),
    )


def _view(column: Column, rest: Path) -> InRow:
    if column.type is ColumnType.JSONB and not column.array:
        return Json(column=column, rest=rest)
    if not rest:
        return Array(column=column) if column.array else Scalar(column=column)
    if column.array and len(rest) == 1 and _is_position(rest[0]):
        return Position(column=column, position=int(rest[0]))
    return Below(column=column)


MOST_DIGITS = 9


def _is_position(segment: str) -> bool:
    return segment.isascii() and segment.isdecimal() and segment == str(int(segment[:MOST_DIGITS]))
