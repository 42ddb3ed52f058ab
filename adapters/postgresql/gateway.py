"""The gateway on PostgreSQL: operations as MongoDB would answer them, from document tables."""

import math
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any, Final, Self

import asyncpg
import sqlalchemy as sa
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.entities.entity import EntityMap
from adapters.gateway import Applied, Expiry, Footprint, Generated, Mark, Staged
from adapters.operations.expiration import expire, expired
from adapters.operations.refusals import RacedError, failure_of
from adapters.operations.running import WRITES, run_read, timed, with_collation
from adapters.operations.special import check_ordinary
from adapters.postgresql import marks, statements
from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.connections import Connection, Connections
from adapters.postgresql.explanations import Explanations
from adapters.postgresql.failures import (
    CONFLICTS,
    MOVED,
    REPEAT,
    TOO_LONG,
    MovedError,
    conflict,
    state_of,
    unreachable,
)
from adapters.postgresql.filling import merge
from adapters.postgresql.footprints import footprint_of, matching_ids
from adapters.postgresql.images import images, put_images
from adapters.postgresql.known import KnownOperations
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.outlines import TAKEN, has_usual_options
from adapters.postgresql.session import PostgresSession
from adapters.postgresql.writes import TRIES, apply, write_of
from adapters.query.failures import CommandFailure
from adapters.sql.dialect import compiled
from comparators.errors import UnreachableError
from comparators.operation import Kind, Operation
from comparators.outcome import Answered, Documents, Outcome

CONNECTIONS: Final = 16
NO_MAPS: Final[Mapping[str, EntityMap]] = {}
NOTHING_GENERATED: Final = Generated(now_ms=0)
WITHOUT_WAITING: Final = compiled(
    sa.select(
        sa.func.set_config(
            sa.literal_column("'lock_timeout'"), sa.literal_column("'50ms'"), sa.true()
        )
    )
)
"""As MongoDB's transactions: one that meets another's uncommitted write is refused, not kept waiting."""
ANYTHING: Final = compiled(sa.select(sa.literal_column("1")))
WITH_PLANS: Final = frozenset({*TAKEN, Kind.INSERT})
PLAIN_IDENTITIES: Final = frozenset({ObjectId, str, int, Int64})
PLAIN_FIND: Final = frozenset({"filter", "limit", "singleBatch", "batchSize"})


