"""The statements on the tables of a collection, compiled once per collection and shape.

A write by `_id`, its unique entries and its mark are one statement: one round trip, all or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, OID, insert
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import TypeEngine

from adapters.postgresql.marks import APPLIED
from adapters.postgresql.tables import CollectionTables, Content
from adapters.sql.dialect import Statement, compiled, on_table
from adapters.sql.fence import fenced

SHAPES_KEPT: Final = 20_000
XID: Final = OID
"""asyncpg reads and writes both as int."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteShape:
    """What a write does beside its document: unique entries it frees and takes, its mark, and rows of elements.

    Entries that are `taken` come as arrays; so many of a single document are `taken_apart`, by parameters of their own.
    `elements` are the places of their tables in those of the collection.
    """

    freed: bool = False
    taken: bool = False
    taken_apart: int = 0
    marked: bool = False
    elements: tuple[int, ...] = ()


NOTHING_BESIDE: Final = WriteShape()

MOST_APART: Final = 8
"""Entries of a document that are worth a statement of their own: to open arrays takes a fifth of the time of an insert."""


@lru_cache(maxsize=SHAPES_KEPT)
def find_by_id(tables: CollectionTables) -> str:
    """Return the statement of the hot path: $1 is the key."""
    return compiled(
        sa.select(*tables.shown).where(tables.identity == sa.bindparam("id", type_=tables.key_type))
    ).text


