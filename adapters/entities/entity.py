"""An entity: a collection with its mapping to a relational table.

A map says which paths of a document become typed columns. It promises nothing about documents: a value that
does not fit its column, and every field that no column is for, goes to the overflow, exact to the bit
(`adapters/entities/rows.py`). Column, table and index names are those of PostgreSQL; paths are MongoDB's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from adapters.query.paths import Path

ID_PATH: Final[Path] = ("_id",)
TECHNICAL_COLUMNS: Final = ("_ordinal", "_layout", "_overflow", "_nulls", "_drift")
"""What a mapped table holds beside its columns: order of insertion, field order and types, and the rest."""

PARENT: Final = "_parent"
POSITION: Final = "_position"


class ColumnType(StrEnum):
    """The type of a column, by its name in PostgreSQL, save `objectid` and `double`.

    `objectid` is a domain over `bytea`; `double` is `double precision`.
    """

    TEXT = "text"
    VARCHAR = "varchar"
    INTEGER = "integer"
    BIGINT = "bigint"
    DOUBLE = "double"
    NUMERIC = "numeric"
    BOOLEAN = "boolean"
    TIMESTAMPTZ = "timestamptz"
    UUID = "uuid"
    OBJECTID = "objectid"
    BYTEA = "bytea"
    JSONB = "jsonb"


class IdentityType(StrEnum):
    """What the primary key holds: most `_id`s as they are, or any `_id` as bytes in MongoDB's order."""

    OBJECTID = "objectid"
    TEXT = "text"
    KEY = "key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The primary key. An `_id` of another type is kept in an escaped form, and counts as drift."""

    type: IdentityType
    name: str = "id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key: to a column of the table of another collection.

    MongoDB enforces none, so by default PostgreSQL only knows of it (`NOT ENFORCED`, from version 18).
    """

    collection: str
    column: str
    enforced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A typed column for the values at one path.

    `length` belongs to varchar; `allowed` are the only texts that fit (an enum); `default` is the SQL default, for
    those who insert by SQL; documents never get it.
    """

    name: str
    path: Path
    type: ColumnType
    array: bool = False
    length: int | None = None
    allowed: tuple[str, ...] = ()
    default: str | int | float | bool | None = None
    reference: Reference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A table of its own for an array of documents: a row for each element, in their order.

    `columns` have paths inside the element. `parent` and `position` are the names of the columns that make its
    primary key: the key of the row whose element it is, and its place in the array.
    """

    table: str
    path: Path
    columns: tuple[Column, ...]
    parent: str = PARENT
    position: str = POSITION

    @property
    def absent(self) -> str:
        """What `_nulls` holds where the field is missing. Otherwise the array is there, without rows an empty one."""
        return f"~{self.table}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityIndex:
    """An index as MongoDB is told of it (`key`, `unique`, `sparse`, `partialFilterExpression`, …)."""

    name: str
    specification: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class FullText:
    """A generated `tsvector` column over text columns, each with a weight from A to D."""

    name: str
    language: str
    weights: Mapping[str, str]
    """The weight by the name of a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityMap:
    """The map of one collection. The order of the columns is the usual order of the fields."""

    collection: str
    table: str
    identity: Identity
    columns: tuple[Column, ...]
    children: tuple[Child, ...] = ()
    indexes: tuple[EntityIndex, ...] = ()
    full_text: tuple[FullText, ...] = ()
    about: str = field(default="", compare=False)
    """What the table is for, in a sentence."""
    generation: int = 0
    """How often the table was made anew by another map. It names a technical column, so that no statement made for
    the map before can read or write the table by mistake."""

    @property
    def layout_column(self) -> str:
        """The name of the column that holds the layout: `_layout`, later `_layout_1` and so on."""
        return f"_layout_{self.generation}" if self.generation else "_layout"

    def column(self, path: Path) -> Column | None:
        """Return the column for the values at a path, None where there is none."""
        return next((column for column in self.columns if column.path == path), None)