class PostgresGateway:
    """A gateway on one PostgreSQL database; it connects when first used.

    `async with PostgresGateway(dsn) as gateway:` closes its connections at the end. The outcome of an operation
    that takes longer than `explain_beyond_s` seconds comes with the plans of its statements. With `as_values` it gives the
    documents that it found as the values that it has (`Unencoded`), where it may.
    """

    def __init__(
        self,
        dsn: str,
        *,
        connections: int = CONNECTIONS,
        entities: Mapping[str, EntityMap] = NO_MAPS,
        explain_beyond_s: float = math.inf,
        as_values: bool = False,
    ) -> None:
        self._connections = Connections(dsn, limit=connections)
        self._catalog = PostgresCatalog(Layouts(self._connections), entities)
        self._known = KnownOperations(self._catalog, self._connections, as_values=as_values)
        self._explain_beyond_s = explain_beyond_s
        self._explanations = Explanations()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connections.close()

    async def ready(self) -> None:
        """Connect and read the catalog; UnreachableError when PostgreSQL is away."""
        async with self._connection():
            pass

    async def reachable(self) -> None:
        """Return when PostgreSQL answers, beside all that it is asked already."""
        async with self._connections.aside() as connection:
            await connection.fetchval(ANYTHING.text)

    async def namespaces(self) -> Sequence[tuple[str, str]]:
        """Return the collections that there are, each as database and name."""
        async with self._connection():
            return sorted(self._catalog.namespaces())

    async def run(
        self, operation: Operation, *, generated: Generated, mark: Mark | None = None
    ) -> Outcome:
        """Run one operation; a write whose mark was applied before returns its first outcome."""
        started = time.perf_counter()
        try:
            if operation.kind is Kind.FIND:
                identifier = _plain_identifier(operation.arguments)
                if identifier is not None and await self._is_plain(operation):
                    documents = await self._find_by_id(operation, identifier)
                    return Outcome(
                        result=documents,
                        duration_s=time.perf_counter() - started,
                        answered=Answered.PUSHED_DOWN,
                    )
            if operation.kind in WITH_PLANS:
                outcome = await self._run_known(operation, mark, started)
                if outcome is not None:
                    return outcome
            return await self._run(operation, generated, mark, started)
        except CommandFailure as failure:
            return timed(Outcome(result=failure_of(failure), duration_s=0.0), started)
        except MovedError:
            # Nothing was done. The catalog is read anew.
            return await self._run_again(operation, generated, mark, started)

    @asynccontextmanager
    async def transaction(
        self, mark: Mark | None = None, *, isolated: bool = False
    ) -> AsyncIterator["PostgresTransaction"]:
        """Open a transaction: committed at a clean exit (together with its mark), else rolled back.

        One whose mark was applied before is rolled back too, without an error. One that is `isolated` reads one
        snapshot, and does not wait for other writers.
        """
        async with self._connection() as connection:
            before = self._catalog.version
            try:
                async with connection.transaction(
                    isolation="repeatable_read" if isolated else None
                ):
                    if isolated:
                        await connection.execute(WITHOUT_WAITING.text)
                    transaction = PostgresTransaction(connection, self._catalog)
                    yield transaction
                    if mark is not None:
                        await _mark_transaction(connection, mark, transaction.touched)
            except _AppliedBeforeError:
                self._catalog.undone(since=before)
            except BaseException as error:
                self._catalog.undone(since=before)
                if state_of(error) == TOO_LONG:
                    self._catalog.stale()
                if isolated and state_of(error) in CONFLICTS:
                    raise conflict(self._connections.peer) from error
                if state_of(error) in REPEAT | MOVED | {TOO_LONG}:
                    raise unreachable(
                        "the transaction was undone", self._connections.peer
                    ) from error
                raise

    async def marked(self, beginning: str) -> Mapping[str, int]:
        """Return the logs whose names begin so and that have marks, with the last position of each."""
        async with self._connection() as connection:
            return await marks.logs(connection, beginning)

    async def applied(self, mark: Mark) -> bool:
        """Return whether a mark has been applied."""
        async with self._connection() as connection:
            return await marks.outcome_of(connection, mark) is not None

    async def forgo(self, mark: Mark) -> None:
        """See to it that a write is not applied any more, though an attempt may still be under way."""
        async with self._connection() as connection:
            await marks.forgo(connection, mark)

    async def unforgotten(self, log: str) -> Sequence[Applied]:
        """Return what the marks of a log tell of the documents that were touched."""
        async with self._connection() as connection:
            return await marks.touched(connection, log)

    async def forget_marks(self, log: str, *, below: int) -> None:
        """Delete the marks of a log under a position that will not be replayed."""
        async with self._connection() as connection:
            await marks.forget(connection, log, below)

    @property
    def definitions(self) -> int:
        """Return a number that changes with every collection and index that this gateway defines."""
        return self._catalog.version

    def redefined(self) -> None:
        """Have collections and indexes read anew: another process has defined some."""
        self._catalog.stale()

    def footprint(self, operation: Operation) -> tuple[Footprint, ...]:
        """Return what the operation touches, judged by the indexes known now."""
        return footprint_of(operation, self._catalog)

    async def images(self, namespace: str, ids: Sequence[Any]) -> Mapping[bytes, bytes]:
        """Return the stored documents as raw BSON by `canonical.document_key` of their `_id`."""
        async with self._connection() as connection:
            return await images(self._session_of(connection, namespace), ids)

    async def put_images(
        self, namespace: str, images: Mapping[bytes, tuple[Any, bytes | None]]
    ) -> None:
        """Make the stored documents equal to the images; entries that stand in the way give way.

        ConflictError where others write the same documents all the time.
        """
        for _ in range(TRIES):
            async with self._connection() as connection:
                session = self._session_of(connection, namespace)
                await session.ensure()
                try:
                    async with connection.transaction():
                        await put_images(session, images)
                except asyncpg.PostgresError as error:
                    if state_of(error) not in REPEAT:
                        raise
                else:
                    return
        raise conflict(namespace)

    async def merge(self, namespace: str, staged: Staged) -> bool:
        """Make a collection hold what is staged and, in its range, nothing else."""
        async with self._connection() as connection:
            session = self._session_of(connection, namespace)
            if not session.exists:
                return False
            try:
                async with connection.transaction():
                    return await merge(session, staged)
            except asyncpg.PostgresError as error:
                if state_of(error) not in MOVED | {TOO_LONG}:
                    raise
                # Staged for another table, or before an index was made that cannot hold a value.
                self._catalog.stale()
                return False

    async def matching_ids(self, operation: Operation) -> Sequence[Any]:
        """Return the `_id`s that the filters of a write select now (not the ones it would insert)."""
        async with self._connection() as connection:
            return await matching_ids(self._session(connection, operation, NOTHING_GENERATED))

    async def expiring(self, namespace: str) -> Sequence[Expiry]:
        """Return the TTL indexes of a collection."""
        async with self._connection():
            found = self._catalog.collection(*namespace.split(".", 1))
        indexes = () if found is None else found.indexes
        return tuple(index.expiry for index in indexes if index.expiry is not None)

    def with_expiry(self) -> Sequence[str]:
        """Return the namespaces that have a TTL index."""
        return sorted({f"{database}.{name}" for (database, name), _ in self._catalog.expiring()})

    async def expired(self, namespace: str, *, now_ms: int) -> Sequence[Any]:
        """Return the `_id`s of the documents that are past the date of a TTL index."""
        async with self._connection() as connection:
            session = self._session_of(connection, namespace)
            found = await expired(session, now_ms, locked=False)
        return [each.document["_id"] for each in found]

    async def expire(
        self, namespace: str, *, now_ms: int, grace_s: int = 0, mark: Mark | None = None
    ) -> Sequence[Any]:
        """Delete the documents that are past the date of a TTL index, and return their `_id`s.

        `grace_s` seconds are added to every limit. They are marked like any write, if there are some.
        """
        async with self._connection() as connection:
            session = self._session_of(connection, namespace)
            async with connection.transaction():
                gone = await expire(session, now_ms - grace_s * 1000)
                if gone and mark is not None:
                    await marks.write_transaction(connection, mark, {namespace: gone})
                return gone

    async def _run_known(
        self, operation: Operation, mark: Mark | None, started: float
    ) -> Outcome | None:
        """Run an operation by a plan that is there, None where it takes the general way."""
        if not self._catalog.loaded:
            await self.ready()
        try:
            ran = await self._known.run(operation, mark, started)
        except UnreachableError:
            self._catalog.stale()
            raise
        except asyncpg.PostgresError as error:
            if state_of(error) in MOVED:
                raise self._moved() from error
            # Nothing was done, and the general way knows what to make of it.
            return None
        if ran is None or ran.outcome.duration_s < self._explain_beyond_s:
            return None if ran is None else ran.outcome
        async with self._connection() as connection:
            plan = await self._explanations.of(connection, [ran.text])
        return replace(ran.outcome, plan=plan)

    async def _run(
        self, operation: Operation, generated: Generated, mark: Mark | None, started: float
    ) -> Outcome:
        async with self._connection() as connection:
            session = self._session(connection, operation, generated)
            check_ordinary(operation, self._catalog)
            write = write_of(operation)
            if write is not None:
                outcome = await apply(session, write, mark)
                outcome = replace(session.told(outcome), answered=session.answered)
            else:
                outcome = await run_read(session)
            outcome = timed(with_collation(outcome, session), started)
            if outcome.duration_s < self._explain_beyond_s:
                return outcome
            plan = await self._explanations.of(connection, session.statements)
            return replace(outcome, plan=plan)

    async def _run_again(
        self, operation: Operation, generated: Generated, mark: Mark | None, started: float
    ) -> Outcome:
        try:
            return await self._run(operation, generated, mark, started)
        except CommandFailure as failure:
            return timed(Outcome(result=failure_of(failure), duration_s=0.0), started)
        except MovedError as still:
            # The catalog does not explain it, so it is no matter of tables that were moved.
            raise still.__cause__ or still from None

    async def _is_plain(self, operation: Operation) -> bool:
        """Return whether a key finds all that an `_id` asks for: strings may be equal under a collation."""
        if not self._catalog.loaded:
            await self.ready()
        found = self._catalog.collection(operation.database, operation.collection)
        return found is None or not found.options

    async def _find_by_id(self, operation: Operation, identifier: Any) -> Documents:
        storage = self._catalog.storage(operation.database, operation.collection)
        text = statements.find_by_id(storage.tables)
        try:
            row = await self._connections.row(text, storage.key_of(identifier))
        except UnreachableError:
            self._catalog.stale()
            raise
        except asyncpg.PostgresError as error:
            if state_of(error) not in MOVED:
                raise
            if self._catalog.collection(operation.database, operation.collection) is not None:
                raise self._moved() from error
            row = None
        if row is None:
            return Documents(documents=())
        raws = storage.raws([row])
        if raws is None:
            async with self._connection() as connection:
                await self._catalog.layouts.read(connection, storage.unknown_layouts([row]))
            raws = [storage.found(row).raw]
        return Documents(documents=tuple(raws))

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Connection]:
        try:
            async with self._connections.held() as connection:
                if not self._catalog.loaded:
                    await self._catalog.load(connection)
                yield connection
        except UnreachableError:
            self._catalog.stale()
            raise
        except asyncpg.PostgresError as error:
            if state_of(error) not in MOVED:
                raise
            raise self._moved() from error

    def _moved(self) -> MovedError:
        self._catalog.stale()
        return MovedError(
            "the documents of a collection live in another table by now",
            where=self._connections.peer,
            remedy="look with `parallax schema check` whether tables and catalog agree if this lasts",
        )

    def _session(
        self, connection: Connection, operation: Operation, generated: Generated
    ) -> PostgresSession:
        return PostgresSession(
            connection=connection,
            catalog=self._catalog,
            operation=operation,
            generated=generated,
        )

    def _session_of(self, connection: Connection, namespace: str) -> PostgresSession:
        database, collection = namespace.split(".", 1)
        operation = Operation(
            database=database, collection=collection, kind=Kind.FIND, arguments={}
        )
        return self._session(connection, operation, NOTHING_GENERATED)


