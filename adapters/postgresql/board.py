"""The board of the verifiers on the gateway's PostgreSQL: a row each, and the documents they wrote lately."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import resources
from types import TracebackType
from typing import Any, Final, Self

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from adapters.board import Notice, Touch
from adapters.postgresql.catalog import DEFINING, LOCK
from adapters.postgresql.connections import Connection, Connections, closed
from adapters.postgresql.failures import translated
from adapters.sql.dialect import compiled

BOARD_SQL: Final = (resources.files("adapters.postgresql") / "sql" / "board.sql").read_text()
CHANNEL: Final = "parallax_sidecars"
EVERYWHERE: Final = ""
KEPT: Final = 20_000
"""How many touches of a log are kept: whoever reads more slowly takes its readings again."""

_SPACE: Final = sa.MetaData(schema="parallax")
SIDECARS: Final = sa.Table(
    "sidecars",
    _SPACE,
    sa.Column("log", sa.Text, primary_key=True),
    *(
        sa.Column(name, sa.BigInteger)
        for name in ("epoch", "frontier", "passed", "wanted", "steps", "definitions")
    ),
    sa.Column("cluster", sa.Text),
    sa.Column("disputed", ARRAY(sa.Text)),
    sa.Column("doubtful", ARRAY(sa.Text)),
    sa.Column("sees", ARRAY(sa.Text)),
    sa.Column("filling", ARRAY(sa.Text)),
    sa.Column("beat", sa.DateTime(timezone=True)),
)
TOUCHED: Final = sa.Table(
    "touched",
    _SPACE,
    sa.Column("log", sa.Text, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("clock", sa.BigInteger),
    sa.Column("namespace", sa.Text),
    sa.Column("key", BYTEA),
)
_TOLD: Final = tuple(name for name in Notice.__dataclass_fields__ if name != "age_s")
_LISTS: Final = ("disputed", "doubtful", "sees", "filling")
_NOW: Final = sa.func.clock_timestamp()


def _put() -> Any:
    told = {name: sa.bindparam(name, type_=SIDECARS.c[name].type) for name in _TOLD}
    statement = postgresql.insert(SIDECARS).values({**told, "beat": _NOW})
    replaced = {name: statement.excluded[name] for name in (*_TOLD, "beat") if name != "log"}
    return statement.on_conflict_do_update(index_elements=[SIDECARS.c.log], set_=replaced)


_PUT: Final = compiled(_put())
_OTHERS: Final = compiled(
    sa.select(
        *(SIDECARS.c[name] for name in _TOLD),
        sa.cast(sa.extract("epoch", _NOW - SIDECARS.c.beat), sa.Float).label("age_s"),
    ).where(SIDECARS.c.log != sa.bindparam("log"), SIDECARS.c.cluster == sa.bindparam("cluster"))
)
_ADD: Final = compiled(
    postgresql.insert(TOUCHED)
    .values({name: sa.bindparam(name) for name in ("log", "number", "clock", "namespace", "key")})
    # Sent a second time where the answer to a commit was lost.
    .on_conflict_do_nothing()
)
_NEW: Final = compiled(
    sa.select(TOUCHED.c.number, TOUCHED.c.clock, TOUCHED.c.namespace, TOUCHED.c.key)
    .where(TOUCHED.c.log == sa.bindparam("log"), TOUCHED.c.number > sa.bindparam("number"))
    .order_by(TOUCHED.c.number)
)
_FORGET: Final = compiled(
    sa.delete(TOUCHED).where(
        TOUCHED.c.log == sa.bindparam("log"), TOUCHED.c.number <= sa.bindparam("number")
    )
)
_NEWEST: Final = compiled(
    sa.select(sa.func.max(TOUCHED.c.number)).where(TOUCHED.c.log == sa.bindparam("log"))
)
_LEAVE: Final = compiled(sa.delete(SIDECARS).where(SIDECARS.c.log == sa.bindparam("log")))
_WAKE: Final = compiled(sa.select(sa.func.pg_notify(sa.bindparam("channel"), sa.bindparam("log"))))


class PostgresBoard:
    """The board, on one connection of its own; another one listens once there is somebody to hear."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connections = Connections(dsn, limit=1)
        self._is_made = False
        self._newest: int | None = None
        self._forgotten = 0
        self._ear: Connection | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connections.close()
        if self._ear is not None:
            await closed(self._ear)

    async def trade(
        self, notice: Notice, touches: Sequence[Touch], *, known: Mapping[str, int], wakes: bool
    ) -> tuple[Sequence[Notice], Mapping[str, tuple[int, Sequence[Touch]]]]:
        """Put up a notice and touches in one transaction, then return the others' notices and new touches."""
        async with self._connections.held() as connection:
            await self._make(connection, notice.log)
            if touches or wakes:
                async with connection.transaction():
                    await self._write(connection, notice, touches)
                    if wakes:
                        heard = {"channel": CHANNEL, "log": notice.log}
                        await connection.fetchval(_WAKE.text, *_WAKE.arguments(heard))
            else:
                await self._write(connection, notice, ())
            values = {"log": notice.log, "cluster": notice.cluster}
            rows = await connection.fetch(_OTHERS.text, *_OTHERS.arguments(values))
            others = [_notice(row) for row in rows]
            # Behind the notices: what a notice tells of is among the touches.
            found = {
                other.log: await _new_touches(connection, other.log, known[other.log])
                for other in others
                if other.log in known
            }
        return others, found

    async def leave(self, log: str) -> None:
        """Take a notice down: its verifier has nothing left to do."""
        async with self._connections.held() as connection:
            await connection.execute(_LEAVE.text, *_LEAVE.arguments({"log": log}))

    async def listen(self, woken: Callable[[], None]) -> None:
        """Have `woken` called whenever another verifier asks for attention, as far as the connection lasts."""
        if self._ear is not None and not self._ear.is_closed():
            return
        with translated(self._connections.peer):
            self._ear = await asyncpg.connect(self._dsn)
            await self._ear.add_listener(CHANNEL, lambda *_heard: woken())

    async def _make(self, connection: Connection, log: str) -> None:
        if not self._is_made:
            async with connection.transaction():
                await connection.fetchval(LOCK.text, DEFINING)
                await connection.execute(BOARD_SQL)
            self._is_made = True
        if self._newest is None:
            arguments = _NEWEST.arguments({"log": log})
            self._newest = await connection.fetchval(_NEWEST.text, *arguments) or 0

    async def _write(
        self, connection: Connection, notice: Notice, touches: Sequence[Touch]
    ) -> None:
        number = self._newest or 0
        rows = [
            _ADD.arguments({"log": notice.log, "number": number + at, **asdict(touch)})
            for at, touch in enumerate(touches, 1)
        ]
        if rows:
            await connection.executemany(_ADD.text, rows)
            await self._forget(connection, notice.log, number + len(rows) - KEPT)
        told = {name: getattr(notice, name) for name in _TOLD}
        told |= {name: list(getattr(notice, name)) for name in _LISTS}
        await connection.execute(_PUT.text, *_PUT.arguments(told))
        self._newest = number + len(rows)

    async def _forget(self, connection: Connection, log: str, number: int) -> None:
        if number > self._forgotten + KEPT // 10:
            self._forgotten = number
            await connection.execute(
                _FORGET.text, *_FORGET.arguments({"log": log, "number": number})
            )


async def _new_touches(
    connection: Connection, log: str, number: int
) -> tuple[int, Sequence[Touch]]:
    values = {"log": log, "number": number}
    rows = await connection.fetch(_NEW.text, *_NEW.arguments(values))
    touches = [
        Touch(clock=row["clock"], namespace=row["namespace"], key=row["key"]) for row in rows
    ]
    return (rows[-1]["number"] if rows else number), touches


def _notice(row: asyncpg.Record) -> Notice:
    fields = dict(row)
    return Notice(**{**fields, **{name: tuple(row[name]) for name in _LISTS}})
