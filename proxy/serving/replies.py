"""An outcome of the gateway as the document that MongoDB would reply with, field for field in its order."""

from collections.abc import Mapping
from typing import Any, assert_never
from uuid import uuid4

from bson.raw_bson import RawBSONDocument

from adapters.operations.collating import order_of_values
from comparators.operation import Kind, Operation
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Done,
    Failure,
    Modified,
    Outcome,
    Values,
    WriteError,
)
from proxy.serving.refusals import failed


def reply_of(operation: Operation, outcome: Outcome) -> dict[str, Any]:
    """Return the reply to an operation; one with documents is the business of `cursors`."""
    result = outcome.result
    match result:
        case Acknowledgement():
            return _acknowledgement(result)
        case Modified():
            return _modified(operation, result)
        case Count(n=n):
            return {"n": n, "ok": 1.0}
        case Values(values=values):
            # As MongoDB: each once, and in the order of values.
            order = order_of_values(operation.arguments.get("collation"), outcome.collation)
            return {"values": sorted(values, key=order.key), "ok": 1.0}
        case Done():
            return {"ok": 1.0}
        case Failure(code=11000):
            reply = failed(result)
            return {**reply, "errmsg": f"{_occasion(operation)}{reply['errmsg']}"}
        case Failure():
            return failed(result)
        case Documents():
            raise TypeError("documents are given out by a cursor")
        case _:
            assert_never(result)


def batch(
    name: str, documents: tuple[bytes, ...], identifier: int, namespace: str
) -> dict[str, Any]:
    """Return the reply that holds a part of a cursor's documents: `firstBatch` or `nextBatch`."""
    return {
        "cursor": {
            name: [RawBSONDocument(document) for document in documents],
            "id": identifier,
            "ns": namespace,
        },
        "ok": 1.0,
    }


def _occasion(operation: Operation) -> str:
    """Return what MongoDB says before the text of a duplicate key; applications look for what follows."""
    if operation.kind is Kind.FIND_AND_MODIFY:
        return "Plan executor error during findAndModify :: caused by :: "
    if operation.kind is Kind.CREATE_INDEXES:
        return f"Index build failed: {uuid4()}: Collection {operation.namespace} ( {uuid4()} ) :: caused by :: "
    return ""


def _acknowledgement(result: Acknowledgement) -> dict[str, Any]:
    reply: dict[str, Any] = {"n": result.n}
    if result.errors:
        reply["writeErrors"] = [_write_error(error) for error in result.errors]
    if result.upserted:
        reply["upserted"] = [{"index": at, "_id": identifier} for at, identifier in result.upserted]
    if result.modified is not None:
        reply["nModified"] = result.modified
    return {**reply, "ok": 1.0}


def _write_error(error: WriteError) -> dict[str, Any]:
    told: dict[str, Any] = {"index": error.index, "code": error.code, "errmsg": error.message}
    if error.key_pattern is not None:
        told["keyPattern"] = error.key_pattern
        told["keyValue"] = error.key_value
    return told


def _modified(operation: Operation, result: Modified) -> dict[str, Any]:
    about: dict[str, Any] = {"n": result.n}
    if not operation.arguments.get("remove"):
        about["updatedExisting"] = bool(result.updated_existing)
    if not result.updated_existing and result.n and not operation.arguments.get("remove"):
        about["upserted"] = result.upserted_id
    document = None if result.document is None else RawBSONDocument(result.document)
    return {"lastErrorObject": about, "value": document, "ok": 1.0}


def of_definition(
    operation: Operation, reply: Mapping[str, Any], *, before: int, after: int
) -> dict[str, Any]:
    """Return the reply to a definition with the number of indexes; `before` is 0 without a collection."""
    match operation.kind:
        case Kind.CREATE_INDEXES:
            return {**_made(before, after), **reply}
        case Kind.DROP_INDEXES:
            told: dict[str, Any] = {"nIndexesWas": before}
            if operation.arguments.get("index") == "*":
                told["msg"] = "non-_id indexes dropped for collection"
            return {**told, **reply}
        case Kind.DROP:
            return {"nIndexesWas": before, "ns": operation.namespace, **reply}
        case _:
            return dict(reply)


def _made(before: int, after: int) -> dict[str, Any]:
    counts: dict[str, Any] = {"numIndexesBefore": before or 1, "numIndexesAfter": after}
    if before == after:
        return {**counts, "note": "all indexes already exist"}
    return {**counts, "createdCollectionAutomatically": not before, "commitQuorum": "votingMembers"}
