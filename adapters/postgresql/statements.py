"""The statements on the tables of a collection, compiled once per collection and shape.

A write by `_id`, its unique entries and its mark are one statement: one round trip, all or nothing.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, OID, insert
from sqlalchemy.sql import ColumnElement

from adapters.postgresql.marks import APPLIED
from adapters.postgresql.tables import CollectionTables
from adapters.sql.build import ReadShape, conditions, read
from adapters.sql.dialect import Statement, compiled, on_table

SHAPES_KEPT: Final = 20_000
XID: Final = OID
"""asyncpg reads and writes both as int."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteShape:
    """What a write does beside its document: unique entries it frees and takes, and its mark."""

    freed: bool = False
    taken: bool = False
    marked: bool = False


@lru_cache(maxsize=SHAPES_KEPT)
def find_by_id(tables: CollectionTables) -> str:
    """Return the statement of the hot path: $1 is the key."""
    documents = tables.documents
    return compiled(
        sa.select(documents.c.bson).where(documents.c.id == sa.bindparam("id", type_=BYTEA))
    ).text


@lru_cache(maxsize=SHAPES_KEPT)
def find(tables: CollectionTables, shape: ReadShape) -> Statement:
    """Return the statement that reads documents."""
    return compiled(read(tables.documents, shape, tables.documents.c.bson))


@lru_cache(maxsize=SHAPES_KEPT)
def find_rows(tables: CollectionTables, shape: ReadShape, locked: bool) -> Statement:
    """Return the statement that reads documents with key and version, in order to write them."""
    documents = tables.documents
    statement = read(documents, shape, documents.c.id, documents.c.bson, documents.c.xmin)
    return compiled(statement.with_for_update() if locked else statement)


@lru_cache(maxsize=SHAPES_KEPT)
def count(tables: CollectionTables, shape: ReadShape) -> Statement:
    """Return the statement that counts what a plan selects."""
    if not shape.skip and not shape.limit:
        documents = tables.documents
        return compiled(
            sa.select(sa.func.count())
            .select_from(documents)
            .where(*conditions(documents, shape.selection))
        )
    selected = read(tables.documents, shape, sa.literal_column("1")).subquery()
    return compiled(sa.select(sa.func.count()).select_from(selected))


@lru_cache(maxsize=SHAPES_KEPT)
def insert_documents(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that inserts documents, or none when one of them cannot be."""
    given = _rows("ids", "bsons", "bodies")
    added = (
        sa.insert(tables.documents)
        .from_select(
            ["id", "bson", "body"],
            sa.select(given.c.ids, given.c.bsons, sa.cast(given.c.bodies, JSONB)).order_by(
                given.c.ordinal
            ),
        )
        .returning(tables.documents.c.id)
        .cte("added")
    )
    return _with(tables, shape, added)


@lru_cache(maxsize=SHAPES_KEPT)
def insert_document(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that inserts one document."""
    added = (
        sa.insert(tables.documents)
        .values(
            id=sa.bindparam("id", type_=BYTEA),
            bson=sa.bindparam("bson", type_=BYTEA),
            body=sa.bindparam("body", type_=JSONB),
        )
        .returning(tables.documents.c.id)
        .cte("added")
    )
    return _with(tables, shape, added)


@lru_cache(maxsize=SHAPES_KEPT)
def replace_document(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that replaces a document if it still is the version that was read."""
    documents = tables.documents
    changed = (
        sa.update(documents)
        .values(bson=sa.bindparam("bson", type_=BYTEA), body=sa.bindparam("body", type_=JSONB))
        .where(
            documents.c.id == sa.bindparam("id", type_=BYTEA),
            documents.c.xmin == sa.bindparam("version", type_=XID),
        )
        .returning(documents.c.id)
        .cte("changed")
    )
    return _with(tables, shape, changed)


@lru_cache(maxsize=SHAPES_KEPT)
def replace_documents(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that replaces documents which the transaction has locked."""
    documents = tables.documents
    given = _rows("ids", "bsons", "bodies")
    changed = (
        sa.update(documents)
        .values(bson=given.c.bsons, body=sa.cast(given.c.bodies, JSONB))
        .where(documents.c.id == given.c.ids)
        .returning(documents.c.id)
        .cte("changed")
    )
    return _with(tables, shape, changed)


@lru_cache(maxsize=SHAPES_KEPT)
def delete_documents(tables: CollectionTables, has_entries: bool, marked: bool) -> Statement:
    """Return the statement that deletes documents by key, and answers with the keys it found.

    Its mark has one of two outcomes: that of a deletion, and that of finding nothing.
    """
    documents, entries = tables.documents, tables.entries
    gone = (
        sa.delete(documents)
        .where(documents.c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(BYTEA))))
        .returning(documents.c.id)
        .cte("gone")
    )
    answer = sa.select(gone.c.id)
    if has_entries:
        freed = sa.delete(entries).where(entries.c.id == gone.c.id).returning(entries.c.id)
        answer = answer.add_cte(freed.cte("freed"))
    if marked:
        outcome = sa.case(
            (sa.exists(sa.select(gone.c.id)), _bytes("outcome")), else_=_bytes("nothing")
        )
        answer = answer.add_cte(_mark(sa.select(*_place(), outcome)).cte("marked"))
    return compiled(answer)


@lru_cache(maxsize=SHAPES_KEPT)
def put_documents(tables: CollectionTables) -> Statement:
    """Return the statement that makes documents be as given, whether or not they exist."""
    documents = tables.documents
    given = _rows("ids", "bsons", "bodies")
    put = insert(documents).from_select(
        ["id", "bson", "body"],
        sa.select(given.c.ids, given.c.bsons, sa.cast(given.c.bodies, JSONB)).order_by(
            given.c.ordinal
        ),
    )
    new = put.excluded
    return compiled(
        put.on_conflict_do_update(
            index_elements=[documents.c.id], set_={"bson": new.bson, "body": new.body}
        )
    )


