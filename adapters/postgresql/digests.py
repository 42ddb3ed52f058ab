"""Digests of stored documents: whether a range of a collection is equal to another one, without reading it here.

A document's digest is the first eight bytes of the MD5 of its BSON, as a signed number; that of a range is their sum, so
the order does not matter. It finds what is damaged by accident or by a defect, it is no protection against forgers.
PostgreSQL computes it over document tables itself. A row of a mapped table has to be made a document first.
"""

import hashlib
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import Any, Final, Self

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BIT, BYTEA
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import IdentityType
from adapters.operations.storage import Found
from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connection, Connections
from adapters.postgresql.failures import MOVED, state_of, unreachable
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.statements import SHAPES_KEPT
from adapters.postgresql.storage import AnyStorage
from adapters.postgresql.tables import CollectionTables
from adapters.sql.columns.elements import drifted
from adapters.sql.dialect import Statement, compiled
from adapters.sql.fence import fenced
from adapters.sql.keys import key_of
from adapters.sql.ranges import IdRange, Side, Within, within
from comparators.canonical import decode

ROWS_AT_ONCE: Final = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """How many documents there are, and the sum of their digests."""

    documents: int
    total: int


def digest_of(bson: bytes) -> int:
    """Return the digest of a document."""
    return int.from_bytes(hashlib.md5(bson, usedforsecurity=False).digest()[:8], signed=True)


class Digests:
    """Digests of what one PostgreSQL database stores. `async with Digests(dsn) as digests:` closes its connections."""

    def __init__(self, dsn: str, *, connections: int = 2) -> None:
        self._connections = Connections(dsn, limit=connections)
        self._catalog = PostgresCatalog(Layouts(self._connections), {})

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connections.close()

    async def namespaces(self) -> list[str]:
        """Return the collections that there are."""
        async with self._connection():
            return sorted(f"{database}.{name}" for database, name in self._catalog.namespaces())

    async def misfits(self, namespace: str) -> int:
        """Return how many rows there are whose place in a range only their documents tell."""
        async with self._connection() as connection:
            storage = self._storage(namespace)
            if not isinstance(storage, MappedStorage):
                return 0
            statement = _count_misfits(storage.tables, (storage.entity.identity.name,))
            return int(await connection.fetchval(statement.text))

    async def of(self, namespace: str, bounds: IdRange) -> Digest:
        """Return the digest of the documents in a range."""
        async with self._connection() as connection:
            storage = self._storage(namespace)
            if storage is None:
                return Digest(documents=0, total=0)
            if isinstance(storage, MappedStorage):
                found = [one async for _, one in self._mapped(connection, storage, bounds)]
                return Digest(documents=len(found), total=sum(found))
            shape, values = within(bounds, None)
            statement = _summed(storage.tables, shape)
            [row] = await connection.fetch(statement.text, *statement.arguments(values))
            return Digest(documents=row[0], total=int(row[1]))

    async def of_each(self, namespace: str, bounds: IdRange) -> dict[bytes, int]:
        """Return the digests of the documents in a range by the keys of their `_id`s."""
        async with self._connection() as connection:
            storage = self._storage(namespace)
            if storage is None:
                return {}
            if isinstance(storage, MappedStorage):
                found = self._mapped(connection, storage, bounds)
                return {key_of(identifier): one async for identifier, one in found}
            shape, values = within(bounds, None)
            statement = _listed(storage.tables, shape)
            rows = await connection.fetch(statement.text, *statement.arguments(values))
            return {row[0]: row[1] for row in rows}

    async def identifiers(
        self, namespace: str, bounds: IdRange, keys: Iterable[bytes]
    ) -> list[Any]:
        """Return the `_id`s of documents in a range by their keys; what is gone meanwhile is left out."""
        wanted = set(keys)
        async with self._connection() as connection:
            storage = self._storage(namespace)
            if storage is None or not wanted:
                return []
            if isinstance(storage, MappedStorage):
                found = self._mapped(connection, storage, bounds)
                return [identifier async for identifier, _ in found if key_of(identifier) in wanted]
            rows = await connection.fetch(_by_keys(storage.tables).text, list(wanted))
            return [decode(row[0])["_id"] for row in rows]

    async def every_identifier(self, namespace: str) -> AsyncIterator[Any]:
        """Yield the `_id`s of all documents."""
        async with self._connection() as connection:
            storage = self._storage(namespace)
            if storage is None:
                return
            everything = _rows(storage.tables, Within(lower=Side.ALL, upper=Side.ALL), ())
            async for found in self._found(connection, storage, everything, {}):
                yield found.document["_id"]

    async def _mapped(
        self, connection: Connection, storage: MappedStorage, bounds: IdRange
    ) -> AsyncIterator[tuple[Any, int]]:
        """Yield `_id` and digest of each document of a mapped table in a range."""
        identity = storage.entity.identity
        names = () if identity.type is IdentityType.KEY else (identity.name,)
        shape, values = within(bounds, identity)
        fitting = _rows(storage.tables, shape, names)
        async for found in self._found(connection, storage, fitting, values):
            yield found.document["_id"], digest_of(found.raw)
        if not names:
            return
        async for found in self._found(connection, storage, _misfits(storage.tables, names), {}):
            if bounds.holds(found.document["_id"]):
                yield found.document["_id"], digest_of(found.raw)

    async def _found(
        self,
        connection: Connection,
        storage: AnyStorage,
        statement: Statement,
        values: Mapping[str, Any],
    ) -> AsyncIterator[Found]:
        """Yield what a statement finds, a bounded number of rows at a time."""
        async with connection.transaction(readonly=True):
            cursor = await connection.cursor(statement.text, *statement.arguments(values))
            while rows := await cursor.fetch(ROWS_AT_ONCE):
                unknown = storage.unknown_layouts(rows)
                if unknown:
                    await self._catalog.layouts.read(connection, unknown)
                for row in rows:
                    yield storage.found(row)

    def _storage(self, namespace: str) -> AnyStorage | None:
        found = self._catalog.collection(*namespace.split(".", 1))
        return None if found is None else found.storage

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._connections.held() as connection:
                if not self._catalog.loaded:
                    await self._catalog.load(connection)
                yield connection
        except asyncpg.PostgresError as error:
            self._catalog.stale()
            if state_of(error) not in MOVED:
                raise
            raise unreachable(
                "a collection moved to another table meanwhile", self._connections.peer
            ) from error


