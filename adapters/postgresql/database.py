"""PostgreSQL behind repositories and models: the gateway, with transactions as MongoDB's."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Self

from adapters.entities.entity import EntityMap
from adapters.gateway import Generated, Transaction
from adapters.postgresql.gateway import CONNECTIONS, NO_MAPS, PostgresGateway
from comparators.operation import Operation
from comparators.outcome import Outcome


class PostgresDatabase:
    """PostgreSQL as one `Database`; it connects when first used.

    Its transactions read one state, and meet other writers with a ConflictError instead of waiting for them.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int = CONNECTIONS,
        entities: Mapping[str, EntityMap] = NO_MAPS,
    ) -> None:
        self._gateway = PostgresGateway(
            url, connections=connections, entities=entities, as_values=True
        )

    async def __aenter__(self) -> Self:
        await self._gateway.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._gateway.__aexit__(kind, error, traceback)

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation."""
        return await self._gateway.run(operation, generated=generated)

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction."""
        return self._gateway.transaction(isolated=True)

    async def reachable(self) -> None:
        """Return when PostgreSQL answers; UnreachableError when it does not."""
        await self._gateway.reachable()
