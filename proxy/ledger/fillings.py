"""Which collections hold documents from before the sidecar that the gateway does not have in full yet.

The verifier writes it, for its verdicts depend on it: a difference in such a collection says nothing.
"""

import time
from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import ColumnElement, select
from sqlalchemy.dialects import postgresql, sqlite

from proxy.ledger import tables
from proxy.ledger.access import Access

SURVEYED = "surveyed"
"""In front of the name of a log whose collections have been looked at."""


class FillingState(StrEnum):
    """How much of a collection the gateway has."""

    PENDING = "pending"
    """Documents from before the sidecar are missing."""
    COPYING = "copying"
    """A backfill has begun."""
    SETTLING = "settling"
    """A backfill has ended; documents that were written meanwhile may still differ."""
    COMPLETE = "complete"
    """A backfill has ended."""


class Fillings:
    """The states on one ledger."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def all(self) -> dict[str, FillingState]:
        """Return the state of every collection that has one."""
        async with self._access.reading() as connection:
            rows = await connection.execute(select(tables.fillings))
            return {row.namespace: FillingState(row.state) for row in rows}

    async def changes(self) -> dict[str, int]:
        """Return when the state of each collection was entered."""
        async with self._access.reading() as connection:
            rows = await connection.execute(select(tables.fillings))
            return {row.namespace: row.changed_ns for row in rows}

    async def set(self, states: Mapping[str, FillingState]) -> None:
        """Enter the states of collections."""
        await self._put(states)

    async def set_lacking(self, namespace: str, changed_ns: int | None) -> bool:
        """Enter that documents are missing; False where anything was entered after `changed_ns`, None for ever."""
        unchanged = tables.fillings.c.changed_ns == (-1 if changed_ns is None else changed_ns)
        return await self._put({namespace: FillingState.PENDING}, where=unchanged) > 0

    async def _put(
        self, states: Mapping[str, FillingState], *, where: ColumnElement[bool] | None = None
    ) -> int:
        """Enter states and return how many rows that changed; one statement each, for two verifiers may do so at once."""
        stored, changed = tables.fillings, 0
        async with self._access.writing() as connection:
            # Both dialects speak of conflicts in the same way.
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            for namespace, state in states.items():
                statement = insert(stored).values(
                    namespace=namespace, state=state.value, changed_ns=time.time_ns()
                )
                put = statement.on_conflict_do_update(
                    index_elements=[stored.c.namespace],
                    set_={
                        "state": statement.excluded.state,
                        "changed_ns": statement.excluded.changed_ns,
                    },
                    where=where,
                )
                changed += (await connection.execute(put)).rowcount
        return changed

    async def surveyed(self, log: str) -> bool:
        """Return whether the collections were looked at when a log began."""
        wanted = select(tables.meta.c.value).where(tables.meta.c.name == f"{SURVEYED} {log}")
        async with self._access.reading() as connection:
            return (await connection.execute(wanted)).scalar_one_or_none() is not None

    async def finish_survey(self, log: str) -> None:
        """Enter that the collections were looked at."""
        name = f"{SURVEYED} {log}"
        async with self._access.writing() as connection:
            await connection.execute(tables.meta.delete().where(tables.meta.c.name == name))
            await connection.execute(
                tables.meta.insert().values(name=name, value=str(time.time_ns()))
            )
