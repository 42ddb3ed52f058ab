"""The tables of a collection with a map as the gateway uses them: what is written to them, what is read, how they are made."""

from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import Child, Column, ColumnType, EntityMap, IdentityType
from adapters.postgresql.array_text import array_text
from adapters.postgresql.tables import (
    CollectionTables,
    Content,
    ElementTable,
    entries_definitions,
    entries_table,
    schema_name,
)
from adapters.sql.dialect import definition, on_table
from adapters.sql.mapped_table import child_tables, mapped_table
from adapters.sql.names import named


def mapped_tables_of(database: str, entity: EntityMap) -> CollectionTables:
    """Return the tables of a collection with a map, whether or not they exist."""
    schema = schema_name(database)
    documents = mapped_table(entity, schema=schema)
    is_text = entity.identity.type is IdentityType.TEXT
    names = partial(_name, entity.table)
    entries = entries_table(names, schema, sa.Text() if is_text else BYTEA())
    technical = documents.c
    elements = [
        _elements_of(child, child_tables(documents)[child.table]) for child in entity.children
    ]
    return CollectionTables(
        documents=documents,
        identity=documents.c[entity.identity.name],
        ordinal=documents.c["_ordinal"],
        contents=(
            *(_content(column, documents.c[column.name]) for column in entity.columns),
            *_technical(documents),
        ),
        shown=(
            documents.c[entity.identity.name],
            *(_shown(column, documents.c[column.name]) for column in entity.columns),
            technical["_layout"],
            technical["_overflow"],
            *(
                _shown_elements(child, each, documents.c[entity.identity.name])
                for child, each in zip(entity.children, elements, strict=True)
            ),
        ),
        entries=entries,
        elements=tuple(elements),
        definitions=(
            definition(CreateSchema(schema, if_not_exists=True)),
            *(
                text
                for table in (documents, *(each.table for each in elements))
                for text in _made(table)
            ),
            *(
                definition(CreateIndex(each, if_not_exists=True))
                for each in sorted(documents.indexes, key=lambda index: str(index.name))
            ),
            *entries_definitions(names, entries),
        ),
    )


def _elements_of(child: Child, table: sa.Table) -> ElementTable:
    return ElementTable(
        table=table,
        parent=table.c[child.parent],
        position=table.c[child.position],
        contents=(
            *(_content(column, table.c[column.name]) for column in child.columns),
            *_technical(table),
        ),
    )


def _technical(table: sa.Table) -> tuple[Content, ...]:
    return (
        _plain(table.c["_layout"]),
        _plain(table.c["_overflow"]),
        _array(table.c["_nulls"]),
        _array(table.c["_drift"]),
    )


def _made(table: sa.Table) -> tuple[str, str]:
    return (
        definition(CreateTable(table, if_not_exists=True)),
        on_table("ALTER TABLE %(fullname)s ALTER COLUMN _overflow SET STORAGE EXTERNAL", table),
    )


def _shown_elements(
    child: Child, elements: ElementTable, identity: sa.Column[Any]
) -> ColumnElement[Any]:
    """Return the rows of the elements of a document, as one array in the order of their positions."""
    table = elements.table
    shown = [_carried_alone(column, table.c[column.name]) for column in child.columns]
    rows = (
        sa.select(sa.func.row(*shown, table.c["_layout"], table.c["_overflow"]))
        .where(elements.parent == identity)
        .order_by(elements.position)
        .correlate(identity.table)
    )
    return sa.func.array(rows.scalar_subquery(), type_=sa.types.NullType())


def _name(table: str, role: str) -> str:
    return named(table, role.removeprefix("~"))


def _content(column: Column, element: sa.Column[Any]) -> Content:
    if column.array:
        return _array(element, of_domain=column.type is ColumnType.OBJECTID)
    match column.type:
        case ColumnType.OBJECTID:
            return Content(
                column=element,
                sent=BYTEA(),
                carried=BYTEA(),
                unlike_sent=True,
                unlike_carried=True,
            )
        case ColumnType.JSONB:
            return Content(
                column=element, sent=element.type, carried=sa.Text(), unlike_carried=True
            )
        case ColumnType.TEXT | ColumnType.VARCHAR:
            return Content(column=element, sent=sa.Text(), carried=sa.Text())
        case _:
            return _plain(element)


def _plain(element: sa.Column[Any]) -> Content:
    return Content(column=element, sent=element.type, carried=element.type)


def _array(element: sa.Column[Any], *, of_domain: bool = False) -> Content:
    return Content(
        column=element,
        sent=ARRAY(BYTEA) if of_domain else element.type,
        carried=sa.Text(),
        unlike_sent=of_domain,
        unlike_carried=True,
        packed=array_text,
    )


def _shown(column: Column, element: sa.Column[Any]) -> ColumnElement[Any]:
    # Of arrays of a domain the driver would have to ask what they are.
    if column.array and column.type is ColumnType.OBJECTID:
        return sa.cast(element, ARRAY(BYTEA))
    return element


def _carried_alone(column: Column, element: sa.Column[Any]) -> ColumnElement[Any]:
    # Of what is in a row the driver cannot ask at all.
    if column.type is ColumnType.OBJECTID and not column.array:
        return sa.cast(element, BYTEA)
    return _shown(column, element)
