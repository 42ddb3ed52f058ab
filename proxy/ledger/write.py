"""Write evidence down. One batch is one transaction: the counts and the checkpoint always agree.

After `kill -9` the verifier starts again from the checkpoint, and what it finds then was never counted. A batch
that is sent a second time, because the answer to its commit was lost, changes nothing.
"""

import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final, Self

from sqlalchemy import Insert, Table, bindparam, func, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from comparators.errors import RefusedError
from proxy.ledger import tables
from proxy.ledger.access import Access
from proxy.ledger.batch import SAMPLES_PER_GROUP, Batch, Row, identity
from proxy.ledger.engine import SCHEMA, shown_url, translated_failures, writing_engine
from proxy.ledger.entries import (
    Checkpoint,
    Divergence,
    DivergenceState,
    Drop,
    Event,
    Explained,
    Finding,
    Lag,
    Resolution,
    verifier_of,
)
from proxy.ledger.fillings import Fillings
from proxy.ledger.flag_changes import FlagChanges
from proxy.ledger.hours import merge_oldest_hour
from proxy.ledger.losses import Losses
from proxy.ledger.measuring import measure
from proxy.ledger.migrations import migrate
from proxy.ledger.orders import Orders, Settlement, settle
from proxy.ledger.redaction import Redaction, Revealed, nothing_revealed
from proxy.ledger.sketches import Sketch
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE, NANOSECONDS_PER_SECOND, shape_key
from proxy.telemetry import Metrics

REDACTION_KEY: Final = "redaction_key"
_KEY_BYTES: Final = 32
# PostgreSQL takes one number for an advisory lock: this one is "parallax" in ASCII.
_MIGRATION_LOCK: Final = int.from_bytes(b"parallax")
_WRITING_LOCK: Final = int.from_bytes(b"findings")

_REACHED: Final = select(tables.checkpoints.c.position, tables.checkpoints.c.batch).where(
    tables.checkpoints.c.log == bindparam("of")
)


