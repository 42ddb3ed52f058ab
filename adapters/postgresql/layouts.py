"""Layouts of documents in mapped tables, shared by all that use a database; read once, then kept.

A layout is written before the row that names it, and never undone with it. Its number is made from its content, so
two that write one at once write the same.
"""

from collections.abc import Collection, Iterable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from adapters.entities.layout import WHOLE, Layout, parse_layout
from adapters.postgresql.connections import Connection, Connections
from adapters.sql.dialect import compiled
from comparators.errors import CorruptionError

LAYOUTS: Final = sa.Table(
    "layouts",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("fields", sa.Text, nullable=False),
    schema="parallax",
)
_GIVEN: Final = (
    sa.func.unnest(
        sa.cast(sa.bindparam("ids", type_=ARRAY(sa.BigInteger)), ARRAY(sa.BigInteger)),
        sa.cast(sa.bindparam("texts", type_=ARRAY(sa.Text)), ARRAY(sa.Text)),
    )
    .table_valued(sa.column("id", sa.BigInteger), sa.column("fields", sa.Text), name="given")
    .render_derived()
)
_WRITE: Final = compiled(
    insert(LAYOUTS)
    .from_select(["id", "fields"], sa.select(_GIVEN.c.id, _GIVEN.c.fields))
    .on_conflict_do_nothing()
)
_READ: Final = compiled(
    sa.select(LAYOUTS.c.id, LAYOUTS.c.fields).where(
        LAYOUTS.c.id == sa.any_(sa.bindparam("ids", type_=ARRAY(sa.BigInteger)))
    )
)


class Layouts:
    """The layouts of one PostgreSQL database."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._known: dict[int, Layout] = {WHOLE.number: WHOLE}

    def get(self, number: int) -> Layout | None:
        """Return a layout that is known to be in the database."""
        return self._known.get(number)

    @property
    def known(self) -> Collection[Layout]:
        """The layouts that are known to be in the database."""
        return self._known.values()

    def forget(self) -> None:
        """Trust nothing that was known: the database may be another one."""
        self._known = {WHOLE.number: WHOLE}

    async def write(self, connection: Connection, layouts: Iterable[Layout]) -> None:
        """Make layouts known to the database, whatever becomes of the connection's transaction."""
        new = {each.number: each for each in layouts if each.number not in self._known}
        if not new:
            return
        values = {"ids": list(new), "texts": [each.text for each in new.values()]}
        arguments = _WRITE.arguments(values)
        if connection.is_in_transaction():
            async with self._connections.aside() as other:
                await other.execute(_WRITE.text, *arguments)
        else:
            await connection.execute(_WRITE.text, *arguments)
        self._known |= new

    async def read(self, connection: Connection, numbers: Iterable[int]) -> None:
        """Have layouts known; CorruptionError when the database has lost one."""
        wanted = set(numbers) - self._known.keys()
        if not wanted:
            return
        for number, text in await connection.fetch(_READ.text, list(wanted)):
            self._known[number] = parse_layout(number, text)
        lost = wanted - self._known.keys()
        if lost:
            raise CorruptionError(
                f"the layout {min(lost)} of a document is missing",
                where="table parallax.layouts",
                remedy="restore it from a backup: without it the order of fields is unknown",
            )
