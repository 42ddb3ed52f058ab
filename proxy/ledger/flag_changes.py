"""Every change of a flag, with the evidence on its collection at that moment. Nothing here is ever changed or removed."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from proxy.ledger import tables
from proxy.ledger.access import Access
from proxy.ledger.gates import GateOutcome, Result
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE

MOST_CHANGES: Final = 1_000
PARALLAX: Final = "parallax"
"""Who it was where nobody did it."""
ROLLED_BACK: Final = "rolled back: "
"""Why Parallax has set a flag back, before the reason."""
_SHADOW: Final = "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateThen:
    """What came of a gate at the moment of a change."""

    gate: str
    result: Result
    found: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagChange:
    """A flag that said `before` and then `after`; an empty namespace is the default of all collections.

    `forced`: what stood in its way was overruled.
    """

    at_ns: int
    direction: str
    namespace: str
    before: str
    after: str
    who: str
    why: str
    forced: bool = False
    gates: tuple[GateThen, ...] = field(default=())

    @property
    def is_roll_back(self) -> bool:
        """Return whether Parallax has set the flag back by itself."""
        return self.who == PARALLAX and self.why.startswith(ROLLED_BACK)

    @property
    def begins_anew(self) -> bool:
        """Return whether evidence from before it counts no more: somebody has said so, or it was held against the gateway."""
        return self.is_roll_back or self.before == self.after == _SHADOW


class FlagChanges:
    """The history of the flags on one ledger."""

    def __init__(self, access: Access) -> None:
        self._access = access

    @asynccontextmanager
    async def entering(self, change: FlagChange) -> AsyncIterator[None]:
        """Enter a change with what is done meanwhile: if that fails, nothing is entered."""
        async with self._access.writing() as connection:
            await _enter(connection, change)
            yield

    async def enter(self, change: FlagChange) -> None:
        """Enter a change that has been made."""
        async with self.entering(change):
            pass

    async def gates_then(self, namespace: str) -> tuple[GateThen, ...]:
        """Return how the gates of a collection stood when its flag was last changed; none if it never was."""
        changes = await self.read(namespace=namespace)
        return changes[0].gates if changes else ()

    async def begins_ns(self, namespace: str) -> int | None:
        """Return the minute from which on the evidence on a collection counts; None for all of it.

        The minute after the one in which evidence began anew: the ledger knows no shorter time.
        """
        changes = [*await self.read(namespace=namespace), *await self.read(namespace="")]
        last = max((each.at_ns for each in changes if each.begins_anew), default=None)
        return (
            None if last is None else (last // NANOSECONDS_PER_MINUTE + 1) * NANOSECONDS_PER_MINUTE
        )

    async def read(self, *, namespace: str | None = None) -> list[FlagChange]:
        """Return the changes, of one flag or of all, the newest first."""
        async with self._access.reading() as connection:
            return await flag_changes(connection, namespace)


async def flag_changes(
    connection: AsyncConnection, namespace: str | None = None
) -> list[FlagChange]:
    """Return at most MOST_CHANGES changes, of one flag or of all, the newest first."""
    stored = tables.flag_changes
    wanted = select(stored).order_by(stored.c.id.desc()).limit(MOST_CHANGES)
    if namespace is not None:
        wanted = wanted.where(stored.c.namespace == namespace)
    return [
        FlagChange(
            at_ns=row.at_ns,
            direction=row.direction,
            namespace=row.namespace,
            before=row.before,
            after=row.after,
            who=row.who,
            why=row.why,
            forced=bool(row.forced),
            gates=_gates(json.loads(row.evidence)),
        )
        for row in (await connection.execute(wanted)).all()
    ]


def gates_then(outcomes: Sequence[GateOutcome]) -> tuple[GateThen, ...]:
    """Return what is kept of gates."""
    return tuple(
        GateThen(gate=one.gate.value, result=one.result, found=one.found) for one in outcomes
    )


async def _enter(connection: AsyncConnection, change: FlagChange) -> None:
    evidence = [[then.gate, then.result.value, then.found] for then in change.gates]
    await connection.execute(
        tables.flag_changes.insert().values(
            at_ns=change.at_ns or time.time_ns(),
            direction=change.direction,
            namespace=change.namespace,
            before=change.before,
            after=change.after,
            who=change.who,
            why=change.why,
            forced=int(change.forced),
            evidence=json.dumps(evidence),
        )
    )


def _gates(stored: Any) -> tuple[GateThen, ...]:
    return tuple(
        GateThen(gate=gate, result=Result(result), found=found) for gate, result, found in stored
    )
