"""A ledger that a verifier has begun, for the commands that write beside the verifier."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from proxy.ledger.engine import (
    reading_engine,
    shown_url,
    translated_failures,
    writing_engine,
)
from proxy.ledger.version import check_version


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Access:
    """How to read and to write a ledger; each is one transaction. Whoever only looks keeps no writer waiting."""

    where: str
    writer: AsyncEngine
    reader: AsyncEngine

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that writes; UnreachableError or CapacityError where it cannot."""
        with translated_failures(self.where):
            async with self.writer.begin() as connection:
                yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Give a connection that sees one state."""
        with translated_failures(self.where):
            async with self.reader.begin() as connection:
                yield connection


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Access]:
    """Open a ledger that is there; SettingsError where there is none, or one of another version."""
    where = shown_url(url)
    async with AsyncExitStack() as held:
        reader = reading_engine(url)
        held.push_async_callback(reader.dispose)
        with translated_failures(where):
            async with reader.connect() as connection:
                await check_version(connection, where)
        writer = writing_engine(url)
        held.push_async_callback(writer.dispose)
        yield Access(where=where, writer=writer, reader=reader)
