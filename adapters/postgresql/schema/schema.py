"""The tables of mapped collections, held against maps: planned, shown, and made so while they are used."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

import asyncpg
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.entities.changes import row_changes
from adapters.entities.entity import EntityMap
from adapters.entities.notation import text_of
from adapters.postgresql.catalog import PostgresCatalog, PostgresCollection
from adapters.postgresql.connections import Connection, Connections
from adapters.postgresql.failures import TOO_LONG, state_of
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.schema.comparison import Wanted, compare
from adapters.postgresql.schema.leftovers import clear_leftovers
from adapters.postgresql.schema.moving import (
    DEADLOCK,
    LOCK_NOT_AVAILABLE,
    PAUSE_S,
    SET_MAP,
    TRIES,
    Mover,
    move_of,
    statements_of,
)
from adapters.postgresql.schema.notes import LOCK_TIMEOUT, defining
from adapters.postgresql.schema.steps import SchemaPlan, Step, StepKind
from adapters.postgresql.schema.versions import SCHEMA_SQL, moves_of, record
from comparators.errors import CapacityError, RefusedError

CONNECTIONS: Final = 2


class Schema:
    """The schema of one PostgreSQL database. `async with Schema(…) as schema:` closes its connections at the end."""

    def __init__(self, dsn: str, entities: Mapping[str, EntityMap]) -> None:
        self._dsn = dsn
        self._entities = entities
        self._connections = Connections(dsn, limit=CONNECTIONS)
        self._catalog = PostgresCatalog(Layouts(self._connections), entities)
        self._held = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._connection: Connection = await self._held.enter_async_context(
            self._connections.held()
        )
        await self._catalog.load(self._connection)
        await self._connection.execute(SCHEMA_SQL)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._held.__aexit__(kind, error, traceback)
        await self._connections.close()

    async def plan(self, databases: Iterable[str] = ()) -> SchemaPlan:
        """Return what differs from the maps, in these databases or in all."""
        await self._catalog.load(self._connection)
        chosen = set(databases)
        known = sorted({database for database, _name in self._catalog.namespaces()})
        plans = [await self._plan_of(each) for each in known if not chosen or each in chosen]
        return SchemaPlan(
            steps=tuple(step for plan in plans for step in plan.steps),
            notes=tuple(note for plan in plans for note in plan.notes),
            stale=tuple(place for plan in plans for place in plan.stale),
        )

    async def apply(self, databases: Iterable[str] = (), *, allow_destructive: bool) -> SchemaPlan:
        """Do what the plan says and return it; RefusedError where SQL would read less than before."""
        chosen = tuple(databases)
        await clear_leftovers(self._connection, self._catalog)
        plan = await self.plan(chosen)
        lossy = [step for step in plan.steps if step.destructive]
        if lossy and not allow_destructive:
            raise RefusedError(
                "; ".join(f"{step.collection}: {step.what}" for step in lossy),
                where=", ".join(sorted({f"{step.database}.{step.collection}" for step in lossy})),
                remedy="look who reads these columns by SQL, then repeat with --allow-destructive",
            )
        for database, name in dict.fromkeys(
            (step.database, step.collection) for step in plan.steps if step.kind is StepKind.ANEW
        ):
            await self._make_anew(database, name)
        # The new tables have no foreign keys yet.
        rest = await self.plan(chosen)
        for database in sorted(
            {step.database for step in rest.steps} | {each[0] for each in rest.stale}
        ):
            await self._apply_together(database, rest)
            await self._apply_alone(database, rest)
        return plan

    async def promote(self, database: str, name: str) -> None:
        """Move a collection from a document table to the table of its map; RefusedError where it has none."""
        await self._catalog.load(self._connection)
        collection = self._catalog.collection(database, name)
        entity = self._entities.get(name)
        if entity is None:
            raise RefusedError(
                f"the profile has no map for {name}",
                where="[gateway] entities",
                remedy="add one, or name another profile with --entities",
            )
        if collection is not None and isinstance(collection.storage, MappedStorage):
            raise RefusedError(
                "it lives in a mapped table already",
                where=f"{database}.{name}",
                remedy="use `parallax schema apply` for changes of its map",
            )
        await self._move(database, name, await self._next(database, entity))

    async def demote(self, database: str, name: str) -> None:
        """Move a collection back to a document table; RefusedError where it lives in one."""
        await self._catalog.load(self._connection)
        collection = self._catalog.collection(database, name)
        if collection is not None and not isinstance(collection.storage, MappedStorage):
            raise RefusedError(
                "it lives in a document table already",
                where=f"{database}.{name}",
                remedy="there is nothing to do",
            )
        await self._move(database, name, None)

    async def _make_anew(self, database: str, name: str) -> None:
        await self._move(database, name, await self._next(database, self._entities[name]))

    async def _next(self, database: str, entity: EntityMap) -> EntityMap:
        """Return a map as that of a table which none that was before can be taken for."""
        moves = await moves_of(self._connection, database, entity.collection)
        stored = self._stored(database).get(entity.collection)
        return replace(
            entity, generation=max(moves, 0 if stored is None else stored.generation + 1)
        )

    async def _move(self, database: str, name: str, entity: EntityMap | None) -> None:
        await clear_leftovers(self._connection, self._catalog)
        move = move_of(self._catalog, database, name, entity)
        await Mover(self._connection, self._catalog, move).run()
        await self._catalog.load(self._connection)

    def _stored(self, database: str) -> dict[str, EntityMap]:
        """Return the maps that the tables of a database follow, by collection."""
        return {
            name: collection.storage.entity
            for name, collection in self._collections(database).items()
            if isinstance(collection.storage, MappedStorage)
        }

    def _collections(self, database: str) -> dict[str, PostgresCollection]:
        found = {
            name: self._catalog.collection(database, name) for name in self._catalog.names(database)
        }
        return {name: collection for name, collection in found.items() if collection is not None}

    async def _plan_of(self, database: str) -> SchemaPlan:
        stored = self._stored(database)
        wanted, anew, stale, notes = dict(stored), [], [], []
        for name, entity in stored.items():
            mapped = self._entities.get(name)
            if mapped is None:
                notes.append(f"{database}.{name}: the profile has no map; its table keeps its own")
                continue
            mapped = replace(mapped, generation=entity.generation)
            changes = row_changes(entity, mapped)
            if changes:
                move = move_of(self._catalog, database, name, await self._next(database, mapped))
                statements = tuple(statements_of(move))
                anew += [
                    Step(
                        database=database,
                        collection=name,
                        what=change.what,
                        kind=StepKind.ANEW,
                        statements=statements if at == 0 else (),
                        destructive=change.destructive,
                    )
                    for at, change in enumerate(changes)
                ]
            else:
                wanted[name] = mapped
                if text_of(mapped) != text_of(entity):
                    stale.append((database, name))
        notes += [
            f"{database}.{name}: has a map and lives in a document table; `parallax schema promote {database}.{name}` moves it"
            for name in self._catalog.names(database)
            if name in self._entities and name not in stored
        ]
        compared = await self._compared(database, wanted)
        changing = {step.collection for step in anew}
        steps = [step for step in compared.steps if step.collection not in changing]
        return SchemaPlan(
            steps=(*anew, *steps), notes=(*notes, *compared.notes), stale=tuple(stale)
        )

    async def _compared(self, database: str, entities: Mapping[str, EntityMap]) -> SchemaPlan:
        collections = self._collections(database)
        wanted = Wanted(
            database=database,
            entities=entities,
            declared={
                name: [index.specification for index in collection.indexes]
                for name, collection in collections.items()
            },
        )
        engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(self._dsn)
        )
        try:
            async with engine.connect() as connection:
                return await connection.run_sync(compare, wanted)
        finally:
            await engine.dispose()

    async def _apply_together(self, database: str, plan: SchemaPlan) -> None:
        """Run what a transaction takes, and remember the maps in it."""
        steps = [
            step
            for step in plan.steps
            if step.database == database and step.kind is StepKind.TOGETHER
        ]
        stale = [name for owner, name in plan.stale if owner == database]
        if not steps and not stale:
            return
        for _ in range(TRIES):
            try:
                await self._try_together(database, steps, stale)
            except asyncpg.PostgresError as error:
                if state_of(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK}:
                    raise
                await asyncio.sleep(PAUSE_S)
            else:
                return
        raise CapacityError(
            f"no moment without others in {TRIES} tries of {LOCK_TIMEOUT} each",
            where=database,
            remedy="look for long transactions in pg_stat_activity, then repeat the command",
        )

    async def _try_together(self, database: str, steps: list[Step], stale: list[str]) -> None:
        stored = self._stored(database)
        async with defining(self._connection):
            statements = [statement for step in steps for statement in step.statements]
            for statement in statements:
                await self._connection.execute(statement)
            for name in stale:
                entity = replace(self._entities[name], generation=stored[name].generation)
                values = {"of_database": database, "of_name": name, "map": text_of(entity)}
                await self._connection.execute(SET_MAP.text, *SET_MAP.arguments(values))
                stored[name] = entity
            what = "; ".join(f"{step.collection}: {step.what}" for step in steps) or "maps"
            await record(self._connection, database, what, statements, stored.values())

    async def _apply_alone(self, database: str, plan: SchemaPlan) -> None:
        for step in plan.steps:
            if step.database == database and step.kind is StepKind.ALONE:
                try:
                    for statement in step.statements:
                        await self._connection.execute(statement)
                except asyncpg.PostgresError as error:
                    if state_of(error) != TOO_LONG:
                        raise
                    # Rows that are written by the map of now have no value that is too long for its indexes.
                    await self._make_anew(database, step.collection)
                what = f"{step.collection}: {step.what}"
                maps = self._stored(database).values()
                await record(self._connection, database, what, step.statements, maps)
