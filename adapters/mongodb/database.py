"""MongoDB behind repositories and models, through Motor."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorClientSession
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from adapters.gateway import Generated
from adapters.mongodb.asking import ask
from adapters.mongodb.commands import READS
from adapters.mongodb.failures import UNKNOWN_COMMIT, translated
from comparators.operation import Operation
from comparators.outcome import Outcome

WAIT_S: Final = 5.0
"""How long a server is looked for before MongoDB counts as away."""
CONNECTIONS: Final = 100
"""The most connections, unless told otherwise."""
COMMIT_AGAIN_S: Final = 10.0
"""How long a commit is repeated of which nobody knows whether it was done; to repeat one that was is harmless."""


class MongoDatabase:
    """MongoDB, as one `Database`; it connects when first used.

    `async with MongoDatabase(uri) as database:` closes its connections at the end. `where` names the server in errors:
    the URI may hold a password.
    """

    def __init__(
        self,
        uri: str,
        *,
        where: str = "MongoDB",
        wait_s: float = WAIT_S,
        connections: int = CONNECTIONS,
    ) -> None:
        self._uri = uri
        self._where = where
        self._options: Mapping[str, Any] = {
            "serverSelectionTimeoutMS": int(wait_s * 1000),
            "serverMonitoringMode": "poll",
            "maxPoolSize": connections,
        }

    async def __aenter__(self) -> Self:
        # Not before: a client belongs to a loop, and one that is never closed complains.
        self._client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(self._uri, **self._options)
        concern = self._client.write_concern.document
        self._concern: Mapping[str, Any] | None = {"writeConcern": concern} if concern else None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.close()

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:  # noqa: ARG002
        """Run one operation; MongoDB itself generates what a write needs of the server."""
        extra = None if operation.kind in READS else self._concern
        with translated(self._where):
            return await ask(self._client, operation, extra=extra)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator["MongoTransaction"]:
        """Open a transaction: committed at a clean exit, else rolled back."""
        with translated(self._where, transaction=True):
            session = await self._client.start_session()
        async with session:
            session.start_transaction(
                read_concern=ReadConcern("snapshot"), write_concern=WriteConcern("majority")
            )
            try:
                yield MongoTransaction(self._client, session, self._where)
            except BaseException:
                # What cannot be told to the server is undone by it, when the session times out.
                with translated(self._where):
                    await session.abort_transaction()
                raise
            with translated(self._where, transaction=True):
                await _commit(session)

    async def reachable(self) -> None:
        """Return when MongoDB answers; UnreachableError when it does not."""
        with translated(self._where):
            await self._client.admin.command("ping")


class MongoTransaction:
    """Operations that take effect together; MongoDB undoes all of them with the first that it refuses."""

    def __init__(
        self, client: AsyncIOMotorClient[Any], session: AsyncIOMotorClientSession, where: str
    ) -> None:
        self._client = client
        self._session = session
        self._where = where

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:  # noqa: ARG002
        """Run one operation inside the transaction."""
        with translated(self._where, transaction=True):
            return await ask(self._client, operation, session=self._session)


async def _commit(session: AsyncIOMotorClientSession) -> None:
    deadline = time.monotonic() + COMMIT_AGAIN_S
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label(UNKNOWN_COMMIT) or time.monotonic() > deadline:
                raise
            if isinstance(error, OperationFailure) and error.timeout:
                raise
        else:
            return
