"""Transactions that live longer than one request: begun, used by their id, committed or undone.

Each is held by a task of its own, since a database's transaction is entered and left in one place.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from adapters.database import Database
from adapters.repositories.together import Together, opened
from proxy.http.problems import Code, ProblemError

_ID_BYTES: Final = 16


class State(StrEnum):
    """How a transaction stands."""

    OPEN = "open"
    COMMITTED = "committed"
    ABORTED = "aborted"
    TIMED_OUT = "timed_out"
    FAILED = "failed"


class _UndoneError(Exception):
    """Leaves a database's transaction so that it rolls back."""


@dataclass(slots=True, kw_only=True)
class _Held:
    """One transaction. `opened` and `ended` are set by its task, `wanted` by requests."""

    identifier: str
    owner: str
    deadline: float
    opened: asyncio.Future[Together]
    wanted: asyncio.Future[State]
    ended: asyncio.Future[State]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Transactions:
    """The open transactions of all tokens. `run` must be running; when it is cancelled, what is open is undone."""

    def __init__(self, database: Database, *, most: int) -> None:
        self._database = database
        self._most = most
        self._held: dict[str, _Held] = {}
        self._begin: Callable[[_Held], None] | None = None

    async def run(self) -> None:
        """Hold transactions until cancelled."""
        async with asyncio.TaskGroup() as tasks:

            def begin(held: _Held) -> None:
                tasks.create_task(self._hold(held), name=f"transaction {held.identifier}")

            self._begin = begin
            await asyncio.Event().wait()

    async def begin(self, owner: str, *, timeout_s: float) -> str:
        """Return the id of a new transaction that is undone unless it is committed in time."""
        if len(self._held) >= self._most or self._begin is None:
            raise ProblemError(
                Code.TOO_MANY_TRANSACTIONS,
                f"{len(self._held)} transactions are open",
                headers={"Retry-After": "1"},
            )
        loop = asyncio.get_running_loop()
        held = _Held(
            identifier=secrets.token_hex(_ID_BYTES),
            owner=owner,
            deadline=loop.time() + timeout_s,
            opened=loop.create_future(),
            wanted=loop.create_future(),
            ended=loop.create_future(),
        )
        self._held[held.identifier] = held
        self._begin(held)
        await held.opened
        return held.identifier

    @asynccontextmanager
    async def using(self, identifier: str, owner: str) -> AsyncIterator[Together]:
        """Give a transaction to one request at a time. What its database refuses undoes it."""
        held = self._find(identifier, owner)
        async with held.lock:
            if held.wanted.done() or held.ended.done():
                raise _over(held)
            together = held.opened.result()
            try:
                yield together
            except ProblemError:
                if together.refused:
                    self._want(held, State.FAILED)
                raise
            except BaseException:
                # Cancelled, or a bug: nobody knows how far its database came.
                self._want(held, State.FAILED)
                raise

    async def end(self, identifier: str, owner: str, state: State) -> State:
        """Commit or undo a transaction, and return how it ended."""
        held = self._find(identifier, owner)
        if held.wanted.done() or held.ended.done():
            raise _over(held)
        self._want(held, state)
        ended = await held.ended
        if ended is not state:
            raise ProblemError(Code.TRANSACTION_OVER, f"the transaction is {ended}")
        return ended

    def _want(self, held: _Held, state: State) -> None:
        if not held.wanted.done():
            held.wanted.set_result(state)

    def _find(self, identifier: str, owner: str) -> _Held:
        held = self._held.get(identifier)
        if held is None or held.owner != owner:
            raise ProblemError(
                Code.NO_SUCH_TRANSACTION, "it was never begun, or ended, or timed out"
            )
        return held

    async def _hold(self, held: _Held) -> None:
        try:
            held.ended.set_result(await self._held_open(held))
        except Exception as error:  # noqa: BLE001 - one of the four doors: whoever waits is told
            for waiting in (held.opened, held.ended):
                if not waiting.done():
                    waiting.set_exception(error)
                    waiting.exception()
        finally:
            del self._held[held.identifier]
            held.opened.cancel()
            held.ended.cancel()

    async def _held_open(self, held: _Held) -> State:
        state = State.ABORTED
        try:
            async with opened(self._database) as together:
                held.opened.set_result(together)
                state = await _wanted(held)
                # An operation that is under way comes to its end first.
                async with held.lock:
                    _undo_unless(state is State.COMMITTED)
        except _UndoneError:
            pass
        return state


def _undo_unless(committed: bool) -> None:
    if not committed:
        raise _UndoneError


async def _wanted(held: _Held) -> State:
    # Not `asyncio.timeout_at`: it would cancel the future with whoever waits for it.
    await asyncio.wait({held.wanted}, timeout=held.deadline - asyncio.get_running_loop().time())
    if not held.wanted.done():
        held.wanted.set_result(State.TIMED_OUT)
    return held.wanted.result()


def _over(held: _Held) -> ProblemError:
    state = held.wanted.result() if held.wanted.done() else State.FAILED
    return ProblemError(Code.TRANSACTION_OVER, f"the transaction is {state}")
