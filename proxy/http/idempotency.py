"""Writes that are done once however often they are sent, and to whichever front: answers kept by key until they expire."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from proxy.http.answers import ANSWERS, insert_into, opened, reachable
from proxy.http.problems import Code, ProblemError

MAX_KEY: Final = 255
_FORGETTING_S: Final = 60.0
"""How often those that have expired are deleted."""
_FORGOTTEN: Final = 1000
"""How many at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer that was given; `headers` is a JSON object."""

    status: int
    headers: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What makes two requests the same: whose they are, their key, and a digest of everything else."""

    owner: str
    key: str
    digest: str

    @classmethod
    def of(cls, owner: str, key: str, *, method: str, path: str, body: bytes) -> Self:
        """Return the identity of a request."""
        digest = hashlib.sha256(b"\0".join((method.encode(), path.encode(), body))).hexdigest()
        return cls(owner=owner, key=key, digest=digest)


class Idempotency:
    """The answers that were given to an application, kept at `uri`, which all its fronts share.

    `process` names this process, `now_s` is the time of day, and no request takes longer than `within_s`: so long one that
    was begun is under way, here or elsewhere. What was cut off leaves its key behind: what became of it, nobody knows.
    """

    def __init__(
        self,
        uri: str,
        *,
        application: str,
        process: str,
        keep_s: float,
        within_s: float,
        now_s: Callable[[], float],
    ) -> None:
        self._uri = uri
        self._application = application
        self._process = process
        self._keep_s = keep_s
        self._within_s = within_s
        self._now_s = now_s
        self._forgotten_s = 0.0
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def once(
        self, request: Request, answer: Callable[[], Awaitable[Kept]]
    ) -> tuple[Kept, bool]:
        """Return the answer to a request, and whether it was given before; ProblemError where that cannot be said.

        An answer that raises a ProblemError is not kept: nothing was done. UnreachableError where nobody can say whether
        it was done before.
        """
        engine = await self._opened()
        with reachable():
            await self._forget(engine)
            if not await self._begun(engine, request):
                return self._earlier(request, await self._found(engine, request)), True
        try:
            kept = await answer()
        except ProblemError:
            await self._write(engine, sa.delete(ANSWERS).where(*self._own(request)))
            raise
        await self._write(
            engine,
            sa.update(ANSWERS)
            .where(*self._own(request))
            .values(
                status=kept.status,
                headers=kept.headers,
                body=kept.body,
                expires_s=self._now_s() + self._keep_s,
            ),
        )
        return kept, False

    async def _write(self, engine: AsyncEngine, statement: sa.Executable) -> Any:
        with reachable():
            async with engine.begin() as connection:
                return await connection.execute(statement)

    async def _begun(self, engine: AsyncEngine, request: Request) -> bool:
        """Return whether the request is this one's to run: nobody has its key, or whoever had it is forgotten."""
        now_s = self._now_s()
        row = {
            "request": request.digest,
            "process": self._process,
            "until_s": now_s + self._within_s,
            "expires_s": now_s + max(self._keep_s, self._within_s),
            "status": None,
            "headers": None,
            "body": None,
        }
        key = {"application": self._application, "owner": request.owner, "key": request.key}
        begun = insert_into(engine).values(**key, **row)
        begun = begun.on_conflict_do_update(
            index_elements=list(ANSWERS.primary_key),
            set_=row,
            where=ANSWERS.c.expires_s < now_s,
        )
        return bool((await self._write(engine, begun)).rowcount)

    async def _found(self, engine: AsyncEngine, request: Request) -> Any:
        async with engine.connect() as connection:
            found = await connection.execute(sa.select(ANSWERS).where(*self._key(request)))
            return found.first()

    async def _forget(self, engine: AsyncEngine) -> None:
        """Delete some that have expired; those that another front is just deleting are left to it."""
        now_s = self._now_s()
        if now_s < self._forgotten_s + _FORGETTING_S:
            return
        self._forgotten_s = now_s
        key = sa.tuple_(*ANSWERS.primary_key)
        expired = (
            sa.select(*ANSWERS.primary_key)
            .where(ANSWERS.c.expires_s < now_s)
            .limit(_FORGOTTEN)
            .with_for_update(skip_locked=True)
        )
        await self._write(engine, sa.delete(ANSWERS).where(key.in_(expired)))

    def _earlier(self, request: Request, row: Any) -> Kept:
        if row is None:
            # Forgotten between the two statements: the other request has just failed.
            raise ProblemError(Code.IN_FLIGHT, "try again", headers={"Retry-After": "1"})
        if row.request != request.digest:
            raise ProblemError(Code.KEY_REUSED, "method, path or body are not those of the first")
        if row.status is not None:
            return Kept(status=row.status, headers=row.headers, body=row.body)
        if self._now_s() < row.until_s:
            raise ProblemError(Code.IN_FLIGHT, "wait for its answer", headers={"Retry-After": "1"})
        raise ProblemError(Code.OUTCOME_UNKNOWN, "it was cut off before it could be answered")

    async def _opened(self) -> AsyncEngine:
        async with self._opening:
            if self._engine is None:
                self._engine = await opened(self._uri)
            return self._engine

    def _key(self, request: Request) -> list[sa.ColumnElement[bool]]:
        return [
            ANSWERS.c.application == self._application,
            ANSWERS.c.owner == request.owner,
            ANSWERS.c.key == request.key,
        ]

    def _own(self, request: Request) -> list[sa.ColumnElement[bool]]:
        """Return what selects a request that this process has begun, and nobody has taken over since."""
        return [*self._key(request), ANSWERS.c.process == self._process]
