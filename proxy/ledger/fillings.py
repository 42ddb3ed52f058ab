"""Which collections hold documents from before the sidecar that the gateway does not have in full yet.

The verifier writes it, for its verdicts depend on it: a difference in such a collection says nothing.
"""

import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import select

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
        async with self._access.writing() as connection:
            rows = await connection.execute(select(tables.fillings))
            return {row.namespace: FillingState(row.state) for row in rows}

    async def set(self, states: Mapping[str, FillingState]) -> None:
        """Enter the states of collections."""
        now_ns = time.time_ns()
        stored = tables.fillings
        async with self._access.writing() as connection:
            for namespace, state in states.items():
                await connection.execute(stored.delete().where(stored.c.namespace == namespace))
                row: dict[str, Any] = {"namespace": namespace, "state": state.value}
                await connection.execute(stored.insert().values(**row, changed_ns=now_ns))

    async def surveyed(self, log: str) -> bool:
        """Return whether the collections were looked at when a log began."""
        wanted = select(tables.meta.c.value).where(tables.meta.c.name == f"{SURVEYED} {log}")
        async with self._access.writing() as connection:
            return (await connection.execute(wanted)).scalar_one_or_none() is not None

    async def finish_survey(self, log: str, pending: Mapping[str, FillingState]) -> None:
        """Enter what a survey has found."""
        await self.set(pending)
        name = f"{SURVEYED} {log}"
        async with self._access.writing() as connection:
            await connection.execute(tables.meta.delete().where(tables.meta.c.name == name))
            await connection.execute(
                tables.meta.insert().values(name=name, value=str(time.time_ns()))
            )
