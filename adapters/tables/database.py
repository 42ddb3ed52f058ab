"""A `Database` on tables of documents: every operation is one transaction, and every transaction sees one catalog."""

import time
from asyncio import Lock
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, suppress
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.schema import CreateTable

from adapters.gateway import ConflictError, Generated
from adapters.operations.expiration import expire
from adapters.operations.refusals import RacedError, TakenError, failure_of
from adapters.operations.running import run_read, timed, with_collation, write_of
from adapters.operations.special import check_ordinary
from adapters.query.failures import CommandFailure
from adapters.tables.catalog import FIRST_VERSION, TablesCatalog, version_of
from adapters.tables.dialect import WRITES, Dialect
from adapters.tables.session import TablesSession
from adapters.tables.storage import TablesStorage
from adapters.tables.tables import tables_for
from comparators.errors import UnreachableError
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome

TRIES: Final = 8
AGAIN_S: Final = 4.0
"""Who has waited so long for others is told, instead of waiting once more."""

NOTHING_GENERATED: Final = Generated(now_ms=0)


class TablesDatabase:
    """One SQL database behind repositories; it connects when first used, and makes its tables.

    `async with TablesDatabase(url, dialect, connections=4) as database:` closes its connections at the end.
    """

    def __init__(self, url: str, dialect: Dialect, *, connections: int) -> None:
        self._dialect = dialect
        self._peer = dialect.peer_of(url)
        self._engine = dialect.engine(url, connections=connections)
        self._tables = tables_for(dialect)
        self._catalog = self._empty(FIRST_VERSION)
        self._preparing = Lock()
        self._prepared = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._engine.dispose()

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation."""
        started = time.perf_counter()
        writes = write_of(operation) is not None
        for _ in range(TRIES):
            try:
                async with self._opened(writes=writes) as transaction:
                    return timed(await transaction.alone(operation, generated), started)
            except CommandFailure as failure:
                return timed(Outcome(result=failure_of(failure), duration_s=0.0), started)
            except (TakenError, ConflictError):
                # Nothing was done, and those that stood in the way may be through.
                if time.perf_counter() - started > AGAIN_S:
                    break
        raise self._away("others keep writing the same documents")

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["TablesTransaction"]:
        """Open a transaction: committed at a clean exit, else rolled back; ConflictError where it may be tried again."""
        async with self._opened(writes=False, fixed=True) as transaction:
            yield transaction

    async def reachable(self) -> None:
        """Return when the database answers; UnreachableError when it does not."""
        with self._translated():
            async with self._engine.connect() as connection:
                await connection.scalar(sa.select(sa.literal_column("1")))

    def with_expiry(self) -> Sequence[str]:
        """Return the namespaces that have a TTL index, as far as definitions were read."""
        return sorted({f"{database}.{name}" for (database, name), _ in self._catalog.expiring()})

    async def expire(self, namespace: str, *, now_ms: int, grace_s: int = 0) -> Sequence[Any]:
        """Delete the documents that are past the date of a TTL index, and return their `_id`s."""
        database, collection = namespace.split(".", 1)
        operation = Operation(
            database=database, collection=collection, kind=Kind.DELETE, arguments={}
        )
        async with self._opened(writes=True) as transaction:
            session = transaction.session(operation, NOTHING_GENERATED)
            return await expire(session, now_ms - grace_s * 1000)

    @asynccontextmanager
    async def _opened(
        self, *, writes: bool, fixed: bool = False
    ) -> AsyncIterator["TablesTransaction"]:
        """Begin a transaction; definitions stay as they are while it `writes`, or where they are `fixed`."""
        with self._translated():
            await self._prepare()
            async with self._connection(writes=writes) as connection:
                async with connection.begin():
                    catalog = await self._current(connection, fixed=writes or fixed)
                    transaction = TablesTransaction(connection, catalog.copy(), self._translated)
                    yield transaction
                # Committed: what was defined inside is what all see now.
                if transaction.catalog.database_version != catalog.database_version:
                    self._catalog = transaction.catalog

    async def _current(self, connection: AsyncConnection, *, fixed: bool) -> TablesCatalog:
        version = await version_of(connection, self._tables, fixed=fixed)
        if version != self._catalog.database_version:
            found = self._empty(version)
            await found.load(connection)
            self._catalog = found
        return self._catalog

    def _empty(self, version: int) -> TablesCatalog:
        storage = TablesStorage(dialect=self._dialect)
        return TablesCatalog(self._tables, storage, database_version=version)

    async def _prepare(self) -> None:
        """Make the tables where they do not exist."""
        async with self._preparing:
            if not self._prepared:
                async with self._connection(writes=True) as connection:
                    await self._make_tables(connection)
                self._prepared = True

    async def _make_tables(self, connection: AsyncConnection) -> None:
        async with connection.begin():
            for table in self._tables.all:
                await connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    # MySQL has no way to say so in the statement.
                    await connection.run_sync(index.create, checkfirst=True)
        # Another process may have been first, or this one on another day.
        with suppress(IntegrityError):
            async with connection.begin():
                first = {"one": 1, "version": FIRST_VERSION}
                await connection.execute(sa.insert(self._tables.state).values(first))

    @asynccontextmanager
    async def _connection(self, *, writes: bool) -> AsyncIterator[AsyncConnection]:
        async with self._engine.connect() as connection:
            yield await connection.execution_options(**{WRITES: writes})

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn errors of the database into ours, as far as they are no matter of one operation."""
        try:
            yield
        except RacedError as error:
            raise self._conflict() from error
        except DBAPIError as error:
            if self._dialect.is_conflict(error):
                raise self._conflict() from error
            refusal = self._dialect.refusal(error, self._peer)
            if refusal is not None:
                raise refusal from error
            if error.connection_invalidated or self._dialect.is_away(error):
                raise self._away(f"{self._dialect.title} does not answer") from error
            raise
        except (PoolTimeoutError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise self._away(str(error) or type(error).__name__) from error

    def _conflict(self) -> ConflictError:
        return ConflictError(
            "another transaction writes the same documents",
            where=self._peer,
            remedy="try it again",
        )

    def _away(self, what: str) -> UnreachableError:
        return UnreachableError(
            what,
            where=self._peer,
            remedy=f"check that {self._dialect.title} is there and lets you in if this lasts",
        )


class TablesTransaction:
    """Operations that take effect together; each in a savepoint of its own."""

    def __init__(
        self,
        connection: AsyncConnection,
        catalog: TablesCatalog,
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._connection = connection
        self._translated = translated
        self.catalog = catalog

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation inside the transaction."""
        started = time.perf_counter()
        before = self.catalog
        self.catalog = before.copy()
        try:
            with self._translated():
                async with self._connection.begin_nested():
                    return timed(await self.alone(operation, generated), started)
        except CommandFailure as failure:
            self.catalog = before
            return timed(Outcome(result=failure_of(failure), duration_s=0.0), started)

    async def alone(self, operation: Operation, generated: Generated) -> Outcome:
        """Run one operation that is all of the transaction, or of a savepoint; CommandFailure where it is refused."""
        session = self.session(operation, generated)
        check_ordinary(operation, self.catalog)
        write = write_of(operation)
        outcome = await (run_read(session) if write is None else write(session))
        return with_collation(session.told(outcome), session)

    def session(self, operation: Operation, generated: Generated) -> TablesSession:
        """Return the session of an operation."""
        return TablesSession(
            connection=self._connection,
            catalog=self.catalog,
            operation=operation,
            generated=generated,
        )