class _AppliedBeforeError(Exception):
    """The mark of a transaction exists: what it did a second time is rolled back."""


async def _mark_transaction(
    connection: Connection, mark: Mark, touched: Mapping[str, Sequence[Any]]
) -> None:
    try:
        await marks.write_transaction(connection, mark, touched)
    except asyncpg.UniqueViolationError as error:
        raise _AppliedBeforeError from error


class PostgresTransaction:
    """Operations that take effect together; each in a savepoint of its own."""

    def __init__(self, connection: Connection, catalog: PostgresCatalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self.touched: dict[str, list[Any]] = {}
        """The `_id`s written so far, by namespace."""

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation inside the transaction."""
        started = time.perf_counter()
        session = PostgresSession(
            connection=self._connection,
            catalog=self._catalog,
            operation=operation,
            generated=generated,
        )
        check_ordinary(operation, self._catalog)
        before = self._catalog.version
        try:
            if operation.kind in WRITES:
                async with self._connection.transaction():
                    outcome = await WRITES[operation.kind](session)
                outcome = replace(session.told(outcome), answered=session.answered)
            else:
                outcome = await run_read(session)
        except CommandFailure as failure:
            if self._catalog.version != before:
                await self._catalog.load(self._connection)
            outcome = Outcome(result=failure_of(failure), duration_s=0.0)
        except RacedError as error:
            raise conflict(operation.namespace) from error
        except asyncpg.PostgresError as error:
            if state_of(error) in CONFLICTS:
                raise conflict(operation.namespace) from error
            raise
        self.touched.setdefault(operation.namespace, []).extend(outcome.touched)
        return timed(with_collation(outcome, session), started)


def _plain_identifier(arguments: Mapping[str, Any]) -> Any:
    """Return the `_id` of a `find` by exact `_id` and nothing else, None for any other."""
    query = arguments.get("filter")
    if type(query) is not dict or len(query) != 1 or "_id" not in query:
        return None
    if not (arguments.keys() <= PLAIN_FIND and has_usual_options(arguments)):
        return None
    value = query["_id"]
    return value if type(value) in PLAIN_IDENTITIES else None
