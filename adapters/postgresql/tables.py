"""The tables of a collection: its documents, and what its unique indexes hold.

MongoDB's database is the schema, the collection the table. A name that PostgreSQL would cut, reserve or
that looks like one of ours gets a readable beginning and a hash, so that names stay distinct.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable, DropTable

from adapters.query.failures import CommandFailure
from adapters.sql.dialect import definition, on_table
from adapters.sql.names import LONGEST_NAME, shortened

LONGEST_NAMESPACE: Final = 255
INVALID_NAMESPACE: Final = 73
SYSTEM_COLLECTIONS: Final = frozenset({"system.js", "system.views", "system.profile"})
RESERVED_SCHEMAS: Final = frozenset({"parallax", "public", "information_schema"})
RESERVED: Final = re.compile(r"^pg_|~|\0|_seq\d*$")
"""PostgreSQL's own schemas, our suffixes, and the names it gives to the sequences behind ordinals."""

TOAST_BEYOND: Final = 8160
"""Rows up to a page stay whole: reading a document of usual size costs one heap access and nothing is compressed."""

PENDING_KILOBYTES: Final = 128


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CollectionTables:
    """The tables of one collection as Core elements."""

    documents: sa.Table
    entries: sa.Table
    body_index: sa.Index
    ordinal_index: sa.Index
    entries_index: sa.Index


@lru_cache(maxsize=4096)
def tables_of(database: str, collection: str) -> CollectionTables:
    """Return the tables of a collection, whether or not they exist."""
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
    entries = sa.Table(
        shortened(collection, "~unique"),
        space,
        sa.Column("index_name", sa.Text, nullable=False),
        sa.Column("key", BYTEA, nullable=False),
        sa.Column("id", BYTEA, nullable=False),
        sa.PrimaryKeyConstraint("index_name", "key", name=shortened(collection, "~unique~key")),
        schema=schema,
    )
    return CollectionTables(
        documents=documents,
        entries=entries,
        body_index=sa.Index(
            shortened(collection, "~body"),
            documents.c.body,
            postgresql_using="gin",
            postgresql_ops={"body": "jsonb_path_ops"},
            postgresql_with={"gin_pending_list_limit": PENDING_KILOBYTES},
        ),
        ordinal_index=sa.Index(shortened(collection, "~ordinal"), documents.c.ordinal),
        entries_index=sa.Index(shortened(collection, "~unique~id"), entries.c.id),
    )


def definitions_of(tables: CollectionTables) -> tuple[str, ...]:
    """Return the statements that make the tables where they do not exist."""
    documents = tables.documents
    return (
        definition(CreateSchema(str(documents.schema), if_not_exists=True)),
        definition(CreateTable(documents, if_not_exists=True)),
        # A large document is stored beside the row, uncompressed: the time to inflate it is the application's.
        on_table("ALTER TABLE %(fullname)s ALTER COLUMN bson SET STORAGE EXTERNAL", documents),
        definition(CreateIndex(tables.body_index, if_not_exists=True)),
        definition(CreateIndex(tables.ordinal_index, if_not_exists=True)),
        definition(CreateTable(tables.entries, if_not_exists=True)),
        definition(CreateIndex(tables.entries_index, if_not_exists=True)),
    )


def removals_of(tables: CollectionTables) -> tuple[str, ...]:
    """Return the statements that drop the tables."""
    return (
        definition(DropTable(tables.documents, if_exists=True)),
        definition(DropTable(tables.entries, if_exists=True)),
    )


def check_namespace(database: str, collection: str) -> None:
    """Raise CommandFailure for the name of a new collection that MongoDB refuses."""
    wrong = not collection or collection.startswith(".") or {"$", "\0"} & set(collection)
    internal = collection.startswith("system.") and collection not in SYSTEM_COLLECTIONS
    if wrong or internal or len(f"{database}.{collection}".encode()) > LONGEST_NAMESPACE:
        raise CommandFailure(INVALID_NAMESPACE, f"Invalid collection name: {collection}")


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
