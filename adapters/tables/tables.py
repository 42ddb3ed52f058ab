"""The tables: one of all documents, one of what unique indexes hold, and those of the catalog.

Collections share them, so that to make, rename or drop one changes rows only.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from adapters.tables.dialect import Dialect


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tables:
    """The tables of one database, as Core elements."""

    documents: sa.Table
    entries: sa.Table
    collections: sa.Table
    indexes: sa.Table
    state: sa.Table
    """One row: `version` changes with every definition."""

    @property
    def all(self) -> tuple[sa.Table, ...]:
        """Every table."""
        return (self.documents, self.entries, self.collections, self.indexes, self.state)


@lru_cache(maxsize=8)
def tables_for(dialect: Dialect) -> Tables:
    """Return the tables as a dialect has them."""
    space = sa.MetaData()
    body: list[sa.Column[Any]] = []
    if dialect.body_type is not None:
        body.append(sa.Column("body", dialect.body_type, nullable=False))
    documents = sa.Table(
        "parallax_documents",
        space,
        _number("ordinal"),
        sa.Column("collection", sa.Integer, nullable=False),
        sa.Column("id", dialect.key_type, nullable=False),
        sa.Column("bson", dialect.document_type, nullable=False),
        *body,
        sa.UniqueConstraint("collection", "id", name="parallax_documents_id"),
        sa.Index("parallax_documents_ordinal", "collection", "ordinal"),
        sqlite_autoincrement=True,
    )
    entries = sa.Table(
        "parallax_entries",
        space,
        sa.Column("collection", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("index_name", dialect.name_type, primary_key=True),
        sa.Column("entry", dialect.key_type, primary_key=True),
        sa.Column("id", dialect.key_type, nullable=False),
        sa.Index("parallax_entries_id", "collection", "id"),
    )
    collections = sa.Table(
        "parallax_collections",
        space,
        _number("number"),
        sa.Column("namespace_database", dialect.name_type, nullable=False),
        sa.Column("name", dialect.name_type, nullable=False),
        sa.Column("uuid", sa.LargeBinary(16), nullable=False),
        sa.Column("options", dialect.document_type, nullable=False),
        sa.UniqueConstraint("namespace_database", "name", name="parallax_collections_name"),
        sqlite_autoincrement=True,
    )
    indexes = sa.Table(
        "parallax_indexes",
        space,
        _number("ordinal"),
        sa.Column("collection", sa.Integer, nullable=False),
        sa.Column("name", dialect.name_type, nullable=False),
        sa.Column("specification", dialect.document_type, nullable=False),
        sa.UniqueConstraint("collection", "name", name="parallax_indexes_name"),
        sqlite_autoincrement=True,
    )
    state = sa.Table(
        "parallax_state",
        space,
        sa.Column("one", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
    )
    return Tables(
        documents=documents,
        entries=entries,
        collections=collections,
        indexes=indexes,
        state=state,
    )


def _number(name: str) -> sa.Column[int]:
    """Return a primary key that counts up."""
    # Of SQLite's types, only INTEGER is the number of the row itself.
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column(name, kind, primary_key=True, autoincrement=True)
