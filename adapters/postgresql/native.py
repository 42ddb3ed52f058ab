"""Indexes of PostgreSQL beside those that are kept as entries: they make queries quick, and refuse nothing."""

from collections.abc import Iterable

import asyncpg
from sqlalchemy.schema import CreateIndex, DropIndex

from adapters.operations.indexes import Index
from adapters.postgresql.connections import Connection
from adapters.postgresql.failures import TOO_LONG, state_of
from adapters.postgresql.storage import AnyStorage
from adapters.sql.dialect import definition


async def make(connection: Connection, storage: AnyStorage, index: Index) -> None:
    """Make the index of PostgreSQL for an index, inside a transaction."""
    made = storage.native_index(index.specification)
    if made is None:
        return
    try:
        async with connection.transaction():
            await connection.execute(definition(CreateIndex(made, if_not_exists=True)))
    except asyncpg.PostgresError as error:
        # A document that was there before has a value that is too long: queries go without the index.
        if state_of(error) != TOO_LONG:
            raise


async def drop(
    connection: Connection, storage: AnyStorage, gone: Iterable[Index], left: Iterable[Index]
) -> None:
    """Drop the indexes of PostgreSQL that no index needs any more, inside a transaction."""
    needed = {
        made.name for each in left if (made := storage.native_index(each.specification)) is not None
    }
    for index in gone:
        made = storage.native_index(index.specification)
        if made is not None and made.name not in needed:
            await connection.execute(definition(DropIndex(made, if_exists=True)))
