"""Writes that are done once however often they are sent: answers kept by key, on disk, until they expire."""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from proxy.http.problems import Code, ProblemError

MAX_KEY: Final = 255
_MODE: Final = 0o600
_TABLES: Final = sa.MetaData()
_ANSWERS: Final = sa.Table(
    "answers",
    _TABLES,
    sa.Column("owner", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request", sa.Text, nullable=False),
    sa.Column("process", sa.Text, nullable=False),
    sa.Column("expires_s", sa.Float, nullable=False, index=True),
    # Null while the request is under way.
    sa.Column("status", sa.Integer),
    sa.Column("headers", sa.Text),
    sa.Column("body", sa.Text),
)


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
    """The answers that were given, in a file. `process` names this process, `now_s` is the time of day.

    A request that was cut off with its process leaves its key behind: what became of it, nobody here knows.
    """

    def __init__(
        self, path: Path, *, process: str, keep_s: float, now_s: Callable[[], float]
    ) -> None:
        self._path = path
        self._process = process
        self._keep_s = keep_s
        self._now_s = now_s
        self._engine: AsyncEngine | None = None
        self._opening = asyncio.Lock()

    async def close(self) -> None:
        """Close the file."""
        if self._engine is not None:
            await self._engine.dispose()
            self._engine = None

    async def once(
        self, request: Request, answer: Callable[[], Awaitable[Kept]]
    ) -> tuple[Kept, bool]:
        """Return the answer to a request, and whether it was given before; ProblemError where that cannot be said.

        An answer that raises a ProblemError is not kept: nothing was done.
        """
        engine = await self._opened()
        if not await self._begun(engine, request):
            return self._earlier(request, await self._found(engine, request)), True
        try:
            kept = await answer()
        except ProblemError:
            async with engine.begin() as connection:
                await connection.execute(sa.delete(_ANSWERS).where(*_key(request)))
            raise
        async with engine.begin() as connection:
            await connection.execute(
                sa.update(_ANSWERS)
                .where(*_key(request))
                .values(
                    status=kept.status,
                    headers=kept.headers,
                    body=kept.body,
                    expires_s=self._now_s() + self._keep_s,
                )
            )
        return kept, False

    async def _begun(self, engine: AsyncEngine, request: Request) -> bool:
        now_s = self._now_s()
        async with engine.begin() as connection:
            await connection.execute(sa.delete(_ANSWERS).where(_ANSWERS.c.expires_s < now_s))
            begun = await connection.execute(
                insert(_ANSWERS)
                .values(
                    owner=request.owner,
                    key=request.key,
                    request=request.digest,
                    process=self._process,
                    expires_s=now_s + self._keep_s,
                )
                .on_conflict_do_nothing()
            )
        return bool(begun.rowcount)

    async def _found(self, engine: AsyncEngine, request: Request) -> Any:
        async with engine.connect() as connection:
            return (await connection.execute(sa.select(_ANSWERS).where(*_key(request)))).first()

    def _earlier(self, request: Request, row: Any) -> Kept:
        if row is None:
            # Forgotten between the two statements: the other request has just failed.
            raise ProblemError(Code.IN_FLIGHT, "try again", headers={"Retry-After": "1"})
        if row.request != request.digest:
            raise ProblemError(Code.KEY_REUSED, "method, path or body are not those of the first")
        if row.status is not None:
            return Kept(status=row.status, headers=row.headers, body=row.body)
        if row.process == self._process:
            raise ProblemError(Code.IN_FLIGHT, "wait for its answer", headers={"Retry-After": "1"})
        raise ProblemError(
            Code.OUTCOME_UNKNOWN, "the process that had it ended before it could answer"
        )

    async def _opened(self) -> AsyncEngine:
        async with self._opening:
            if self._engine is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                # It holds the application's data: for its owner alone.
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, _MODE))
                url = sa.URL.create("sqlite+aiosqlite", database=str(self._path))
                engine = create_async_engine(url)
                async with engine.begin() as connection:
                    await connection.run_sync(_TABLES.create_all)
                self._engine = engine
            return self._engine


def _key(request: Request) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return _ANSWERS.c.owner == request.owner, _ANSWERS.c.key == request.key
