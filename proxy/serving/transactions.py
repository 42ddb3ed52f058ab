"""Transactions of drivers: each is one transaction of PostgreSQL, held open between commands.

As on MongoDB it belongs to a session, not to a connection; it reads one snapshot, meets the writes of others with a write conflict,
is undone by any error in it, and ends after a time whether or not anybody commits it. Each holds a connection, so that only some may
be open at a time: the others wait in line, and commands without a transaction always find room.
Source: MongoDB specifications, "Transactions"; MongoDB manual, "Production Considerations".
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Final

from adapters.gateway import ConflictError, Gateway, Generated, Mark, Transaction
from comparators.errors import ParallaxError
from comparators.operation import Kind, Operation
from comparators.outcome import Acknowledgement, Failure, Outcome
from proxy.request import Session
from proxy.serving.refusals import (
    LOCK_TIMEOUT,
    NO_SUCH_TRANSACTION,
    NOT_SUPPORTED_IN_TRANSACTION,
    TRANSIENT,
    WRITE_CONFLICT,
    RefusalError,
)

ALLOWED: Final = frozenset(
    {
        Kind.FIND,
        Kind.AGGREGATE,
        Kind.DISTINCT,
        Kind.INSERT,
        Kind.UPDATE,
        Kind.DELETE,
        Kind.FIND_AND_MODIFY,
        Kind.CREATE,
        Kind.CREATE_INDEXES,
    }
)
WAITS_S: Final = 5.0
"""How long a transaction waits in line for a connection."""
UNDONE_WITHIN_S: Final = 2.0

Identity = tuple[bytes, int]


class _UndoneError(Exception):
    """Ends the context of a transaction that is not to be committed."""


@dataclass(slots=True, eq=False)
class _Open:
    identity: Identity
    context: AbstractAsyncContextManager[Transaction]
    transaction: Transaction
    ends_s: float
    alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_over: bool = False


class Transactions:
    """The open transactions, by session."""

    def __init__(
        self,
        gateway: Gateway,
        *,
        at_once: int,
        lifetime_s: float,
        monotonic: Callable[[], float],
        closed: Callable[[Identity], None],
    ) -> None:
        self._gateway = gateway
        self._room = asyncio.Semaphore(at_once)
        self._lifetime_s = lifetime_s
        self._monotonic = monotonic
        self._closed = closed
        self._open: dict[bytes, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    async def run(
        self, session: Session, mark: Mark, operation: Operation, generated: Generated
    ) -> Outcome:
        """Run an operation inside the transaction that its session names."""
        if operation.kind not in ALLOWED or operation.target is not None:
            await self.abandon(session.key)
            raise RefusalError(
                NOT_SUPPORTED_IN_TRANSACTION,
                f"Cannot run '{operation.kind}' in a multi-document transaction.",
            )
        if session.starts:
            await self._start(session, mark)
        found = self._of(session)
        async with found.alone:
            if found.is_over:
                raise _missing(session)
            try:
                outcome = await found.transaction.run(operation, generated=generated)
            except ConflictError as error:
                await self._undo(found)
                raise conflict() from error
            except BaseException:
                await self._undo(found)
                raise
            if _is_refused(outcome):
                await self._undo(found)
        return outcome

    async def touch(self, session: Session) -> None:
        """Check that the transaction is open, for a command that only reads from a cursor of it."""
        self._of(session)

    async def commit(self, session: Session, mark: Mark) -> None:
        """Commit; a second commit of the same transaction succeeds if the first did."""
        found = self._open.get(session.key)
        if found is not None and found.identity == (session.key, session.number):
            async with found.alone:
                if not found.is_over:
                    self._end(found)
                    try:
                        await found.context.__aexit__(None, None, None)
                    except ConflictError as error:
                        raise conflict() from error
                    finally:
                        self._room.release()
                    return
        if not await self._gateway.applied(mark):
            raise _missing(session)

    async def abort(self, session: Session) -> None:
        """Undo everything."""
        found = self._of(session)
        async with found.alone:
            if found.is_over:
                raise _missing(session)
            await self._undo(found)

    async def abandon(self, key: bytes) -> None:
        """Undo the transaction of a session, if it has one."""
        found = self._open.get(key)
        if found is not None:
            async with found.alone:
                await self._undo(found)

    async def expire(self) -> None:
        """Undo the transactions that have lasted too long."""
        now = self._monotonic()
        for found in list(self._open.values()):
            # Its last command may be a moment before its own end.
            if found.ends_s < now and not found.alone.locked():
                await self.abandon(found.identity[0])

    async def end(self) -> None:
        """Undo all: their clients are being sent away."""
        for key in list(self._open):
            await self.abandon(key)

    async def _start(self, session: Session, mark: Mark) -> None:
        if session.number is None:
            raise RefusalError(72, "Transactions need a txnNumber")
        identity = (session.key, session.number)
        older = self._open.get(session.key)
        if older is not None and older.identity == identity:
            raise RefusalError(
                117,
                f"Cannot start a transaction at given transaction number {session.number}: it is in progress",
            )
        await self.abandon(session.key)
        try:
            async with asyncio.timeout(WAITS_S):
                await self._room.acquire()
        except TimeoutError as error:
            raise RefusalError(
                LOCK_TIMEOUT, "too many transactions are open (`serving.transactions`)"
            ) from error
        try:
            context = self._gateway.transaction(mark, isolated=True)
            transaction = await context.__aenter__()
        except BaseException:
            self._room.release()
            raise
        ends_s = self._monotonic() + self._lifetime_s
        self._open[session.key] = _Open(identity, context, transaction, ends_s)

    def _of(self, session: Session) -> _Open:
        found = self._open.get(session.key)
        if found is None or found.identity != (session.key, session.number):
            raise _missing(session)
        return found

    async def _undo(self, found: _Open) -> None:
        if found.is_over:
            return
        self._end(found)
        undone = _UndoneError()
        try:
            # What cannot be told to PostgreSQL it does by itself when the connection goes.
            with suppress(TimeoutError, ParallaxError):
                async with asyncio.timeout(UNDONE_WITHIN_S):
                    await found.context.__aexit__(_UndoneError, undone, None)
        finally:
            self._room.release()

    def _end(self, found: _Open) -> None:
        found.is_over = True
        if self._open.get(found.identity[0]) is found:
            del self._open[found.identity[0]]
        self._closed(found.identity)


def conflict() -> RefusalError:
    """Return the refusal of an operation that met another transaction."""
    return RefusalError(
        WRITE_CONFLICT,
        "WriteConflict error: this operation conflicted with another operation. Please retry your operation or "
        "multi-document transaction.",
    )


def _missing(session: Session) -> RefusalError:
    return RefusalError(
        NO_SUCH_TRANSACTION,
        f"Transaction with {{ txnNumber: {session.number} }} has been aborted.",
        labels=(TRANSIENT,),
    )


def _is_refused(outcome: Outcome) -> bool:
    result = outcome.result
    return isinstance(result, Failure) or (
        isinstance(result, Acknowledgement) and bool(result.errors)
    )
