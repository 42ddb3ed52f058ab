"""How documents are changed: the common part of `update` and `findAndModify`.

A change is written only if its row still is the version that was read (at once), or with its row locked
(inside a transaction), so that no write of another connection is lost.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bson.objectid import ObjectId

from adapters.evaluate.update import updater
from adapters.evaluate.upsert import upserted
from adapters.operations import options
from adapters.operations.bindings import checked_constants
from adapters.operations.documents import Change, Stored, insertion, replacement
from adapters.operations.duplicates import duplicate_entry, duplicate_identity
from adapters.operations.hints import check_hint
from adapters.operations.refusals import RacedError, TakenError
from adapters.operations.residual import Query, query_of
from adapters.operations.session import Session
from adapters.operations.storage import Found
from adapters.query.collated import collated
from adapters.query.failures import CommandFailure
from adapters.query.update import Update, parse_update
from comparators.canonical import encode
from comparators.order import ValueOrder

FAILED_TO_PARSE: Final = 9
CONSTANTS: Final = 51198


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """A parsed update: which documents, what becomes of them, and what is inserted for none."""

    query: Query
    tree: Update
    apply: Callable[[dict[str, Any]], dict[str, Any]]
    insert: Callable[[], dict[str, Any]] | None


def modification_of(
    session: Session,
    *,
    query: Mapping[str, Any],
    update: Any,
    array_filters: Any,
    order: ValueOrder,
    upsert: bool,
    at: int,
    constants: Mapping[str, Any] | None = None,
) -> Modification:
    """Return an update ready to run; CommandFailure or UnsupportedError where it is none.

    `constants` are variables that hide those of `let`, for the filter also.
    """
    variables = session.variables | checked_constants(constants or {})
    user = {name: value for name, value in variables.items() if name != "NOW"}
    # The update first: of two mistakes MongoDB names the one in there.
    tree = collated(parse_update(update, array_filters, variables=frozenset(user)), order)
    parsed = query_of(session, query, variables=variables, order=order, upsert=upsert)
    now_ms = session.generated.now_ms

    def insert() -> dict[str, Any]:
        made_up = session.generated.upserted.get(at, ObjectId())
        return upserted(
            tree, filter=parsed.tree, now_ms=now_ms, generated_id=made_up, variables=user
        )

    return Modification(
        query=parsed,
        tree=tree,
        apply=updater(tree, filter=parsed.tree, now_ms=now_ms, variables=user),
        insert=insert if upsert else None,
    )


def modification_of_statement(
    session: Session, statement: Mapping[str, Any], at: int
) -> Modification:
    """Return the statement `at` of an `update` ready to run; errors as of `modification_of`."""
    change = statement["u"]
    if statement.get("c") is not None and not isinstance(change, list):
        raise CommandFailure(
            CONSTANTS, "Constant values may only be specified for pipeline updates"
        )
    options.check("update statement", statement)
    check_hint(session, statement.get("hint"))
    replaces = isinstance(change, Mapping) and not next(iter(change), "").startswith("$")
    if replaces and statement.get("multi"):
        raise CommandFailure(FAILED_TO_PARSE, "multi update is not for replacements")
    return modification_of(
        session,
        query=statement["q"],
        update=change,
        array_filters=statement.get("arrayFilters"),
        order=session.order_under(statement),
        upsert=bool(statement.get("upsert")),
        at=at,
        constants=statement.get("c"),
    )


def change_of(
    session: Session, modification: Modification, found: Stored
) -> tuple[Found, Change | None]:
    """Return a document after the update, and the change if it counts as one.

    The updater gives the very document back where MongoDB counts nothing as modified; equal bytes may
    count, as for a `$push` that is cut off again.
    """
    after = modification.apply(found.document)
    if after is found.document:
        return found.found, None
    session.validate(after, before=found.document)
    bson = encode(after)
    change = replacement(session.storage, found, after, bson, session.guarding)
    return Found(raw=bson, document=after), change


def upsertion(session: Session, modification: Modification) -> Change:
    """Return the change that inserts the document of an upsert."""
    assert modification.insert is not None  # noqa: S101 - for the type checker
    document = modification.insert()
    session.validate(document)
    return insertion(session.storage, document, session.guarding)


async def replace_locked(session: Session, changes: Sequence[Change]) -> CommandFailure | None:
    """Write changes to rows that are locked; where one is refused, write those before it."""
    if not any(change.taken for change in changes):
        if changes:
            await session.replace(changes)
        return None
    if await _in_savepoint(session, changes):
        return None
    for change in changes:
        if not await _in_savepoint(session, [change]):
            return await refusal(session, change)
    return None


async def insert_locked(session: Session, change: Change) -> CommandFailure | None:
    """Insert the document of an upsert inside a transaction."""
    await session.ensure()
    try:
        async with session.savepoint():
            await session.insert([change])
    except TakenError:
        return await refusal(session, change)
    return None


async def refusal(session: Session, change: Change) -> CommandFailure:
    """Return the duplicate key error of a change that the database refused."""
    if change.version is None and await session.present([change.key]):
        return duplicate_identity(session.operation.namespace, change.identifier)
    taken = await session.holders(change.taken)
    for entry in change.taken:
        if taken.get((entry.index.name, entry.key), change.key) != change.key:
            return duplicate_entry(session.operation.namespace, entry)
    # Whoever had the entry has given it up since.
    raise RacedError


async def _in_savepoint(session: Session, changes: Sequence[Change]) -> bool:
    try:
        async with session.savepoint():
            await session.replace(changes)
    except TakenError:
        return False
    return True
