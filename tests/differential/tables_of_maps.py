"""Tables of maps on a real PostgreSQL, filled with documents and read by plans, without a gateway."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import asyncpg
import sqlalchemy as sa
from bson.datetime_ms import DatetimeMS
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import ClauseElement

from adapters.entities.encoding import Row
from adapters.entities.entity import EntityMap
from adapters.entities.layout import WHOLE, Layout
from adapters.entities.rows import RowCodec
from adapters.sql.columns.places import Columns
from adapters.sql.dialect import compiled, definition
from adapters.sql.mapped_table import child_tables, mapped_table

Document = dict[str, Any]
EPOCH_MS: Final = 946_684_800_000


class MappedTable:
    """The table of one map, over one connection."""

    def __init__(
        self, connection: "asyncpg.Connection[asyncpg.Record]", entity: EntityMap, table: sa.Table
    ) -> None:
        self.connection = connection
        self.entity = entity
        self.table = table
        self.columns = Columns(entity)
        self.codec = RowCodec(entity)
        self.layouts: dict[int, Layout] = {}

    def __repr__(self) -> str:
        return f"the table of {self.entity.identity.type}"

    async def fill(self, documents: Sequence[Document]) -> None:
        """Have the table hold these documents and no others."""
        await self.connection.execute(compiled(sa.delete(self.table)).text)
        names = [
            self.entity.identity.name,
            *(column.name for column in self.entity.columns),
            *("_layout", "_overflow", "_nulls", "_drift"),
        ]
        insert = compiled(
            sa.insert(self.table).values(
                {
                    name: sa.bindparam(f"v{at}", type_=sa.types.NullType())
                    for at, name in enumerate(names)
                }
            )
        )
        rows = []
        elements: dict[str, list[Any]] = {child.table: [] for child in self.entity.children}
        for document in documents:
            row = self.codec.row_of(document)
            if row.layout is not None:
                self.layouts[row.layout.number] = row.layout
            values = (*row.values, *_rest(row))
            rows.append(insert.arguments({f"v{at}": value for at, value in enumerate(values)}))
            for child, of_child in zip(self.entity.children, row.elements, strict=True):
                elements[child.table] += [
                    (row.values[0], at, *each.values, *_rest(each))
                    for at, each in enumerate(of_child)
                ]
                self.layouts |= {
                    each.layout.number: each.layout for each in of_child if each.layout is not None
                }
        await self.connection.executemany(insert.text, rows)
        for name, given in elements.items():
            child_table = child_tables(self.table)[name]
            await self.connection.copy_records_to_table(
                name, schema_name=child_table.schema, records=given
            )

    async def first_ordinal(self) -> int:
        """Return the ordinal of the first document."""
        rows = await self.fetch(sa.select(sa.func.min(self.table.c["_ordinal"])), {})
        return int(rows[0][0])

    def layout(self, number: int) -> Layout:
        """Return a layout by its number."""
        return self.layouts.get(number, WHOLE)

    async def documents(self) -> list[Document]:
        """Return the documents that the rows give."""
        names = [self.entity.identity.name, *(column.name for column in self.entity.columns)]
        columns = [self.table.c[name] for name in (*names, "_layout", "_overflow")]
        rows = await self.fetch(sa.select(*columns).order_by(self.table.c["_ordinal"]), {})
        elements = [await self._elements(at) for at in range(len(self.entity.children))]
        return [
            self.codec.document_of(
                [*row.values()][:-2],
                self._layout(row),
                row["_overflow"],
                [of_child.get(row[0], []) for of_child in elements],
            )
            for row in rows
        ]

    async def _elements(self, at: int) -> dict[Any, list[Any]]:
        """Return the elements of one child table by the key of the parent."""
        child, codec = self.entity.children[at], self.codec.elements[at]
        table = child_tables(self.table)[child.table]
        names = [child.parent, *(column.name for column in child.columns), "_layout", "_overflow"]
        statement = sa.select(*(table.c[name] for name in names)).order_by(table.c[child.position])
        found: dict[Any, list[Any]] = {}
        for row in await self.fetch(statement, {}):
            element = codec.document_of([*row.values()][1:-2], self._layout(row), row["_overflow"])
            found.setdefault(row[0], []).append(element)
        return found

    def _layout(self, row: asyncpg.Record) -> Layout | None:
        return None if row["_layout"] is None else self.layout(row["_layout"])

    async def fetch(self, statement: ClauseElement, values: dict[str, Any]) -> list[asyncpg.Record]:
        """Return the rows of a statement."""
        made = compiled(statement)
        return await self.connection.fetch(made.text, *made.arguments(values))


@asynccontextmanager
async def table_of(dsn: str, entity: EntityMap) -> AsyncIterator[MappedTable]:
    """Make the table of a map."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.set_type_codec(
            "timestamptz", schema="pg_catalog", encoder=_sent, decoder=_received, format="tuple"
        )
        await connection.execute(
            "CREATE SCHEMA parallax; CREATE DOMAIN parallax.objectid AS bytea; CREATE SCHEMA twin"
        )
        table = mapped_table(entity, schema="twin")
        for each in (table, *child_tables(table).values()):
            await connection.execute(definition(CreateTable(each)))
        for index in table.indexes:
            await connection.execute(definition(CreateIndex(index)))
        yield MappedTable(connection, entity, table)
    finally:
        await connection.close()


def _rest(row: Row) -> tuple[Any, ...]:
    number = None if row.layout is None else row.layout.number
    return number, row.overflow, list(row.nulls) or None, list(row.drift) or None


def _sent(value: DatetimeMS) -> tuple[int]:
    return ((int(value) - EPOCH_MS) * 1000,)


def _received(value: tuple[int]) -> DatetimeMS:
    return DatetimeMS(value[0] // 1000 + EPOCH_MS)