@lru_cache(maxsize=SHAPES_KEPT)
def free_entries(tables: CollectionTables) -> Statement:
    """Return the statement that frees all entries of documents."""
    entries = tables.entries
    ids = sa.bindparam("ids", type_=ARRAY(BYTEA))
    return compiled(sa.delete(entries).where(entries.c.id == sa.any_(ids)))


@lru_cache(maxsize=SHAPES_KEPT)
def free_indexes(tables: CollectionTables) -> Statement:
    """Return the statement that frees all entries of indexes."""
    entries = tables.entries
    names = sa.bindparam("names", type_=ARRAY(sa.Text))
    return compiled(sa.delete(entries).where(entries.c.index_name == sa.any_(names)))


@lru_cache(maxsize=SHAPES_KEPT)
def seize_entries(tables: CollectionTables) -> Statement:
    """Return the statement that takes entries, away from other documents where they have them."""
    entries = tables.entries
    given = _rows("taken_names", "taken_keys", "taken_ids")
    seized = insert(entries).from_select(
        ["index_name", "key", "id"],
        sa.select(given.c.taken_names, given.c.taken_keys, given.c.taken_ids),
    )
    return compiled(
        seized.on_conflict_do_update(
            index_elements=[entries.c.index_name, entries.c.key], set_={"id": seized.excluded.id}
        )
    )


@lru_cache(maxsize=SHAPES_KEPT)
def every(tables: CollectionTables) -> str:
    """Return the statement that reads all documents."""
    return compiled(sa.select(tables.documents.c.bson)).text


@lru_cache(maxsize=SHAPES_KEPT)
def lock(tables: CollectionTables) -> str:
    """Return the statement that keeps other writes off a collection until the transaction ends."""
    return on_table("LOCK TABLE %(fullname)s IN SHARE ROW EXCLUSIVE MODE", tables.documents)


@lru_cache(maxsize=SHAPES_KEPT)
def present(tables: CollectionTables) -> Statement:
    """Return the statement that tells which keys belong to documents."""
    documents = tables.documents
    ids = sa.bindparam("ids", type_=ARRAY(BYTEA))
    return compiled(sa.select(documents.c.id).where(documents.c.id == sa.any_(ids)))


@lru_cache(maxsize=SHAPES_KEPT)
def holders(tables: CollectionTables) -> Statement:
    """Return the statement that tells which of some entries are taken, and by whom."""
    entries = tables.entries
    given = _rows("wanted_names", "wanted_keys")
    return compiled(
        sa.select(entries.c.index_name, entries.c.key, entries.c.id).join_from(
            entries,
            given,
            sa.and_(
                entries.c.index_name == given.c.wanted_names, entries.c.key == given.c.wanted_keys
            ),
        )
    )


TYPES: Final[dict[str, Any]] = {
    "bodies": sa.Text,
    "wanted_names": sa.Text,
    "taken_names": sa.Text,
    "freed_names": sa.Text,
}


def _rows(*names: str) -> Any:
    """Return parallel arrays as rows, numbered in their order."""
    arrays = [
        sa.cast(sa.bindparam(name, type_=ARRAY(kind)), ARRAY(kind))
        for name in names
        for kind in [TYPES.get(name, BYTEA)]
    ]
    columns = [sa.column(name, TYPES.get(name, BYTEA)) for name in names]
    return (
        sa.func.unnest(*arrays)
        .table_valued(*columns, with_ordinality="ordinal", name=f"given_{names[0]}")
        .render_derived()
    )


def _with(tables: CollectionTables, shape: WriteShape, written: sa.CTE) -> Statement:
    """Return a write of documents together with entries and mark, as far as documents were written."""
    entries = tables.entries
    answer = sa.select(written.c.id)
    if shape.freed:
        given = _rows("freed_names", "freed_keys", "freed_ids")
        freed = (
            sa.delete(entries)
            .where(
                entries.c.index_name == given.c.freed_names,
                entries.c.key == given.c.freed_keys,
                entries.c.id == given.c.freed_ids,
                entries.c.id == written.c.id,
            )
            .returning(entries.c.id)
        )
        answer = answer.add_cte(freed.cte("freed"))
    if shape.taken:
        given = _rows("taken_names", "taken_keys", "taken_ids")
        taken = (
            sa.insert(entries)
            .from_select(
                ["index_name", "key", "id"],
                sa.select(given.c.taken_names, given.c.taken_keys, given.c.taken_ids).where(
                    sa.exists(sa.select(written.c.id))
                ),
            )
            .returning(entries.c.id)
        )
        answer = answer.add_cte(taken.cte("taken"))
    if shape.marked:
        row = sa.select(*_place(), _bytes("outcome")).where(sa.exists(sa.select(written.c.id)))
        answer = answer.add_cte(_mark(row).cte("marked"))
    return compiled(answer)


def _place() -> tuple[ColumnElement[Any], ...]:
    return (
        sa.cast(sa.bindparam("log", type_=sa.Text), sa.Text),
        sa.cast(sa.bindparam("position", type_=sa.BigInteger), sa.BigInteger),
    )


def _bytes(name: str) -> ColumnElement[bytes]:
    return sa.cast(sa.bindparam(name, type_=BYTEA), BYTEA)


def _mark(row: sa.Select[Any]) -> Any:
    return (
        sa.insert(APPLIED)
        .from_select(["log", "position", "outcome"], row)
        .returning(APPLIED.c.position)
    )
