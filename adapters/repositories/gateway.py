"""The gateway: one door to all repositories, whichever database is behind it."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from adapters.database import Database
from adapters.entities.entity import EntityMap
from adapters.gateway import Generated, Transaction
from adapters.mongoose.errors import ServerError
from adapters.mongoose.models import LIBRECHAT, models_of
from adapters.postgresql.gateway import NO_MAPS
from adapters.repositories.adapting import adapted
from adapters.repositories.aging import living_of
from adapters.repositories.databases import database_for
from adapters.repositories.naming import repository_names
from adapters.repositories.repository import Behind, Repository
from adapters.repositories.stored_files import StoredFiles
from adapters.repositories.together import repeated
from comparators.errors import ParallaxError, RefusedError, SettingsError
from comparators.operation import Kind, Operation
from comparators.outcome import Failure

T = TypeVar("T")

NAME: Final = "LibreChat"
BACKGROUND: Final = "background"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the database answers, and how long it took; `error` says why it does not."""

    healthy: bool
    latency_s: float
    error: str | None = None


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class RepositoryGateway:
    """All repositories of an application on one database.

    `async with RepositoryGateway(url) as gateway:` connects, and disconnects at the end; so do `connect` and `disconnect`.
    `name` is that of the database in MongoDB's terms, `models` an export of Mongoose's models, `entities` the maps of
    collections to tables.
    """

    def __init__(
        self,
        database: str | AbstractAsyncContextManager[Database],
        *,
        name: str = NAME,
        models: Path = LIBRECHAT,
        entities: Mapping[str, EntityMap] = NO_MAPS,
        clock: Callable[[], int] = _now_ms,
    ) -> None:
        self._source = (
            database_for(database, entities=entities) if isinstance(database, str) else database
        )
        self._name = name
        self._exported = models
        self._clock = clock
        self._held = AsyncExitStack()
        self._behind: Behind | None = None
        self._repositories: dict[str, Repository] = {}

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.disconnect()

    async def connect(self) -> None:
        """Connect; UnreachableError when the database does not answer."""
        if self._behind is not None:
            return
        database = await self._held.enter_async_context(self._source)
        try:
            await database.reachable()
        except ParallaxError:
            await self._held.aclose()
            raise
        made = models_of(
            self._exported,
            database,
            name=self._name,
            clock=self._clock,
            adapted=adapted,
            narrowing=living_of(self._clock),
        )
        self._behind = Behind(models=made, database=database, clock=self._clock)

    async def disconnect(self) -> None:
        """Close all connections; a gateway is not connected again."""
        self._behind = None
        self._repositories.clear()
        await self._held.aclose()

    def repository(self, name: str) -> Repository:
        """Return the repository of an entity, by the name of its model, its collection, or in small letters (`prompt_group`).

        SettingsError for a name that no model has.
        """
        found = self._repositories.get(name)
        if found is None:
            behind = self._connected()
            known = repository_names(behind.models)
            if name not in known:
                raise SettingsError(
                    f"no entity is called {name!r}",
                    where="repository",
                    remedy="name a model of the application, or its collection",
                )
            model, kind = known[name]
            found = self._repositories[name] = kind(behind, model)
        return found

    def stored_files(self, bucket: str = "fs") -> StoredFiles:
        """Return the stored files of a bucket: GridFS."""
        behind = self._connected()
        return StoredFiles(behind.database, name=self._name, clock=self._clock, bucket=bucket)

    @property
    def names(self) -> list[str]:
        """The models that there are repositories of."""
        return list(self._connected().models)

    async def transaction(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Return what `work` returns, once everything that it did with its `session` is committed, or nothing is.

        It is called again where another transaction wrote the same. An error in it undoes all, as does the first operation
        that is refused.
        """
        return await repeated(self._connected().database, work)

    async def health(self) -> Health:
        """Return whether the database answers now, and how fast."""
        began = time.perf_counter()
        try:
            await self._connected().database.reachable()
        except ParallaxError as error:
            return Health(healthy=False, latency_s=time.perf_counter() - began, error=error.what)
        return Health(healthy=True, latency_s=time.perf_counter() - began)

    async def ensure_indexes(self, *names: str) -> None:
        """Make the indexes that models declare, also those by which documents expire; those that are there stay.

        All models' without names.
        """
        for name in names or self.names:
            schema = self.repository(name).model.schema
            indexes = [_named(index) for index in schema.indexes]
            if indexes:
                await self._define(schema.collection, {"indexes": indexes})

    async def _define(self, collection: str, arguments: dict[str, Any]) -> None:
        behind = self._connected()
        operation = Operation(
            database=self._name,
            collection=collection,
            kind=Kind.CREATE_INDEXES,
            arguments=arguments,
        )
        outcome = await behind.database.run(operation, generated=Generated(now_ms=self._clock()))
        if isinstance(outcome.result, Failure):
            raise ServerError.from_result(outcome.result, where=operation.namespace)

    def _connected(self) -> Behind:
        if self._behind is None:
            raise RefusedError(
                "the gateway is not connected",
                where="gateway",
                remedy="call connect() first, or use it with `async with`",
            )
        return self._behind


def _named(index: Mapping[str, Any]) -> dict[str, Any]:
    """Return an index as the server takes it: with the name that every driver gives it."""
    made = {option: value for option, value in index.items() if option != BACKGROUND}
    name = "_".join(f"{path}_{direction}" for path, direction in index["key"].items())
    return {"name": name, **made}
