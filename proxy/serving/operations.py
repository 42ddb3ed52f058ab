"""Operations on data, run on the gateway and answered as MongoDB would.

There is no legacy server here: what it would make up (`$$NOW`, `$currentDate`, an `_id`) is made up here.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from adapters.gateway import Gateway, Generated, Mark
from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation
from comparators.outcome import Documents, Done, Outcome
from proxy.request import Session, operation_of
from proxy.serving.asked import Asked
from proxy.serving.cursors import Owner
from proxy.serving.refusals import (
    BAD_VALUE,
    COMMAND_NOT_SUPPORTED,
    FAILED_TO_PARSE,
    INVALID_OPTIONS,
    NOT_IMPLEMENTED,
    UNAUTHORIZED,
    RefusalError,
)
from proxy.serving.replies import of_definition, reply_of
from proxy.serving.retries import Retries
from proxy.serving.transactions import Transactions
from proxy.serving.write_concern import with_concern

COUNTED: Final = frozenset({Kind.CREATE_INDEXES, Kind.DROP_INDEXES, Kind.DROP})
"""Definitions whose replies tell of the indexes that were there."""
OWN_NAMESPACES: Final[Mapping[Kind, str]] = {Kind.LIST_COLLECTIONS: "$cmd.listCollections"}
WRITES: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})


class Batching(Protocol):
    """Gives out the first documents of a result: `Cursors`, or `WholeResults`."""

    def first(
        self,
        documents: tuple[bytes, ...],
        *,
        namespace: str,
        owner: Owner,
        size: int | None,
        single: bool,
        transaction: tuple[bytes, int] | None,
    ) -> dict[str, Any]: ...


class Operations:
    """Runs what asks for documents or changes them."""

    def __init__(
        self, *, gateway: Gateway, cursors: Batching, retries: Retries, transactions: Transactions
    ) -> None:
        self._gateway = gateway
        self._cursors = cursors
        self._retries = retries
        self._transactions = transactions

    async def run(self, asked: Asked) -> dict[str, Any]:
        """Run one operation and return the reply."""
        request = asked.request
        _check_place(asked)
        _check_read_concern(asked)
        operation = operation_of(request)
        before = await self._indexes(asked, operation)
        outcome = await self._outcome(asked, operation)
        if isinstance(outcome.result, Documents):
            return self._first_batch(asked, operation, outcome.result)
        reply = reply_of(operation, outcome)
        if operation.kind in COUNTED and isinstance(outcome.result, Done):
            after = 0 if operation.kind is Kind.DROP else await self._indexes(asked, operation)
            reply = of_definition(operation, reply, before=before, after=after)
        return with_concern(asked, reply)

    async def _outcome(self, asked: Asked, operation: Operation) -> Outcome:
        generated = Generated(now_ms=asked.now_ms)
        session = asked.request.session
        mark = None
        if session is not None and session.number is not None:
            mark = self.mark(asked, session, operation.namespace)
        try:
            if session is not None and session.in_transaction and mark is not None:
                return await self._transactions.run(session, mark, operation, generated)
            if operation.kind not in WRITES:
                mark = None
            return await self._gateway.run(operation, generated=generated, mark=mark)
        except UnsupportedError as error:
            code = COMMAND_NOT_SUPPORTED if error.what.startswith("command ") else NOT_IMPLEMENTED
            raise RefusalError(code, f"Parallax does not support: {error.what}") from error

    def mark(self, asked: Asked, session: Session, namespace: str) -> Mark:
        """Return the mark of a write that may be sent twice."""
        return self._retries.mark(asked.client.user, session.key, session.number or 0, namespace)

    async def _indexes(self, asked: Asked, operation: Operation) -> int:
        """Return how many indexes a collection has, 0 for one that is not there."""
        if operation.kind not in COUNTED:
            return 0
        listing = Operation(
            database=operation.database,
            collection=operation.collection,
            kind=Kind.LIST_INDEXES,
            arguments={},
        )
        outcome = await self._gateway.run(listing, generated=Generated(now_ms=asked.now_ms))
        found = outcome.result
        return len(found.documents) if isinstance(found, Documents) else 0

    def _first_batch(self, asked: Asked, operation: Operation, found: Documents) -> dict[str, Any]:
        namespace = (
            f"{operation.database}.{OWN_NAMESPACES.get(operation.kind, operation.collection)}"
        )
        return self._cursors.first(
            found.documents,
            namespace=namespace,
            owner=asked.owner,
            size=_batch_size(operation),
            single=bool(operation.arguments.get("singleBatch")),
            transaction=transaction_of(asked),
        )


def transaction_of(asked: Asked) -> tuple[bytes, int] | None:
    """Return the transaction that a command is part of."""
    session = asked.request.session
    if session is None or not session.in_transaction or session.number is None:
        return None
    return session.key, session.number


def _batch_size(operation: Operation) -> int | None:
    arguments = operation.arguments
    if operation.kind is Kind.FIND:
        return _size(arguments.get("batchSize"))
    cursor = arguments.get("cursor")
    if operation.kind is Kind.AGGREGATE and cursor is None:
        raise RefusalError(
            FAILED_TO_PARSE,
            "The 'cursor' option is required, except for aggregate with the explain argument",
        )
    return _size(cursor.get("batchSize")) if isinstance(cursor, Mapping) else None


def _size(given: Any) -> int | None:
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or given < 0:
        raise RefusalError(
            51024, f"BSON field 'batchSize' value must be >= 0, actual value '{given}'"
        )
    return int(given)


def _check_place(asked: Asked) -> None:
    request = asked.request
    first = asked.command[request.name]
    if request.kind is Kind.OTHER and request.name == "renameCollection":
        raise RefusalError(
            UNAUTHORIZED, "renameCollection may only be run against the admin database."
        )
    names_collection = request.kind not in {Kind.LIST_COLLECTIONS, Kind.DROP_DATABASE}
    if names_collection and not isinstance(first, str):
        is_whole = request.kind is Kind.AGGREGATE and first == 1
        if not is_whole:
            raise RefusalError(BAD_VALUE, "collection name has invalid type")
    if request.database in {"admin", "config", "local"} and request.kind in WRITES:
        raise RefusalError(
            COMMAND_NOT_SUPPORTED, f"Parallax does not support: the database {request.database}"
        )


def _check_read_concern(asked: Asked) -> None:
    """Refuse reads of the past: nothing keeps it outside of a transaction."""
    concern = asked.command.get("readConcern")
    level = concern.get("level") if isinstance(concern, Mapping) else None
    session = asked.request.session
    if level == "snapshot" and (session is None or not session.in_transaction):
        raise RefusalError(
            COMMAND_NOT_SUPPORTED,
            "Parallax does not support: read concern snapshot outside of a transaction",
        )
    if level not in {None, "local", "majority", "available", "linearizable", "snapshot"}:
        raise RefusalError(
            INVALID_OPTIONS if level == "" else FAILED_TO_PARSE,
            f"Enumeration value '{level}' for field 'readConcern.level' is not a valid value.",
        )
