"""What the gateway has written since the cut-over, and MongoDB has not yet.

A note names documents, or definitions, and says nothing of their state: whoever takes it reads the present one. So notes may be
taken in any order and more than once, and go away only when MongoDB has what they name.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import resources
from types import TracebackType
from typing import Any, Final, Self

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, insert

from adapters.postgresql.catalog import CATALOG_SQL, DEFINING, LOCK
from adapters.postgresql.connections import Connection, Connections
from adapters.sql.dialect import compiled
from comparators.canonical import decode, encode

OUTBOX_SQL: Final = (resources.files("adapters.postgresql") / "sql" / "outbox.sql").read_text()
OFF_SQL: Final = (resources.files("adapters.postgresql") / "sql" / "outbox_off.sql").read_text()
NOTED: Final = "cutover/"
"""Of the names of logs whose marks are notes."""
OWN: Final = "cutover/own/"
"""Of those whose marks are nothing else."""
EVERYTHING: Final = "."
"""In place of a namespace: of no database anything is known any more."""

TAKING: Final = 0x6D697272
"""The advisory lock of whoever takes notes."""
AGAIN_S: Final = 0.2
_KEY: Final = sa.bindparam("key", type_=sa.BigInteger)
_ALONE: Final = compiled(sa.select(sa.func.pg_try_advisory_lock(_KEY)))
_NOT_ALONE: Final = compiled(sa.select(sa.func.pg_advisory_unlock(_KEY)))

_SPACE: Final = sa.MetaData(schema="parallax")
OUTBOX: Final = sa.Table(
    "outbox",
    _SPACE,
    sa.Column("position", sa.BigInteger, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("outcome", BYTEA),
)
MIRRORING: Final = sa.Table(
    "mirroring",
    _SPACE,
    sa.Column("sole", sa.Boolean, primary_key=True, server_default=sa.true()),
    sa.Column("is_on", sa.Boolean),
    sa.Column("who", sa.Text),
    sa.Column("why", sa.Text),
)
_NOTES: Final = compiled(
    sa.select(OUTBOX.c.position, OUTBOX.c.outcome)
    .where(OUTBOX.c.position > sa.bindparam("after", type_=sa.BigInteger))
    .order_by(OUTBOX.c.position)
    .limit(sa.bindparam("most", type_=sa.BigInteger))
)
_DONE: Final = compiled(
    sa.delete(OUTBOX).where(
        OUTBOX.c.position == sa.any_(sa.bindparam("positions", type_=sa.ARRAY(sa.BigInteger)))
    )
)
_IS_ON: Final = compiled(
    sa.select(sa.func.coalesce(sa.func.bool_and(MIRRORING.c.is_on), sa.true()))
)
_NOTE: Final = compiled(sa.insert(OUTBOX).values(outcome=sa.bindparam("outcome", type_=BYTEA)))
_PENDING: Final = compiled(
    sa.select(
        sa.func.count(),
        sa.func.coalesce(
            sa.extract("epoch", sa.func.clock_timestamp() - sa.func.min(OUTBOX.c.at)),
            sa.literal_column("0"),
        ),
        sa.select(
            sa.func.coalesce(sa.func.bool_and(MIRRORING.c.is_on), sa.true())
        ).scalar_subquery(),
    ).select_from(OUTBOX)
)
_SWITCH: Final = compiled(
    insert(MIRRORING)
    .values(
        is_on=sa.bindparam("is_on", type_=sa.Boolean),
        who=sa.bindparam("who", type_=sa.Text),
        why=sa.bindparam("why", type_=sa.Text),
    )
    .on_conflict_do_update(
        index_elements=["sole"],
        set_={name: sa.literal_column(f"excluded.{name}") for name in ("is_on", "who", "why")},
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What one write has touched: `_id`s by namespace; none where a collection itself may have changed.

    `replaced` are namespaces, or databases as `database.`, of which nothing is known any more.
    """

    position: int
    touched: Mapping[str, Sequence[Any]]
    replaced: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """How many notes wait, for how long the oldest has, and whether every write leaves one."""

    notes: int
    oldest_s: float
    is_on: bool


class Outbox:
    """The notes on one PostgreSQL database; UnreachableError when it is away."""

    def __init__(self, dsn: str) -> None:
        self._connections = Connections(dsn, limit=3)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._connections.close()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Be the only one who takes notes: who read a document before another one must not write it after."""
        async with self._connections.held() as connection:
            while not await connection.fetchval(_ALONE.text, TAKING):  # noqa: ASYNC110 - of PostgreSQL
                await asyncio.sleep(AGAIN_S)
            yield
            await connection.fetchval(_NOT_ALONE.text, TAKING)

    async def prepare(self) -> None:
        """Have every write leave a note from here on, unless somebody has turned that off."""
        async with self._connections.held() as connection, connection.transaction():
            await _prepared(connection)

    async def turn(self, *, on: bool, who: str, why: str) -> None:
        """Have writes leave notes, or no longer; those that are there go when they are no longer wanted.

        What was not noted meanwhile is made up for by a note of everything.
        """
        async with self._connections.held() as connection, connection.transaction():
            await _prepared(connection)
            was_on = await connection.fetchval(_IS_ON.text)
            values = {"is_on": on, "who": who, "why": why}
            await connection.execute(_SWITCH.text, *_SWITCH.arguments(values))
            await connection.execute(OUTBOX_SQL if on else OFF_SQL)
            if on and not was_on:
                everything = encode({"touched": {}, "kind": "done", "replaced": [EVERYTHING]})
                await connection.execute(_NOTE.text, *_NOTE.arguments({"outcome": everything}))

    async def pending(self) -> Pending:
        """Return how much waits."""
        async with self._connections.held() as connection:
            row = await connection.fetchrow(_PENDING.text)
        assert row is not None  # noqa: S101 - an aggregate has one row
        return Pending(notes=row[0], oldest_s=float(row[1]), is_on=row[2])

    async def notes(self, most: int, *, after: int = 0) -> list[Note]:
        """Return the oldest notes behind a position."""
        values = {"most": most, "after": after}
        async with self._connections.held() as connection:
            rows = await connection.fetch(_NOTES.text, *_NOTES.arguments(values))
        return [_note(position, decode(outcome)) for position, outcome in rows]

    async def done(self, positions: Sequence[int]) -> None:
        """Remove notes: MongoDB has what they name."""
        async with self._connections.held() as connection:
            await connection.execute(_DONE.text, *_DONE.arguments({"positions": list(positions)}))


async def _prepared(connection: Connection) -> None:
    await connection.fetchval(LOCK.text, DEFINING)
    await connection.execute(CATALOG_SQL)
    await connection.execute(OUTBOX_SQL)


def _note(position: int, fields: Mapping[str, Any]) -> Note:
    touched = {
        namespace: identifiers
        for namespace, identifiers in fields["touched"].items()
        # Of what names no document only what is simply done may have changed a collection.
        if not namespace.endswith(".") and namespace
        if identifiers or fields["kind"] == "done"
    }
    replaced = fields.get("replaced", ()) if fields["kind"] == "done" else ()
    return Note(position=position, touched=touched, replaced=replaced)
