"""`insert`: all documents in one statement, and one by one only in the mind.

Where a document is refused, the documents that are taken already are looked up, and what MongoDB would have
inserted is worked out in memory and written in one statement again.
Source: MongoDB manual, "insert".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.dbref import DBRef
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from adapters.evaluate.clock import with_clock
from adapters.operations import options
from adapters.operations.documents import INSERT_TOO_LARGE, Change, insertion
from adapters.operations.duplicates import duplicate_entry, duplicate_identity
from adapters.operations.indexes import Entry, Index
from adapters.operations.refusals import RacedError, TakenError
from adapters.operations.session import Session
from adapters.query.failures import CommandFailure
from comparators.outcome import Acknowledgement, Outcome, WriteError

TRIES: Final = 5
"""A document may be inserted by somebody else between the look and the statement."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unindexed:
    """A document that an index cannot hold; what is taken in the indexes before that one MongoDB names first."""

    identifier: Any
    key: Any
    taken: tuple[Entry, ...]
    error: WriteError


Prepared = list[tuple[int, Change | Unindexed | WriteError]]


def prepare(session: Session) -> Prepared:
    """Return the change or the refusal for each document."""
    arguments = session.operation.arguments
    options.check("insert", arguments)
    prepared: Prepared = []
    for at, document in enumerate(options.batch(arguments, "insert", "documents")):
        try:
            complete = identified(document, session, at)
            session.validate(complete)
        except CommandFailure as failure:
            prepared.append((at, _error(at, failure)))
        else:
            prepared.append((at, _prepared(session, complete, at)))
    return prepared


def _prepared(
    session: Session, document: dict[str, Any], at: int
) -> Change | Unindexed | WriteError:
    try:
        return insertion(session.storage, document, session.guarding)
    except CommandFailure as failure:
        error = _error(at, failure)
        if failure.code == INSERT_TOO_LARGE:
            return error
    return Unindexed(
        identifier=document["_id"],
        key=session.storage.key_of(document["_id"]),
        taken=tuple(_before_refusal(document, session.guarding)),
        error=error,
    )


def _before_refusal(document: dict[str, Any], indexes: Sequence[Index]) -> Iterator[Entry]:
    """Yield the entries of a document in the indexes before the first that refuses it."""
    for index in indexes:
        try:
            entries = index.entries_of(document)
        except CommandFailure:
            return
        yield from entries.values()


def _error(at: int, failure: CommandFailure) -> WriteError:
    return WriteError(
        index=at,
        code=failure.code,
        key_pattern=failure.key_pattern,
        key_value=failure.key_value,
        message=failure.message,
    )


def identified(document: dict[str, Any], session: Session, at: int) -> dict[str, Any]:
    """Return a document with its `_id` in front; CommandFailure for an `_id` that MongoDB refuses."""
    if "_id" in document:
        if next(iter(document)) != "_id":
            document = {"_id": document["_id"], **document}
    else:
        document = {"_id": session.generated.upserted.get(at, ObjectId()), **document}
    check_identifier(document["_id"])
    if Timestamp in map(type, document.values()):
        return with_clock(document, session.generated.now_ms)
    return document


def check_identifier(identifier: Any) -> None:
    """Raise CommandFailure for a value that cannot be an `_id`."""
    if isinstance(identifier, ObjectId):
        return
    if isinstance(identifier, list):
        raise CommandFailure(53, "The '_id' value cannot be of type array")
    if isinstance(identifier, Regex):
        raise CommandFailure(53, "The '_id' value cannot be of type regex")
    if isinstance(identifier, dict | DBRef):
        names = identifier.as_doc() if isinstance(identifier, DBRef) else identifier
        if any(name.startswith("$") for name in names):
            raise CommandFailure(52, "_id fields may not contain '$'-prefixed fields")


async def insert(session: Session) -> Outcome:
    """Insert what can be inserted, inside a transaction."""
    prepared = prepare(session)
    ordered = session.operation.arguments.get("ordered") is not False
    await session.ensure()
    for _ in range(TRIES):
        accepted, errors = await sorted_out(session, prepared, ordered=ordered)
        if not accepted:
            return inserted([], errors)
        try:
            async with session.savepoint():
                await session.insert(accepted)
        except TakenError:
            continue
        return inserted(accepted, errors)
    raise RacedError


def inserted(changes: Sequence[Change], errors: Sequence[WriteError]) -> Outcome:
    """Return the outcome of an insert; its duration is the caller's to fill in."""
    return Outcome(
        result=Acknowledgement(n=len(changes), errors=tuple(errors)),
        duration_s=0.0,
        touched=tuple(change.identifier for change in changes),
    )


async def sorted_out(
    session: Session, prepared: Prepared, *, ordered: bool
) -> tuple[list[Change], list[WriteError]]:
    """Return the documents that MongoDB would insert now, and the errors of the others."""
    given = [each for _at, each in prepared if not isinstance(each, WriteError)]
    keys = await session.present([each.key for each in given])
    taken = await session.holders([entry for each in given for entry in each.taken])
    accepted: list[Change] = []
    errors: list[WriteError] = []
    for at, change in prepared:
        error = (
            change
            if isinstance(change, WriteError)
            else _refusal(session, at, change, keys, set(taken))
        )
        if error is None and isinstance(change, Change):
            accepted.append(change)
            keys.add(change.key)
            taken |= {(entry.index.name, entry.key): change.key for entry in change.taken}
        elif error is not None:
            errors.append(error)
            if ordered:
                break
    return accepted, errors


def _refusal(
    session: Session,
    at: int,
    document: Change | Unindexed,
    keys: set[Any],
    taken: set[tuple[str, bytes]],
) -> WriteError | None:
    namespace = session.operation.namespace
    if document.key in keys:
        return _error(at, duplicate_identity(namespace, document.identifier))
    held = next((e for e in document.taken if (e.index.name, e.key) in taken), None)
    if held is not None:
        return _error(at, duplicate_entry(namespace, held))
    return document.error if isinstance(document, Unindexed) else None
