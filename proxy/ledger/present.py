"""What the ledger says of now: how gates stand, what differs, and how far jobs are. For metrics, so in numbers and names alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from proxy.ledger import queries, tables
from proxy.ledger.bounds import Gates
from proxy.ledger.facts import Standing
from proxy.ledger.fillings import FillingState
from proxy.ledger.flag_changes import PARALLAX, ROLLED_BACK
from proxy.ledger.sweeps import NEVER
from proxy.ledger.tables import NANOSECONDS_PER_SECOND
from proxy.ledger.window import Window


@dataclass(slots=True, kw_only=True)
class Chunked:
    """How much of a collection is filled."""

    merged: int = 0
    left: int = 0
    documents: int = 0


@dataclass(slots=True, kw_only=True)
class Freshness:
    """How much of a collection was swept lately. `age_s` is that of the chunk that waits longest; None while one was never swept."""

    swept: int = 0
    due: int = 0
    differing: int = 0
    age_s: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Present:
    """As it is now, by collection."""

    standing: Standing
    divergent: Mapping[str, int]
    roll_backs: Mapping[tuple[str, str], int]
    """By collection and direction; an empty collection stands for all."""
    fillings: Mapping[str, FillingState]
    backfills: Mapping[str, Chunked]
    sweeps: Mapping[str, Freshness] = field(default_factory=dict)

    @property
    def namespaces(self) -> frozenset[str]:
        """Every collection of which the ledger knows."""
        gated = (each.namespace for each in self.standing.gates.collections)
        return frozenset({*gated, *self.divergent, *self.fillings, *self.sweeps})


async def present(
    connection: AsyncConnection, standing: Standing, gates: Gates, now_ns: int
) -> Present:
    """Return what the ledger says beside the gates, which were read already."""
    return Present(
        standing=standing,
        divergent=await _divergent(connection),
        roll_backs=await _roll_backs(connection),
        fillings=await _fillings(connection),
        backfills=await _backfills(connection),
        sweeps=await _sweeps(connection, gates, now_ns),
    )


async def _divergent(connection: AsyncConnection) -> Mapping[str, int]:
    stored = tables.divergence
    rows = await connection.execute(
        select(stored.c.namespace, func.count().label("n"))
        .where(queries.open_in(Window()))
        .group_by(stored.c.namespace)
    )
    return {row.namespace: row.n for row in rows}


async def _roll_backs(connection: AsyncConnection) -> Mapping[tuple[str, str], int]:
    stored = tables.flag_changes
    keys = (stored.c.namespace, stored.c.direction)
    rows = await connection.execute(
        select(*keys, func.count().label("n"))
        .where(stored.c.who == PARALLAX, stored.c.why.startswith(ROLLED_BACK, autoescape=True))
        .group_by(*keys)
    )
    return {(row.namespace, row.direction): row.n for row in rows}


async def _fillings(connection: AsyncConnection) -> Mapping[str, FillingState]:
    rows = await connection.execute(select(tables.fillings))
    return {row.namespace: FillingState(row.state) for row in rows}


async def _backfills(connection: AsyncConnection) -> Mapping[str, Chunked]:
    stored = tables.chunks
    rows = await connection.execute(
        select(
            stored.c.namespace,
            func.count().label("chunks"),
            func.count(stored.c.documents).label("merged"),
            func.coalesce(func.sum(stored.c.documents), 0).label("documents"),
        ).group_by(stored.c.namespace)
    )
    return {
        row.namespace: Chunked(
            merged=row.merged, left=row.chunks - row.merged, documents=int(row.documents)
        )
        for row in rows
    }


async def _sweeps(
    connection: AsyncConnection, gates: Gates, now_ns: int
) -> Mapping[str, Freshness]:
    stored = tables.sweeps
    found: dict[str, Freshness] = {}
    for row in await connection.execute(
        select(stored.c.namespace, stored.c.swept_ns, stored.c.differing)
    ):
        freshness = found.setdefault(row.namespace, Freshness())
        age_s = (now_ns - row.swept_ns) / NANOSECONDS_PER_SECOND
        is_swept = row.swept_ns != NEVER and age_s <= gates.of(row.namespace).max_sweep_age_s
        freshness.swept += is_swept
        freshness.due += not is_swept
        freshness.differing += row.differing
        if row.swept_ns == NEVER:
            freshness.age_s = None
        elif freshness.age_s is not None:
            freshness.age_s = max(freshness.age_s, age_s)
    return found
