"""What an operation touches, as far as its words alone tell: what may run beside it.

A footprint may be too large, never too small. A write that might take or free a value of a unique index is
a write of the whole collection, except an insert, whose values are known.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from adapters.gateway import Footprint
from adapters.operations import options
from adapters.operations.collating import holds_text
from adapters.operations.documents import entries_of
from adapters.operations.indexes import Index
from adapters.operations.narrowing import identities_of
from adapters.operations.picking import picked
from adapters.operations.residual import query_of
from adapters.postgresql.catalog import PostgresCatalog
from adapters.postgresql.session import PostgresSession
from adapters.query.command_fields import is_on
from adapters.query.failures import CommandFailure
from comparators.canonical import decode, document_key
from comparators.operation import Kind, Operation
from comparators.order import ValueOrder

READS: Final[Mapping[Kind, str]] = {
    Kind.FIND: "filter",
    Kind.COUNT: "query",
    Kind.DISTINCT: "query",
}
"""The reads of one collection, and where each has its filter."""


def footprint_of(operation: Operation, catalog: PostgresCatalog) -> tuple[Footprint, ...]:
    """Return what an operation touches."""
    if not catalog.loaded:
        return (_barrier(operation),)
    found = _footprints(operation, catalog)
    if operation.kind is Kind.INSERT or not _is_collated(operation, catalog):
        return found
    return tuple(map(_of_equal_strings, found))


def _is_collated(operation: Operation, catalog: PostgresCatalog) -> bool:
    """Return whether strings may be equal that are not the same."""
    collection = catalog.collection(operation.database, operation.collection)
    if collection is not None and "collation" in collection.options:
        return True
    arguments = operation.arguments
    statements = [*arguments.get("updates", ()), *arguments.get("deletes", ())]
    return any(each.get("collation") for each in (arguments, *statements))


def _of_equal_strings(footprint: Footprint) -> Footprint:
    """Return a footprint that holds every document whose `_id` may be equal to one of the keys."""
    keys = footprint.keys
    if keys is None or not any(holds_text(decode(key)) for key in keys):
        return footprint
    return replace(footprint, keys=None)


def _footprints(operation: Operation, catalog: PostgresCatalog) -> tuple[Footprint, ...]:
    unique = catalog.unique(operation.database, operation.collection)
    arguments = operation.arguments
    match operation.kind:
        case Kind.FIND | Kind.COUNT | Kind.DISTINCT:
            keys = _keys([arguments.get(READS[operation.kind]) or {}])
            return (_footprint(operation.namespace, keys, writes=False),)
        case Kind.INSERT:
            return (_footprint(operation.namespace, _inserted(arguments, unique), writes=True),)
        case Kind.UPDATE:
            keys = _updated(arguments.get("updates") or (), unique)
            return (_footprint(operation.namespace, keys, writes=True),)
        case Kind.DELETE:
            queries = [_query_of(statement) for statement in arguments.get("deletes") or ()]
            keys = None if unique else _keys(queries)
            return (_footprint(operation.namespace, keys, writes=True),)
        case Kind.FIND_AND_MODIFY:
            return (_footprint(operation.namespace, _modified(arguments, unique), writes=True),)
        case Kind.AGGREGATE:
            return tuple(_aggregated(operation))
        case _:
            return (_barrier(operation),)


async def matching_ids(session: PostgresSession) -> list[Any]:
    """Return the `_id`s that the filters of a write select now."""
    found: dict[bytes, Any] = {}
    for query, order, first, sort in _filters(session):
        try:
            parsed = query_of(session, query, variables=session.variables, order=order())
        except CommandFailure:
            # The write fails, and touches nothing.
            continue
        for each in await picked(session, parsed, first=first, locked=False, sort=sort):
            identifier = each.document["_id"]
            found[document_key(identifier)] = identifier
    return list(found.values())


def _filters(session: PostgresSession) -> Iterator[tuple[Any, Callable[[], ValueOrder], bool, Any]]:
    """Yield each filter of a write, its order of values, whether only the first document counts, the sort.

    Raises UnsupportedError for an option that selects other documents than the filter alone.
    """
    operation = session.operation
    arguments = operation.arguments
    match operation.kind:
        case Kind.UPDATE:
            for statement in arguments.get("updates") or ():
                options.check("update statement", statement)
                yield _query_of(statement), partial(session.order_under, statement), False, None
        case Kind.DELETE:
            for statement in arguments.get("deletes") or ():
                options.check("delete statement", statement)
                yield _query_of(statement), partial(session.order_under, statement), False, None
        case Kind.FIND_AND_MODIFY:
            options.check("findAndModify", arguments)
            order = partial(session.order_under, arguments)
            yield arguments.get("query") or {}, order, False, None
        case _:
            return


def _footprint(namespace: str, keys: frozenset[bytes] | None, *, writes: bool) -> Footprint:
    return Footprint(namespace=namespace, keys=keys, writes=writes)


def _barrier(operation: Operation) -> Footprint:
    return Footprint(namespace=operation.namespace, keys=None, writes=True, barrier=True)


def _keys(queries: Iterable[Mapping[str, Any]]) -> frozenset[bytes] | None:
    """Return the keys that queries are about, None when one of them is about more."""
    found: set[bytes] = set()
    for query in queries:
        identities = identities_of(query)
        if identities is None:
            return None
        found |= {document_key(identifier) for identifier in identities}
    return frozenset(found)


def _inserted(arguments: Mapping[str, Any], unique: Sequence[Index]) -> frozenset[bytes] | None:
    found: set[bytes] = set()
    for document in arguments.get("documents") or ():
        if "_id" not in document:
            return None
        found.add(document_key(document["_id"]))
        try:
            entries = entries_of(document, unique)
        except CommandFailure:
            continue
        found |= {b"unique " + name.encode() + b"\0" + key for name, key in entries}
    return frozenset(found)


def _query_of(statement: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the filter of a statement; of a command that is refused for the lack of one, any does."""
    query = statement.get("q")
    return query if isinstance(query, Mapping) else {}