def _hash(table: sa.Table) -> ColumnElement[Any]:
    """Return the digest of the document in a row: what `digest_of` returns."""
    hexadecimal = sa.func.left(sa.func.md5(table.c.bson), sa.literal_column("16"))
    bits = sa.literal_column("'x'", sa.Text).concat(hexadecimal)
    return sa.cast(sa.cast(bits, BIT(64)), sa.BigInteger)


@lru_cache(maxsize=SHAPES_KEPT)
def _summed(tables: CollectionTables, shape: Within) -> Statement:
    table = tables.documents
    total = sa.func.coalesce(sa.func.sum(_hash(table)), sa.literal_column("0"))
    chosen = sa.select(sa.func.count(), total).select_from(table)
    return compiled(chosen.where(*shape.conditions(tables.identity), fenced(table)))


@lru_cache(maxsize=SHAPES_KEPT)
def _listed(tables: CollectionTables, shape: Within) -> Statement:
    table = tables.documents
    chosen = sa.select(tables.identity, _hash(table))
    return compiled(chosen.where(*shape.conditions(tables.identity), fenced(table)))


@lru_cache(maxsize=SHAPES_KEPT)
def _by_keys(tables: CollectionTables) -> Statement:
    keys = sa.bindparam("keys", type_=ARRAY(BYTEA))
    table = tables.documents
    return compiled(sa.select(table.c.bson).where(tables.identity == sa.any_(keys), fenced(table)))


@lru_cache(maxsize=SHAPES_KEPT)
def _rows(tables: CollectionTables, shape: Within, names: tuple[str, ...]) -> Statement:
    """Return how rows of a range are read; `names` are columns that must not have drifted."""
    table = tables.documents
    found = sa.select(*tables.shown).where(*shape.conditions(tables.identity), fenced(table))
    if names:
        found = found.where(sa.or_(table.c["_drift"].is_(sa.null()), ~drifted(table, names)))
    return compiled(found)


@lru_cache(maxsize=SHAPES_KEPT)
def _misfits(tables: CollectionTables, names: tuple[str, ...]) -> Statement:
    """Return how the rows are read of which a column has drifted."""
    return compiled(sa.select(*tables.shown).where(*_of_misfits(tables, names)))


@lru_cache(maxsize=SHAPES_KEPT)
def _count_misfits(tables: CollectionTables, names: tuple[str, ...]) -> Statement:
    counted = sa.select(sa.func.count()).select_from(tables.documents)
    return compiled(counted.where(*_of_misfits(tables, names)))


def _of_misfits(tables: CollectionTables, names: tuple[str, ...]) -> list[ColumnElement[bool]]:
    table = tables.documents
    # Said twice, so that the partial index is seen to serve.
    return [table.c["_drift"].is_not(sa.null()), drifted(table, names), fenced(table)]
