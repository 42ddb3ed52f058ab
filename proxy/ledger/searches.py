"""Comparisons of searches on the ledger: how many came to what, and those that differ.

No word that was looked for comes near it, and of a document its `_id` alone, named as samples name it. Counts are entered as they
stand, each writer in rows of its own: a batch that is sent again changes nothing.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Table, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from comparators.search import Aspect
from comparators.verdict import Verdict
from proxy.ledger import tables
from proxy.ledger.access import Access
from proxy.ledger.entries import SearchComparison
from proxy.ledger.redaction import MAX_DOCUMENTS, Redaction
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE
from proxy.ledger.window import Window

MOST_COUNTS: Final = 2000
MOST_WAITING: Final = 200
MOST_KEPT: Final = 1000
"""How many differing searches a ledger keeps: the newest ones."""
MOST_READ: Final = 100

_Key = tuple[int, str, str, str, str]
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchCount:
    """How many comparisons came to the same. `aspect` is None where nothing was compared; `reason` says why, or which rules."""

    namespace: str
    verdict: Verdict
    aspect: Aspect | None
    reason: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchDifference:
    """A search by which engine and database differ. The documents that one alone finds are redacted `_id`s, some of `…_in_all`."""

    at_ns: int
    namespace: str
    aspect: Aspect
    reason: str
    engine_alone: tuple[str, ...]
    engine_alone_in_all: int
    database_alone: tuple[str, ...]
    database_alone_in_all: int
    swapped: float


@dataclass(slots=True, kw_only=True)
class SearchBatch:
    """What one writer has not entered yet, or not for good. Without a ledger it stays small: `lost` says what was let go."""

    writer: str
    counts: dict[_Key, int] = field(default_factory=dict)
    differing: deque[tuple[int, SearchComparison]] = field(default_factory=deque)
    added: int = 0
    lost: int = 0
    _minute: int = 0
    _differed: int = 0

    def add(self, comparison: SearchComparison) -> None:
        """Add one comparison."""
        self.added += 1
        # A clock that is set back would begin a row anew that was entered already.
        self._minute = max(self._minute, comparison.at_ns // NANOSECONDS_PER_MINUTE)
        key = (
            self._minute,
            comparison.namespace,
            comparison.verdict.value,
            comparison.aspect or "",
            comparison.reason,
        )
        self.counts[key] = self.counts.get(key, 0) + 1
        if len(self.counts) > MOST_COUNTS:
            self.lost += self.counts.pop(next(iter(self.counts)))
        if comparison.verdict is Verdict.MISMATCH:
            self._differed += 1
            self.differing.append((self._differed, comparison))
            if len(self.differing) > MOST_WAITING:
                self.differing.popleft()

    def entered(self, counts: Mapping[_Key, int], differing: Sequence[tuple[int, Any]]) -> None:
        """Forget what is on the ledger and can grow no more."""
        for key, n in counts.items():
            if key[0] < self._minute and self.counts.get(key) == n:
                del self.counts[key]
        last = max((ordinal for ordinal, _ in differing), default=0)
        while self.differing and self.differing[0][0] <= last:
            self.differing.popleft()


async def enter_searches(access: Access, redaction: Redaction, batch: SearchBatch) -> None:
    """Enter a batch; nobody may add to it in another thread."""
    counts, differing = dict(batch.counts), list(batch.differing)
    async with access.writing() as connection:
        await _enter_counts(connection, batch.writer, counts)
        if differing:
            rows = [
                _difference_row(batch.writer, ordinal, each, redaction)
                for ordinal, each in differing
            ]
            await connection.execute(
                _insert(connection, tables.search_differences).on_conflict_do_nothing(), rows
            )
            await _keep_the_newest(connection)
    batch.entered(counts, differing)


async def search_counts(connection: AsyncConnection, window: Window) -> tuple[SearchCount, ...]:
    """Return what comparisons came to, the most frequent first."""
    stored = tables.searches
    keys = (stored.c.namespace, stored.c.verdict, stored.c.aspect, stored.c.reason)
    rows = await connection.execute(
        select(*keys, func.sum(stored.c.n).label("n"))
        .where(window.minutes(stored))
        .group_by(*keys)
        .order_by(func.sum(stored.c.n).desc(), *keys)
    )
    return tuple(
        SearchCount(
            namespace=row.namespace,
            verdict=Verdict(row.verdict),
            aspect=Aspect(row.aspect) if row.aspect else None,
            reason=row.reason,
            n=int(row.n),
        )
        for row in rows
    )


async def search_differences(
    connection: AsyncConnection, window: Window
) -> tuple[SearchDifference, ...]:
    """Return the searches that differ, the newest first, at most MOST_READ."""
    stored = tables.search_differences
    rows = await connection.execute(
        select(stored)
        .where(window.overlaps(stored.c.at_ns, stored.c.at_ns), window.chosen(stored))
        .order_by(stored.c.at_ns.desc(), stored.c.writer, stored.c.ordinal.desc())
        .limit(MOST_READ)
    )
    return tuple(
        SearchDifference(
            at_ns=row.at_ns,
            namespace=row.namespace,
            aspect=Aspect(row.aspect),
            reason=row.reason,
            engine_alone=tuple((sample := json.loads(row.sample))["engine_alone"]),
            engine_alone_in_all=sample["engine_alone_in_all"],
            database_alone=tuple(sample["database_alone"]),
            database_alone_in_all=sample["database_alone_in_all"],
            swapped=sample["swapped"],
        )
        for row in rows
    )


async def _enter_counts(
    connection: AsyncConnection, writer: str, counts: Mapping[_Key, int]
) -> None:
    if not counts:
        return
    statement = _insert(connection, tables.searches)
    names = ("minute", "namespace", "verdict", "aspect", "reason")
    await connection.execute(
        statement.on_conflict_do_update(
            index_elements=list(tables.searches.primary_key), set_={"n": statement.excluded.n}
        ),
        [
            dict(zip(names, key, strict=True)) | {"writer": writer, "n": n}
            for key, n in counts.items()
        ],
    )


def _difference_row(
    writer: str, ordinal: int, comparison: SearchComparison, redaction: Redaction
) -> _Row:
    def named(identifiers: Sequence[Any]) -> list[str]:
        return [
            redaction.document(comparison.namespace, each) for each in identifiers[:MAX_DOCUMENTS]
        ]

    sample = {
        "engine_alone": named(comparison.engine_alone),
        "engine_alone_in_all": len(comparison.engine_alone),
        "database_alone": named(comparison.database_alone),
        "database_alone_in_all": len(comparison.database_alone),
        "swapped": comparison.swapped,
    }
    return {
        "writer": writer,
        "ordinal": ordinal,
        "at_ns": comparison.at_ns,
        "namespace": comparison.namespace,
        "aspect": comparison.aspect or Aspect.CONTENT,
        "reason": comparison.reason,
        "sample": json.dumps(sample, separators=(",", ":")),
    }


async def _keep_the_newest(connection: AsyncConnection) -> None:
    stored = tables.search_differences
    newest = select(stored.c.at_ns).order_by(stored.c.at_ns.desc()).offset(MOST_KEPT - 1).limit(1)
    await connection.execute(stored.delete().where(stored.c.at_ns < newest.scalar_subquery()))


def _insert(connection: AsyncConnection, table: Table) -> Any:
    """Return the statement of this dialect; both speak of conflicts in the same way."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table)
