"""A gateway of whose every write MongoDB hears later: each bears a mark, and marks are notes (`adapters/postgresql/outbox.py`).

Where a driver may send a write twice it has a mark anyway; every other one gets a mark that is nothing but a note.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from itertools import count
from typing import Any, Final, cast
from uuid import uuid4

from adapters.gateway import Gateway, Generated, Mark, Transaction
from adapters.postgresql.outbox import OWN
from comparators.operation import Kind, Operation
from comparators.outcome import Outcome

READS: Final = frozenset(
    {
        Kind.FIND,
        Kind.COUNT,
        Kind.DISTINCT,
        Kind.LIST_INDEXES,
        Kind.LIST_COLLECTIONS,
        Kind.OTHER,
    }
)
REPLACING: Final = frozenset({Kind.DROP, Kind.DROP_DATABASE, Kind.RENAME_COLLECTION})
"""They do away with documents that they do not name."""


def noting(gateway: Gateway) -> Gateway:
    """Return a gateway whose every write leaves a note."""
    return cast("Gateway", Noting(gateway))


class Noting:
    """Fulfils `Gateway` by another one."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._log = f"{OWN}{uuid4().hex}"
        self._numbers = count(1)

    def __getattr__(self, name: str) -> Any:
        """Pass on what writes nothing."""
        return getattr(self._gateway, name)

    async def run(
        self, operation: Operation, *, generated: Generated, mark: Mark | None = None
    ) -> Outcome:
        """Run one operation; what it writes is noted in the same transaction."""
        noted = mark if operation.kind in READS else self._noted(operation, mark)
        return await self._gateway.run(operation, generated=generated, mark=noted)

    def transaction(
        self, mark: Mark | None = None, *, isolated: bool = False
    ) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction; what it writes is noted at its commit."""
        return self._gateway.transaction(mark or self._own(""), isolated=isolated)

    async def expire(
        self, namespace: str, *, now_ms: int, grace_s: int = 0, mark: Mark | None = None
    ) -> Sequence[Any]:
        """Delete the documents that are past the date of a TTL index, and return their `_id`s."""
        return await self._gateway.expire(
            namespace, now_ms=now_ms, grace_s=grace_s, mark=mark or self._own(namespace)
        )

    def _noted(self, operation: Operation, mark: Mark | None) -> Mark | None:
        target = operation.target
        if operation.kind is Kind.AGGREGATE and target is None:
            return mark
        namespace = target or operation.namespace
        found = mark or self._own(namespace)
        replaced = _replaced(operation)
        return replace(found, replaced=replaced) if replaced else found

    def _own(self, namespace: str) -> Mark:
        return Mark(log=self._log, position=next(self._numbers), namespace=namespace)


def _replaced(operation: Operation) -> tuple[str, ...]:
    match operation.kind:
        case Kind.DROP:
            return (operation.namespace,)
        case Kind.DROP_DATABASE:
            return (f"{operation.database}.",)
        case Kind.RENAME_COLLECTION:
            return (operation.namespace, str(operation.arguments.get("to")))
        case _:
            return ()