def _updated(
    updates: Sequence[Mapping[str, Any]], unique: Sequence[Index]
) -> frozenset[bytes] | None:
    guarded = {name for index in unique for name in index.fields}
    for statement in updates:
        if unique and (statement.get("upsert") or _touches(statement.get("u") or {}, guarded)):
            return None
    return _keys(_query_of(statement) for statement in updates)


def _modified(arguments: Mapping[str, Any], unique: Sequence[Index]) -> frozenset[bytes] | None:
    if unique and is_on(arguments.get("remove")):
        return None
    statement = {
        "q": arguments.get("query") or {},
        "u": arguments.get("update") or {},
        "upsert": arguments.get("upsert"),
    }
    return _updated([statement], unique)


def _touches(update: Any, guarded: set[str]) -> bool:
    """Return whether an update may change one of the fields."""
    if not isinstance(update, Mapping) or not next(iter(update), "").startswith("$"):
        return True
    for operator, changes in update.items():
        if not isinstance(changes, Mapping):
            return True
        targets = [*changes, *(changes.values() if operator == "$rename" else ())]
        if any(str(target).split(".", 1)[0] in guarded for target in targets):
            return True
    return False


def _aggregated(operation: Operation) -> Iterator[Footprint]:
    pipeline = operation.arguments.get("pipeline")
    stages = pipeline if isinstance(pipeline, list) else []
    first = stages[0].get("$match") if stages and isinstance(stages[0], Mapping) else None
    keys = _keys([first]) if isinstance(first, Mapping) else None
    others = set(_collections(stages))
    if operation.collection in others:
        keys = None
    yield _footprint(operation.namespace, keys, writes=False)
    for name in sorted(others - {operation.collection}):
        yield _footprint(f"{operation.database}.{name}", None, writes=False)
    target = operation.target
    if target is not None:
        yield _footprint(target, None, writes=True)


def _collections(value: Any) -> Iterator[str]:
    """Yield the names of all collections that a pipeline joins, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from _collections(item)
    if not isinstance(value, Mapping):
        return
    for name, body in value.items():
        if name in {"$lookup", "$graphLookup"} and isinstance(body, Mapping):
            if isinstance(body.get("from"), str):
                yield body["from"]
        elif name == "$unionWith":
            source = body.get("coll") if isinstance(body, Mapping) else body
            if isinstance(source, str):
                yield source
        yield from _collections(body)
