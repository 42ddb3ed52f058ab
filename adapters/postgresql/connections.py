"""Held connections: no statement pays for checking one out, and what broke is dropped, not reset.

A connection has one holder. It keeps its prepared statements by their text for life.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from urllib.parse import urlsplit

import asyncpg

from adapters.postgresql.codecs import set_codecs
from adapters.postgresql.failures import translated, unreachable

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

STATEMENTS_KEPT: Final = 1024
CONNECT_WITHIN_S: Final = 10.0
CLOSE_WITHIN_S: Final = 2.0
IDLE_FOR_S: Final = 60.0
"""Others may need what nobody here has used for so long: a server has a hundred connections unless told otherwise."""
SERVER_SETTINGS: Final = {
    "application_name": "parallax",
    # A statement whose client is gone ends within a second; its mark tells the retry what became of it.
    "client_connection_check_interval": "1s",
    # MongoDB reads its own acknowledged writes; nothing here waits longer than an operation.
    "idle_in_transaction_session_timeout": "5min",
    # Statements here are short; compiling them to machine code would take longer than they do.
    "jit": "off",
    # Drifted rows come behind the others: in parallel they would come in between.
    "max_parallel_workers_per_gather": "0",
    # As literals in statements are written (adapters/sql/dialect.py).
    "standard_conforming_strings": "on",
}

UNKNOWN_STATE: Final = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)


class Connections:
    """Up to `limit` connections, opened when needed and kept while they work, and are used every `idle_for_s` seconds."""

    def __init__(self, dsn: str, *, limit: int, idle_for_s: float = IDLE_FOR_S) -> None:
        self._dsn = dsn
        self._idle_for_s = idle_for_s
        self._idle: list[tuple[Connection, float]] = []
        """The one used last is at the end; with each, when that was by the loop's clock."""
        self._leaving: asyncio.TimerHandle | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._free = asyncio.Semaphore(limit)
        self._beside = asyncio.Lock()
        self._kept_aside: Connection | None = None
        address = urlsplit(dsn)
        self.peer: Final = f"{address.hostname or 'localhost'}:{address.port or 5432}"

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Connection]:
        """Lend a connection that works; UnreachableError when there is none to be had."""
        async with self._free:
            with translated(self.peer):
                connection = await self._taken()
                try:
                    yield connection
                except BaseException as error:
                    self._give_back(connection, error)
                    raise
                self._give_back(connection, None)

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[Connection]:
        """Lend a connection beside the others: whoever waits for it may hold one of those."""
        async with self._beside:
            with translated(self.peer):
                connection, self._kept_aside = self._kept_aside, None
                if connection is None or connection.is_closed():
                    connection = await self._opened()
                try:
                    yield connection
                except BaseException:
                    connection.terminate()
                    raise
                self._kept_aside = connection

    async def row(self, text: str, *arguments: object) -> asyncpg.Record | None:
        """Return the one row that a statement reads, None when there is none.

        As with `held`, but without the price of its context managers: they cost a sixth of a read by key.
        """
        async with self._free:
            connection = None
            try:
                connection = await self._taken()
                row = await connection.fetchrow(text, *arguments)
            except BaseException as error:
                if connection is not None:
                    self._give_back(connection, error)
                with translated(self.peer):
                    raise
            self._give_back(connection, None)
            return row

    async def rows(self, text: str, arguments: Sequence[object]) -> list[asyncpg.Record]:
        """Return the rows of a statement, as `row` does its one."""
        async with self._free:
            connection = None
            try:
                connection = await self._taken()
                rows = await connection.fetch(text, *arguments)
            except BaseException as error:
                if connection is not None:
                    self._give_back(connection, error)
                with translated(self.peer):
                    raise
            self._give_back(connection, None)
            return rows

    async def close(self) -> None:
        """Close what is idle; nobody may hold a connection any more."""
        if self._leaving is not None:
            self._leaving.cancel()
        if self._ending:
            await asyncio.wait(self._ending)
        while self._idle:
            await closed(self._idle.pop()[0])
        if self._kept_aside is not None:
            await closed(self._kept_aside)

    async def _taken(self) -> Connection:
        # The last one given back is the likeliest to be warm.
        while self._idle:
            connection, _since = self._idle.pop()
            if not connection.is_closed():
                return connection
        return await self._opened()

    async def _opened(self) -> Connection:
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                connection = await asyncpg.connect(
                    self._dsn,
                    statement_cache_size=STATEMENTS_KEPT,
                    max_cached_statement_lifetime=0,
                    max_cacheable_statement_size=0,
                    server_settings=SERVER_SETTINGS,
                )
                try:
                    await set_codecs(connection)
                except BaseException:
                    connection.terminate()
                    raise
                return connection
        except TimeoutError as error:
            raise unreachable("PostgreSQL does not answer", self.peer) from error

    def _give_back(self, connection: Connection, error: BaseException | None) -> None:
        # A cancelled or lost exchange leaves the connection in an unknown state; anything else was
        # raised between two exchanges.
        in_order = error is None or (
            isinstance(error, Exception) and not isinstance(error, UNKNOWN_STATE)
        )
        if in_order and not connection.is_closed() and not connection.is_in_transaction():
            loop = asyncio.get_running_loop()
            self._idle.append((connection, loop.time()))
            if self._leaving is None:
                self._leaving = loop.call_later(self._idle_for_s, self._leave)
        else:
            connection.terminate()

    def _leave(self) -> None:
        """Close what was not used for long, and look again when the next one might be."""
        loop = asyncio.get_running_loop()
        unused_since = loop.time() - self._idle_for_s
        while self._idle and self._idle[0][1] <= unused_since:
            connection, _since = self._idle.pop(0)
            ending = loop.create_task(closed(connection))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
        self._leaving = None
        if self._idle:
            self._leaving = loop.call_at(self._idle[0][1] + self._idle_for_s, self._leave)


async def closed(connection: Connection) -> None:
    """Close a connection, hard where it does not end by itself."""
    try:
        await connection.close(timeout=CLOSE_WITHIN_S)
    except (TimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
