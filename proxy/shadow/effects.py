"""What a captured write did on legacy, as its answer tells."""

from typing import Any

from adapters.gateway import Generated
from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Failure, Modified
from proxy.shadow.exchange import Exchange


def changed_something(exchange: Exchange) -> bool:
    """Return whether a write has a place of its own in the oplog."""
    result = exchange.legacy.result if exchange.legacy is not None else None
    match result:
        case Acknowledgement():
            deletes = exchange.operation.kind in {Kind.DELETE, Kind.INSERT}
            return bool(result.upserted or result.modified or (deletes and result.n))
        case Modified():
            return result.n > 0
        case Failure() | None:
            return False
        case _:
            return True


def made_by(exchange: Exchange) -> list[Any]:
    """Return the `_id`s of the documents that a write made on legacy, as far as its answer shows them."""
    result = exchange.legacy.result if exchange.legacy is not None else None
    match result:
        case Acknowledgement() if exchange.operation.kind is Kind.INSERT:
            return _inserted(exchange, result)
        case Acknowledgement():
            return [identifier for _, identifier in result.upserted]
        case Modified() if result.upserted_id is not None:
            return [result.upserted_id]
        case _:
            return []


def _inserted(exchange: Exchange, result: Acknowledgement) -> list[Any]:
    arguments = exchange.operation.arguments
    refused = {error.index for error in result.errors}
    documents = list(arguments.get("documents") or ())
    if refused and arguments.get("ordered", True):
        documents = documents[: min(refused)]
    return [
        document["_id"]
        for index, document in enumerate(documents)
        if index not in refused and "_id" in document
    ]


def generated_by(exchange: Exchange) -> Generated:
    """Return the values that MongoDB made up for an exchange, as far as its answer shows them."""
    result = exchange.legacy.result if exchange.legacy is not None else None
    upserted: dict[int, Any] = {}
    if isinstance(result, Acknowledgement):
        upserted = dict(result.upserted)
    elif isinstance(result, Modified) and result.upserted_id is not None:
        upserted = {0: result.upserted_id}
    return Generated(now_ms=exchange.received_ns // 1_000_000, upserted=upserted)


def written_in(exchange: Exchange) -> str:
    """Return the collection that a write of one collection changes."""
    return exchange.operation.target or exchange.namespace