@lru_cache(maxsize=SHAPES_KEPT)
def insert_documents(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that inserts documents, or none when one of them cannot be."""
    given = _given(tables)
    added = (
        sa.insert(tables.documents)
        .from_select(
            _names(tables),
            sa.select(given.c.ids, *_unpacked(tables.contents, given)).order_by(given.c.ordinal),
        )
        .returning(tables.identity.label("id"))
        .cte("added")
    )
    return _with(tables, shape, added)


@lru_cache(maxsize=SHAPES_KEPT)
def insert_document(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that inserts one document, and perhaps returns its key: it is inserted or refused."""
    added = sa.insert(tables.documents).values({tables.identity: _id(tables), **_alone(tables)})
    if shape == NOTHING_BESIDE:
        return compiled(added)
    written = added.returning(tables.identity.label("id")).cte("added")
    if shape == WriteShape(taken_apart=shape.taken_apart):
        return compiled(_taken_apart(tables, shape.taken_apart, written))
    return _with(tables, shape, written)


@lru_cache(maxsize=SHAPES_KEPT)
def replace_document(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that replaces a document if it still is the version that was read."""
    changed = (
        sa.update(tables.documents)
        .values(_alone(tables))
        .where(
            tables.identity == _id(tables),
            tables.documents.c.xmin == sa.bindparam("version", type_=XID),
        )
        .returning(tables.identity.label("id"))
        .cte("changed")
    )
    return _with(tables, shape, changed, replaced=True)


@lru_cache(maxsize=SHAPES_KEPT)
def replace_documents(tables: CollectionTables, shape: WriteShape) -> Statement:
    """Return the statement that replaces documents which the transaction has locked."""
    given = _given(tables)
    unpacked = zip(tables.contents, _unpacked(tables.contents, given), strict=True)
    changed = (
        sa.update(tables.documents)
        .values({content.column: value for content, value in unpacked})
        .where(tables.identity == given.c.ids)
        .returning(tables.identity.label("id"))
        .cte("changed")
    )
    return _with(tables, shape, changed, replaced=True)


@lru_cache(maxsize=SHAPES_KEPT)
def delete_documents(tables: CollectionTables, has_entries: bool, marked: bool) -> Statement:
    """Return the statement that deletes documents by key, and answers with the keys it found.

    Its mark has one of two outcomes: that of a deletion, and that of finding nothing.
    """
    entries = tables.entries
    gone = (
        sa.delete(tables.documents)
        .where(tables.identity == _any_id(tables), fenced(tables.documents))
        .returning(tables.identity.label("id"))
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
    given = _given(tables)
    put = insert(tables.documents).from_select(
        _names(tables),
        sa.select(given.c.ids, *_unpacked(tables.contents, given)).order_by(given.c.ordinal),
    )
    names = [content.column.name for content in tables.contents]
    written = put.on_conflict_do_update(
        index_elements=[tables.identity], set_={name: put.excluded[name] for name in names}
    )
    if not tables.elements:
        return compiled(written)
    shape = WriteShape(elements=tuple(range(len(tables.elements))))
    returning = written.returning(tables.identity.label("id"))
    return _with(tables, shape, returning.cte("written"), replaced=True)


@lru_cache(maxsize=SHAPES_KEPT)
def free_entries(tables: CollectionTables) -> Statement:
    """Return the statement that frees all entries of documents."""
    entries = tables.entries
    return compiled(sa.delete(entries).where(entries.c.id == _any_id(tables)))


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
    given = _entries("taken", tables)
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
    return compiled(sa.select(*tables.shown)).text


@lru_cache(maxsize=SHAPES_KEPT)
def lock(tables: CollectionTables) -> str:
    """Return the statement that keeps other writes off a collection until the transaction ends."""
    return on_table("LOCK TABLE %(fullname)s IN SHARE ROW EXCLUSIVE MODE", tables.documents)


@lru_cache(maxsize=SHAPES_KEPT)
def present(tables: CollectionTables) -> Statement:
    """Return the statement that tells which keys belong to documents."""
    found = sa.select(tables.identity).where(tables.identity == _any_id(tables))
    return compiled(found.where(fenced(tables.documents)))


@lru_cache(maxsize=SHAPES_KEPT)
def holders(tables: CollectionTables) -> Statement:
    """Return the statement that tells which of some entries are taken, and by whom."""
    entries = tables.entries
    given = _rows(wanted_names=sa.Text(), wanted_keys=BYTEA())
    return compiled(
        sa.select(entries.c.index_name, entries.c.key, entries.c.id).join_from(
            entries,
            given,
            sa.and_(
                entries.c.index_name == given.c.wanted_names, entries.c.key == given.c.wanted_keys
            ),
        )
    )


def marked(written: sa.CTE) -> Statement:
    """Return a write together with its mark, as far as a document was written."""
    row = sa.select(*_place(), _bytes("outcome")).where(sa.exists(sa.select(written)))
    return compiled(sa.select(*written.c).add_cte(_mark(row).cte("marked")))


def altered_or_inserted(tables: CollectionTables, changed: sa.CTE) -> Statement:
    """Return an update of one row that inserts the row where there is none; behind it, whether it has.

    Where there is a row that the update does not change, nothing is done.
    """
    names = _names(tables)
    row = sa.select(_id(tables), *_alone(tables).values()).where(~sa.exists(sa.select(changed)))
    added = (
        insert(tables.documents)
        .from_select(names, row)
        .on_conflict_do_nothing(index_elements=[tables.identity])
        .returning(*tables.shown)
        .cte("added")
    )
    return compiled(
        sa.union_all(
            sa.select(*changed.c, sa.false().label("inserted")),
            sa.select(*added.c, sa.true().label("inserted")),
        )
    )


def _rows(**kinds: TypeEngine[Any]) -> Any:
    """Return parallel arrays as rows, numbered in their order."""
    arrays = [
        sa.cast(sa.bindparam(name, type_=ARRAY(kind)), ARRAY(kind)) for name, kind in kinds.items()
    ]
    columns = [sa.column(name, kind) for name, kind in kinds.items()]
    return (
        sa.func.unnest(*arrays)
        .table_valued(*columns, with_ordinality="ordinal", name=f"given_{next(iter(kinds))}")
        .render_derived()
    )


def _given(tables: CollectionTables) -> Any:
    """Return documents as rows: their keys and contents, as they are carried."""
    return _rows(ids=tables.key_type, **_carried(tables.contents, ""))


def _carried(contents: Sequence[Content], role: str) -> dict[str, TypeEngine[Any]]:
    return {f"{role}contents{at}": each.carried for at, each in enumerate(contents)}


def _entries(role: str, tables: CollectionTables) -> Any:
    kinds: dict[str, TypeEngine[Any]] = {
        f"{role}_names": sa.Text(),
        f"{role}_keys": BYTEA(),
        f"{role}_ids": tables.key_type,
    }
    return _rows(**kinds)


def _unpacked(contents: Sequence[Content], given: Any, role: str = "") -> list[ColumnElement[Any]]:
    """Return contents that came as rows, of the types of their columns."""
    found = []
    for at, each in enumerate(contents):
        value = given.c[f"{role}contents{at}"]
        found.append(sa.cast(value, each.column.type) if each.unlike_carried else value)
    return found


def _alone(tables: CollectionTables) -> dict[Any, ColumnElement[Any]]:
    """Return the contents of the only document, by their columns."""
    found: dict[Any, ColumnElement[Any]] = {}
    for at, each in enumerate(tables.contents):
        value: ColumnElement[Any] = sa.bindparam(f"content{at}", type_=each.sent)
        found[each.column] = sa.cast(value, each.sent) if each.unlike_sent else value
    return found


def _names(tables: CollectionTables) -> list[str]:
    return [tables.identity.name, *(content.column.name for content in tables.contents)]


def _id(tables: CollectionTables) -> ColumnElement[Any]:
    """Return the key of the only document: its column may be a domain, which no driver knows."""
    return sa.cast(sa.bindparam("id", type_=tables.key_type), tables.key_type)


def _any_id(tables: CollectionTables) -> Any:
    return sa.any_(sa.bindparam("ids", type_=ARRAY(tables.key_type)))


def _with(
    tables: CollectionTables, shape: WriteShape, written: sa.CTE, *, replaced: bool = False
) -> Statement:
    """Return a write of documents together with the rest of its shape, as far as documents were written.

    Of documents that are `replaced` there may be elements already.
    """
    entries = tables.entries
    answer = sa.select(written.c.id)
    for at in shape.elements:
        if replaced:
            answer = answer.add_cte(_cut(tables, at, written).cte(f"cut{at}"))
        answer = answer.add_cte(_put(tables, at, written, replaced=replaced).cte(f"put{at}"))
    if shape.freed:
        given = _entries("freed", tables)
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
        given = _entries("taken", tables)
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
    if shape.taken_apart:
        apart = _taken_apart(tables, shape.taken_apart, written).returning(entries.c.id)
        answer = answer.add_cte(apart.cte("taken"))
    if shape.marked:
        row = sa.select(*_place(), _bytes("outcome")).where(sa.exists(sa.select(written.c.id)))
        answer = answer.add_cte(_mark(row).cte("marked"))
    return compiled(answer)


def _taken_apart(tables: CollectionTables, entries: int, written: sa.CTE) -> Any:
    """Return the statement that takes entries of the only document, if it was written."""
    rows = [
        sa.select(
            sa.cast(sa.bindparam(f"taken{at}_name", type_=sa.Text), sa.Text).label("index_name"),
            _bytes(f"taken{at}_key").label("key"),
            written.c.id,
        )
        for at in range(entries)
    ]
    taken = rows[0] if entries == 1 else sa.union_all(*rows)
    return sa.insert(tables.entries).from_select(["index_name", "key", "id"], taken)


def _cut(tables: CollectionTables, at: int, written: sa.CTE) -> Any:
    """Return the statement that deletes the elements beyond the ends of arrays."""
    elements = tables.elements[at]
    given = _rows(**{f"cut{at}_ids": tables.key_type, f"cut{at}_lengths": sa.Integer()})
    return (
        sa.delete(elements.table)
        .where(
            elements.parent == given.c[f"cut{at}_ids"],
            elements.position >= given.c[f"cut{at}_lengths"],
            elements.parent == written.c.id,
        )
        .returning(elements.position)
    )


def _put(tables: CollectionTables, at: int, written: sa.CTE, *, replaced: bool) -> Any:
    """Return the statement that makes elements be as given; what is so already is not written."""
    elements = tables.elements[at]
    role = f"put{at}_"
    given = _rows(
        **{f"{role}ids": tables.key_type, f"{role}positions": sa.Integer()},
        **_carried(elements.contents, role),
    )
    columns = [each.column for each in elements.contents]
    put = insert(elements.table).from_select(
        [elements.parent.name, elements.position.name, *(column.name for column in columns)],
        sa.select(
            given.c[f"{role}ids"],
            given.c[f"{role}positions"],
            *_unpacked(elements.contents, given, role),
        ).where(given.c[f"{role}ids"] == written.c.id),
    )
    if replaced:
        put = put.on_conflict_do_update(
            index_elements=[elements.parent, elements.position],
            set_={column.name: put.excluded[column.name] for column in columns},
            where=sa.or_(
                *(column.is_distinct_from(put.excluded[column.name]) for column in columns)
            ),
        )
    return put.returning(elements.position)


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
