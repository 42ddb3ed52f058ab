"""Documents in the typed columns of a mapped table."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import sqlalchemy as sa
from asyncpg import Record
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import Column, ColumnType, EntityMap, IdentityType
from adapters.entities.identity import identity_key
from adapters.entities.rows import RowCodec
from adapters.postgresql.array_text import array_text
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.narrowing import identities_of_filter
from adapters.postgresql.storage import Contents, Found
from adapters.postgresql.tables import (
    CollectionTables,
    Content,
    entries_definitions,
    entries_table,
    schema_name,
)
from adapters.query.filter import And, Filter
from adapters.query.sort import Sort
from adapters.sql.build import ReadShape, shape_of, values_of
from adapters.sql.dialect import Statement, compiled, definition, on_table
from adapters.sql.mapped_table import mapped_table
from adapters.sql.names import named
from adapters.sql.plan import EVERYTHING, Order, Plan, Selection, plan_read


class MappedStorage:
    """Fulfil `Storage` for a collection with a map."""

    def __init__(self, database: str, entity: EntityMap, layouts: Layouts) -> None:
        self.entity = entity
        self.tables = mapped_tables_of(database, entity)
        self._layouts = layouts
        self._codec = RowCodec(entity)
        self._width = 1 + len(entity.columns)
        self._statements: dict[Any, Statement] = {}

    def key_of(self, identifier: Any) -> Any:
        return identity_key(self.entity.identity, identifier).value

    def contents_of(self, document: dict[str, Any], bson: bytes) -> Contents:  # noqa: ARG002 - of the interface
        row = self._codec.row_of(document)
        number = None if row.layout is None else row.layout.number
        rest = (number, row.overflow, list(row.nulls) or None, list(row.drift) or None)
        return Contents(values=(*row.values[1:], *rest), layout=row.layout)

    def found(self, row: Record) -> Found:
        width = self._width
        number = row[width]
        layout = None if number is None else self._layouts.get(number)
        return Found(document=self._codec.document_of(row[:width], layout, row[width + 1]))

    def unknown_layouts(self, rows: Sequence[Record]) -> set[int]:
        numbers = {row[self._width] for row in rows} - {None}
        return {number for number in numbers if self._layouts.get(number) is None}

    def selection_of(self, tree: Filter) -> Selection:
        parts = tree.children if isinstance(tree, And) else (tree,)
        if not parts:
            return EVERYTHING
        for part in parts:
            keys = identities_of_filter(part, self.key_of)
            if keys is not None:
                return Selection(ids=keys, exact=len(parts) == 1)
        return Selection(why=("the filter is not about `_id`",))

    def plan(
        self, selection: Selection, *, sort: Sort, skip: int, limit: int | None, projection: bool
    ) -> Plan:
        order = None if sort else Order.NATURAL
        return plan_read(selection, order=order, skip=skip, limit=limit, projection=projection)

    def find(self, plan: Plan) -> Statement:
        return self._kept("find", plan, False)

    def find_rows(self, plan: Plan, *, locked: bool) -> Statement:
        return self._kept("rows", plan, locked)

    def count(self, plan: Plan) -> Statement:
        return self._kept("count", plan, False)

    def values_of(self, plan: Plan) -> Mapping[str, Any]:
        return {**values_of(plan.selection), "skip": plan.skip, "limit": plan.limit}

    def _kept(self, use: str, plan: Plan, locked: bool) -> Statement:
        shape = shape_of(plan)
        place = (use, shape, locked)
        found = self._statements.get(place)
        if found is None:
            found = self._statements[place] = self._made(use, shape, locked)
        return found

    def _made(self, use: str, shape: ReadShape, locked: bool) -> Statement:
        tables = self.tables
        match use:
            case "rows":
                version = tables.documents.c.xmin
                statement = self._read(shape, *tables.shown, tables.identity, version)
                return compiled(statement.with_for_update() if locked else statement)
            case "count":
                selected = self._read(shape, sa.literal_column("1")).subquery()
                return compiled(sa.select(sa.func.count()).select_from(selected))
            case _:
                return compiled(self._read(shape, *tables.shown))

    def _read(self, shape: ReadShape, *columns: ColumnElement[Any]) -> sa.Select[Any]:
        tables, kind = self.tables, self.tables.key_type
        statement = sa.select(*columns).select_from(tables.documents)
        if shape.selection.ids == "one":
            statement = statement.where(tables.identity == sa.bindparam("id", type_=kind))
        elif shape.selection.ids == "many":
            among = sa.any_(sa.bindparam("ids", type_=ARRAY(kind)))
            statement = statement.where(tables.identity == among)
        if shape.order is not Order.NONE:
            statement = statement.order_by(tables.ordinal)
        if shape.skip:
            statement = statement.offset(sa.bindparam("skip", type_=sa.BigInteger))
        if shape.limit:
            statement = statement.limit(sa.bindparam("limit", type_=sa.BigInteger))
        return statement


def mapped_tables_of(database: str, entity: EntityMap) -> CollectionTables:
    """Return the tables of a collection with a map, whether or not they exist."""
    schema = schema_name(database)
    documents = mapped_table(entity, schema=schema)
    is_text = entity.identity.type is IdentityType.TEXT
    names = partial(_name, entity.table)
    entries = entries_table(names, schema, sa.Text() if is_text else BYTEA())
    technical = documents.c
    return CollectionTables(
        documents=documents,
        identity=documents.c[entity.identity.name],
        ordinal=documents.c["_ordinal"],
        contents=(
            *(_content(column, documents.c[column.name]) for column in entity.columns),
            _plain(technical["_layout"]),
            _plain(technical["_overflow"]),
            _array(technical["_nulls"]),
            _array(technical["_drift"]),
        ),
        shown=(
            documents.c[entity.identity.name],
            *(_shown(column, documents.c[column.name]) for column in entity.columns),
            technical["_layout"],
            technical["_overflow"],
        ),
        entries=entries,
        definitions=(
            definition(CreateSchema(schema, if_not_exists=True)),
            definition(CreateTable(documents, if_not_exists=True)),
            on_table(
                "ALTER TABLE %(fullname)s ALTER COLUMN _overflow SET STORAGE EXTERNAL", documents
            ),
            *(
                definition(CreateIndex(each, if_not_exists=True))
                for each in sorted(documents.indexes, key=lambda index: str(index.name))
            ),
            *entries_definitions(names, entries),
        ),
    )


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
