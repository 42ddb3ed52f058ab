"""The tables of a collection: its documents, and what its unique indexes hold.

MongoDB's database is the schema, the collection the table. A name that PostgreSQL would cut, reserve or
that looks like one of ours gets a readable beginning and a hash, so that names stay distinct.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

from adapters.sql.dialect import definition, on_table
from adapters.sql.names import LONGEST_NAME, shortened

RESERVED_SCHEMAS: Final = frozenset({"parallax", "public", "information_schema"})
RESERVED: Final = re.compile(r"^pg_|~|\0|_seq\d*$")
"""PostgreSQL's own schemas, our suffixes, and the names it gives to the sequences behind ordinals."""

TOAST_BEYOND: Final = 8160
"""Rows up to a page stay whole: reading a document of usual size costs one heap access and nothing is compressed."""

PENDING_KILOBYTES: Final = 128


Names = Callable[[str], str]
"""From the role of a table or index, which begins with a tilde, to its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A column that a write of a document fills, and how its value travels.

    Alone, a value is a parameter of the type `sent`. With those of other documents it is an element of an array of the
    type `carried`, into which `packed` turns it. Where such a type is unlike the column's, it is cast.
    """

    column: sa.Column[Any]
    sent: TypeEngine[Any]
    carried: TypeEngine[Any]
    unlike_sent: bool = False
    unlike_carried: bool = False
    packed: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ElementTable:
    """A table with a row for each element of an array of documents."""

    table: sa.Table
    parent: sa.Column[Any]
    position: sa.Column[Any]
    contents: tuple[Content, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectionTables:
    """The tables of one collection as Core elements, whatever its documents look like in there."""

    documents: sa.Table
    identity: sa.Column[Any]
    ordinal: sa.Column[Any]
    contents: tuple[Content, ...]
    shown: tuple[ColumnElement[Any], ...]
    """What is read of a document."""
    entries: sa.Table
    definitions: tuple[str, ...]
    """The statements that make the tables where they do not exist."""
    elements: tuple[ElementTable, ...] = ()

    @property
    def key_type(self) -> TypeEngine[Any]:
        """The type in which primary keys travel."""
        return self.entries.c.id.type

    @property
    def all(self) -> tuple[sa.Table, ...]:
        """Every table, those of elements first."""
        return (*(each.table for each in self.elements), self.documents, self.entries)

    @property
    def removals(self) -> tuple[str, ...]:
        """The statements that drop the tables."""
        return tuple(
            on_table("DROP TABLE IF EXISTS %(fullname)s CASCADE", table) for table in self.all
        )


@lru_cache(maxsize=4096)
def tables_of(database: str, collection: str) -> CollectionTables:
    """Return the tables of a collection without a map, whether or not they exist."""
    schema, name = schema_name(database), table_name(collection)
    space = sa.MetaData()
    documents = sa.Table(
        name,
        space,
        sa.Column("id", BYTEA, nullable=False),
        sa.Column("ordinal", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("bson", BYTEA, nullable=False),
        sa.Column("body", JSONB, nullable=False),
        sa.Column("xmin", sa.BigInteger, system=True),
        sa.PrimaryKeyConstraint("id", name=shortened(collection, "~id")),
        schema=schema,
        postgresql_with={"toast_tuple_target": TOAST_BEYOND},
    )
    body_index = sa.Index(
        shortened(collection, "~body"),
        documents.c.body,
        postgresql_using="gin",
        postgresql_ops={"body": "jsonb_path_ops"},
        postgresql_with={"gin_pending_list_limit": PENDING_KILOBYTES},
    )
    ordinal_index = sa.Index(shortened(collection, "~ordinal"), documents.c.ordinal)
    names = partial(shortened, collection)
    entries = entries_table(names, schema, BYTEA())
    return CollectionTables(
        documents=documents,
        identity=documents.c.id,
        ordinal=documents.c.ordinal,
        contents=(
            Content(column=documents.c.bson, sent=BYTEA(), carried=BYTEA()),
            Content(column=documents.c.body, sent=JSONB(), carried=sa.Text(), unlike_carried=True),
        ),
        shown=(documents.c.bson,),
        entries=entries,
        definitions=(
            definition(CreateSchema(schema, if_not_exists=True)),
            definition(CreateTable(documents, if_not_exists=True)),
            # A large document is stored beside the row, uncompressed: the time to inflate it is the application's.
            on_table("ALTER TABLE %(fullname)s ALTER COLUMN bson SET STORAGE EXTERNAL", documents),
            definition(CreateIndex(body_index, if_not_exists=True)),
            definition(CreateIndex(ordinal_index, if_not_exists=True)),
            *entries_definitions(names, entries),
        ),
    )


def entries_table(names: Names, schema: str, key_type: TypeEngine[Any]) -> sa.Table:
    """Return the table of what the unique indexes of a collection hold."""
    return sa.Table(
        names("~unique"),
        sa.MetaData(),
        sa.Column("index_name", sa.Text, nullable=False),
        sa.Column("key", BYTEA, nullable=False),
        sa.Column("id", key_type, nullable=False),
        sa.PrimaryKeyConstraint("index_name", "key", name=names("~unique~key")),
        schema=schema,
    )


def entries_definitions(names: Names, entries: sa.Table) -> tuple[str, ...]:
    """Return the statements that make the table of entries."""
    return (
        definition(CreateTable(entries, if_not_exists=True)),
        definition(CreateIndex(sa.Index(names("~unique~id"), entries.c.id), if_not_exists=True)),
    )


def schema_name(database: str) -> str:
    """Return the schema that stands for a database."""
    if _fits(database) and database not in RESERVED_SCHEMAS:
        return database
    return shortened(database, "")


def table_name(collection: str) -> str:
    """Return the table that stands for a collection."""
    return collection if _fits(collection) else shortened(collection, "")


def _fits(name: str) -> bool:
    return bool(name) and len(name.encode()) <= LONGEST_NAME and not RESERVED.search(name)