class Ledger:
    """The ledger, open for the one verifier that writes it. Made by `open`."""

    def __init__(
        self,
        engine: AsyncEngine,
        *,
        where: str,
        redaction: Redaction,
        metrics: Metrics,
        started_ns: int,
    ) -> None:
        self._engine = engine
        self._where = where
        self._redaction = redaction
        self._metrics = metrics
        self._started_ns = started_ns
        self._insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        self._puts: dict[tuple[Any, ...], Insert] = {}

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        revealed: Revealed = nothing_revealed,
        about: Mapping[str, str] | None = None,
        metrics: Metrics | None = None,
    ) -> Self:
        """Open the ledger, creating or migrating it first.

        `about` (versions, digest of the settings) is stored and shown in reports; `metrics` are told of what
        was recorded, None for OpenTelemetry's global provider. Raises SettingsError,
        UnreachableError, CapacityError or CorruptionError.
        """
        engine = writing_engine(url)
        where = shown_url(url)
        try:
            with translated_failures(where):
                key = await _prepare(engine, about or {})
        except BaseException:
            await engine.dispose()
            raise
        redaction = Redaction(key=key, revealed=revealed)
        return cls(
            engine,
            where=where,
            redaction=redaction,
            metrics=metrics or Metrics(),
            started_ns=time.time_ns(),
        )

    async def close(self) -> None:
        """Give the connection back; nothing is buffered."""
        await self._engine.dispose()

    @property
    def orders(self) -> Orders:
        """The orders on this ledger."""
        return Orders(self._access)

    @property
    def fillings(self) -> Fillings:
        """Which collections are not filled, on this ledger."""
        return Fillings(self._access)

    @property
    def flag_changes(self) -> FlagChanges:
        """Who has changed which flag, on this ledger."""
        return FlagChanges(self._access)

    @property
    def losses(self) -> Losses:
        """What was never verified, on this ledger."""
        return Losses(self._access)

    @property
    def _access(self) -> Access:
        return Access(where=self._where, writer=self._engine, reader=self._engine)

    def redacted(self, namespace: str, identifier: Any) -> str:
        """Return an `_id` as it may be written into the outcome of an order."""
        return self._redaction.document(namespace, identifier)

    async def fact(self, name: str) -> str | None:
        """Return what is noted under a name, None where nothing is."""
        wanted = select(tables.meta.c.value).where(tables.meta.c.name == name)
        with translated_failures(self._where):
            async with self._engine.begin() as connection:
                return (await connection.execute(wanted)).scalar_one_or_none()

    async def note(self, name: str, value: str) -> None:
        """Note a fact of this ledger under a name, in place of what was there."""
        with translated_failures(self._where):
            async with self._engine.begin() as connection:
                row = {"name": name, "value": value}
                await self._put(connection, tables.meta, [row], replace=("value",))

    async def checkpoint(self, log: str) -> Checkpoint | None:
        """Return how far `log` is on the ledger; None for a new log."""
        stored = tables.checkpoints
        with translated_failures(self._where):
            async with self._engine.begin() as connection:
                found = await connection.execute(select(stored).where(stored.c.log == log))
                row = found.one_or_none()
        if row is None:
            return None
        return Checkpoint(
            log=log, position=row.position, at_ns=row.at_ns, open=tuple(json.loads(row.open))
        )

    async def record(
        self,
        findings: Sequence[Finding],
        *,
        checkpoint: Checkpoint,
        lag: Lag,
        events: Sequence[Event] = (),
        drops: Sequence[Drop] = (),
        diverged: Sequence[Divergence] = (),
        resolved: Sequence[Resolution] = (),
        settled: Sequence[Settlement] = (),
        explained: Sequence[Explained] = (),
    ) -> None:
        """Write all of it, or nothing and raise UnreachableError or CapacityError: send the same again then.

        RefusedError if the checkpoint would go back, because a second verifier writes this ledger.
        """
        batch = Batch()
        for finding in findings:
            batch.add(finding, self._redaction)
        name = identity(checkpoint, findings, drops)
        with translated_failures(self._where):
            async with self._engine.begin() as connection:
                await self._wait_for_others(connection)
                if not await self._advance(connection, checkpoint, name):
                    return
                await self._add_batch(connection, batch)
                await self._add_explained(connection, explained)
                await self._add_progress(connection, batch, checkpoint, lag)
                await self._add_events(connection, events)
                await self._add_drops(connection, drops)
                await self._open_divergences(connection, diverged)
                await self._close_divergences(connection, resolved)
                await settle(connection, settled)
        # After the commit: what is sent again because it failed is measured once.
        measure(self._metrics, findings, lag, drops)

    async def condense(self, now_ns: int) -> bool:
        """Keep an hour of a past day as one; False where there is none left to do."""
        with translated_failures(self._where):
            async with self._engine.begin() as connection:
                await self._wait_for_others(connection)
                return await merge_oldest_hour(
                    connection, now_minute=now_ns // NANOSECONDS_PER_MINUTE
                )

    async def diverged(self, entries: Sequence[Divergence]) -> None:
        """Mark documents as differing; one that is marked already keeps its first cause and time."""
        with translated_failures(self._where):
            async with self._engine.begin() as connection:
                await self._open_divergences(connection, entries)

    async def resolved(self, entries: Sequence[Resolution]) -> None:
        """Mark documents as equal again."""
        with translated_failures(self._where):
            async with self._engine.begin() as connection:
                await self._close_divergences(connection, entries)

    async def _wait_for_others(self, connection: AsyncConnection) -> None:
        """Have one verifier write at a time: sketches and samples are read before they are written again."""
        if self._engine.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock(_WRITING_LOCK)))

    async def _advance(
        self, connection: AsyncConnection, checkpoint: Checkpoint, batch: str
    ) -> bool:
        """Move the checkpoint; False if this very batch is on the ledger already."""
        stored = tables.checkpoints
        row = (await connection.execute(_REACHED, {"of": checkpoint.log})).one_or_none()
        if row is not None and row.batch == batch:
            return False
        if row is not None and row.position > checkpoint.position:
            raise RefusedError(
                f"the checkpoint would go back from {row.position} to {checkpoint.position}",
                where=self._where,
                remedy="run one verifier per capture log; stop the other one",
            )
        values = {
            "log": checkpoint.log,
            "position": checkpoint.position,
            "at_ns": checkpoint.at_ns,
            "open": json.dumps(checkpoint.open),
            "batch": batch,
        }
        replaced = ("position", "at_ns", "open", "batch")
        await self._put(connection, stored, [values], replace=replaced)
        return True

    async def _add_batch(self, connection: AsyncConnection, batch: Batch) -> None:
        span = {"first_ns": func.min, "last_ns": func.max}
        await self._put(connection, tables.shapes, list(batch.shapes.values()), span=span)
        await self._add(connection, tables.counts, batch.counts)
        await self._add(connection, tables.reasons, batch.reasons)
        await self._add(connection, tables.rule_hits, batch.rule_hits)
        await self._add(connection, tables.answers, batch.answers)
        explained = ("at_ns", "gateway_s", "plan")
        await self._put(connection, tables.plans, list(batch.plans.values()), replace=explained)
        await self._merge_latencies(connection, batch.latencies)
        await self._put(connection, tables.groups, list(batch.groups.values()), span=span)
        await self._add(connection, tables.group_counts, batch.group_counts)
        await self._add_samples(connection, batch.samples)

    async def _add_progress(
        self, connection: AsyncConnection, batch: Batch, checkpoint: Checkpoint, lag: Lag
    ) -> None:
        lags = {
            "lag_operations": lag.operations,
            "lag_s": lag.seconds,
            "lag_bytes": lag.bytes,
        }
        flush = {
            "second": checkpoint.at_ns // NANOSECONDS_PER_SECOND,
            "seen": batch.seen,
            "verified": batch.verified,
            "mismatched": batch.mismatched,
            **lags,
        }
        sums = ("seen", "verified", "mismatched")
        await self._put(connection, tables.flushes, [flush], add=sums, replace=tuple(lags))
        beat = {
            "part": verifier_of(checkpoint.log),
            "started_ns": self._started_ns,
            "at_ns": checkpoint.at_ns,
            **lags,
        }
        await self._put(
            connection, tables.heartbeats, [beat], replace=("started_ns", "at_ns", *lags)
        )

    async def _merge_latencies(
        self, connection: AsyncConnection, sketches: Mapping[tuple[int, int, str], Sketch]
    ) -> None:
        stored = tables.latencies
        wanted = select(stored.c.minute, stored.c.shape, stored.c.side, stored.c.sketch).where(
            stored.c.minute.in_({minute for minute, _, _ in sketches}),
            stored.c.shape.in_({shape for _, shape, _ in sketches}),
        )
        merged = {key: _copy(sketch) for key, sketch in sketches.items()}
        if merged:
            for minute, shape, side, sketch in await connection.execute(wanted):
                if (minute, shape, side) in merged:
                    merged[minute, shape, side].merge(Sketch.from_bytes(sketch))
        rows = [
            {"minute": minute, "shape": shape, "side": side, "sketch": sketch.to_bytes()}
            for (minute, shape, side), sketch in merged.items()
        ]
        await self._put(connection, stored, rows, replace=("sketch",))

    async def _add_samples(
        self, connection: AsyncConnection, samples: Mapping[int, Sequence[Row]]
    ) -> None:
        stored = tables.samples
        wanted = (
            select(stored.c.group, func.count().label("n"))
            .where(stored.c.group.in_(samples))
            .group_by(stored.c.group)
        )
        kept: dict[int, int] = {}
        if samples:
            kept = {row.group: row.n for row in await connection.execute(wanted)}
        rows = [
            {**row, "ordinal": ordinal}
            for group, found in samples.items()
            for ordinal, row in enumerate(found, start=kept.get(group, 0))
            if ordinal < SAMPLES_PER_GROUP
        ]
        await self._put(connection, stored, rows)

    async def _add_events(self, connection: AsyncConnection, events: Sequence[Event]) -> None:
        rows = [
            {
                "kind": event.kind.value,
                "log": event.log,
                "position": event.position,
                "at_ns": event.at_ns,
                "until_ns": event.until_ns,
                "namespace": event.namespace,
                "n": event.n,
                "detail": event.detail,
            }
            for event in events
        ]
        await self._put(connection, tables.events, rows, replace=("until_ns", "n", "detail"))

    async def _add_drops(self, connection: AsyncConnection, drops: Sequence[Drop]) -> None:
        sums: dict[tuple[int, str, str, str], int] = {}
        for drop in drops:
            key = (
                drop.at_ns // NANOSECONDS_PER_MINUTE,
                drop.namespace,
                drop.what.value,
                drop.reason,
            )
            sums[key] = sums.get(key, 0) + drop.n
        await self._add(connection, tables.drops, sums)

    async def _add_explained(
        self, connection: AsyncConnection, entries: Sequence[Explained]
    ) -> None:
        stored = tables.plans
        for entry in entries:
            key = shape_key(entry.namespace, entry.shape.id)
            await connection.execute(
                stored.update().where(stored.c.shape == key).values(legacy_plan=entry.plan)
            )

    async def _open_divergences(
        self, connection: AsyncConnection, entries: Sequence[Divergence]
    ) -> None:
        stored = tables.divergence
        rows = {}
        for entry in entries:
            document = self._redaction.document(entry.namespace, entry.document)
            rows[entry.namespace, document] = {
                "namespace": entry.namespace,
                "document": document,
                "cause": entry.cause,
                "state": DivergenceState.OPEN.value,
                "since_ns": entry.since_ns,
                "changed_ns": entry.since_ns,
                "log": entry.log,
                "position": entry.position,
                "differences": self._redaction.differences(entry.namespace, entry.differences),
                "who": "",
                "why": "",
                "written_by": "" if entry.writer is None else entry.writer.shape,
                "writer": "" if entry.writer is None else json.dumps(asdict(entry.writer)),
            }
        if not rows:
            return
        statement = self._insert(stored)
        reopened = {
            name: statement.excluded[name]
            for name in next(iter(rows.values()))
            if name not in stored.primary_key
        }
        statement = statement.on_conflict_do_update(
            index_elements=list(stored.primary_key),
            set_=reopened,
            where=stored.c.state != DivergenceState.OPEN.value,
        )
        await connection.execute(statement, list(rows.values()))

    async def _close_divergences(
        self, connection: AsyncConnection, entries: Sequence[Resolution]
    ) -> None:
        stored = tables.divergence
        for entry in entries:
            await connection.execute(
                stored.update()
                .where(
                    stored.c.namespace == entry.namespace,
                    stored.c.document == self._redaction.document(entry.namespace, entry.document),
                    stored.c.state == DivergenceState.OPEN.value,
                )
                .values(
                    state=entry.state.value, changed_ns=entry.at_ns, who=entry.who, why=entry.why
                )
            )

    async def _add(
        self, connection: AsyncConnection, table: Table, sums: Mapping[tuple[Any, ...], int]
    ) -> None:
        """Add to the column `n` of the rows with these keys."""
        names = [column.name for column in table.primary_key]
        rows = [{**dict(zip(names, key, strict=True)), "n": n} for key, n in sums.items()]
        await self._put(connection, table, rows, add=("n",))

    async def _put(
        self,
        connection: AsyncConnection,
        table: Table,
        rows: Sequence[Row],
        *,
        add: Sequence[str] = (),
        replace: Sequence[str] = (),
        span: Mapping[str, Any] | None = None,
    ) -> None:
        """Insert rows; where one is there already, add to, replace or widen the columns named."""
        if not rows:
            return
        widened = tuple((span or {}).items())
        key = (table.name, tuple(add), tuple(replace), widened)
        statement = self._puts.get(key)
        if statement is None:
            # Put together once for each kind: that takes longer than SQLite does to write a row.
            statement = self._puts[key] = self._put_of(table, add, replace, widened)
        await connection.execute(statement, rows)

    def _put_of(
        self,
        table: Table,
        add: Sequence[str],
        replace: Sequence[str],
        span: Sequence[tuple[str, Any]],
    ) -> Insert:
        statement = self._insert(table)
        new = statement.excluded
        changes: dict[str, Any] = {name: table.c[name] + new[name] for name in add}
        changes |= {name: new[name] for name in replace}
        changes |= {
            name: self._widest(function, table.c[name], new[name]) for name, function in span
        }
        if not changes:
            return statement
        return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes)

    def _widest(self, function: Any, old: Any, new: Any) -> Any:
        # SQLite's min and max take two values; in PostgreSQL these are called least and greatest.
        if self._engine.dialect.name == "sqlite":
            return function(old, new)
        return func.least(old, new) if function is func.min else func.greatest(old, new)


async def _prepare(engine: AsyncEngine, about: Mapping[str, str]) -> bytes:
    """Bring the schema up to date and return the ledger's redaction key, made at its first opening."""
    async with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            await connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
        await connection.run_sync(migrate)
        wanted = select(tables.meta.c.value).where(tables.meta.c.name == REDACTION_KEY)
        key = (await connection.execute(wanted)).scalar_one_or_none()
        facts = dict(about)
        if key is None:
            key = secrets.token_hex(_KEY_BYTES)
            facts |= {REDACTION_KEY: key, "created_ns": str(time.time_ns())}
        for name, value in facts.items():
            await connection.execute(tables.meta.delete().where(tables.meta.c.name == name))
            await connection.execute(tables.meta.insert().values(name=name, value=value))
        return bytes.fromhex(key)


def _copy(sketch: Sketch) -> Sketch:
    copy = Sketch()
    copy.merge(sketch)
    return copy
