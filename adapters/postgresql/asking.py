"""What is asked of PostgreSQL for an operation, without asking it: plans in words, and their statements."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from adapters.entities.entity import EntityMap
from adapters.postgresql.connections import Connections
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.storage import AnyStorage, Read
from adapters.query.filter import parse_filter
from adapters.query.pipeline import parse_pipeline, rearranged
from adapters.query.sort import parse_sort
from adapters.sql.columns.front import front_of
from comparators.operation import Kind, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One read of an operation: its plan, a line for each thing it does, and its statement."""

    plan: str
    sql: str


def explained(operation: Operation, entity: EntityMap | None) -> tuple[Explained, ...]:
    """Return how documents are found for an operation on a collection with a map, or without (None).

    An operation that looks for no documents has nothing to tell.
    """
    storage: AnyStorage = document_storage(operation.database, operation.collection)
    if entity is not None:
        storage = MappedStorage(operation.database, entity, Layouts(Connections("", limit=1)))
    return tuple(
        Explained(plan=read.plan.describe(), sql=read.statement.text)
        for read in _reads(storage, operation)
    )


def _reads(storage: AnyStorage, operation: Operation) -> Iterator[Read]:
    arguments = operation.arguments
    match operation.kind:
        case Kind.FIND:
            yield storage.find(
                _selection(storage, arguments.get("filter")),
                sort=parse_sort(arguments.get("sort") or {}),
                skip=int(arguments.get("skip") or 0),
                limit=int(arguments.get("limit") or 0) or None,
                projection=bool(arguments.get("projection")),
            )
        case Kind.COUNT:
            selection = _selection(storage, arguments.get("query"))
            limit = int(arguments.get("limit") or 0) or None
            yield storage.count(selection, skip=int(arguments.get("skip") or 0), limit=limit)
        case Kind.DISTINCT:
            yield storage.find(_selection(storage, arguments.get("query")), sort={})
        case Kind.AGGREGATE:
            front = front_of(rearranged(parse_pipeline(arguments["pipeline"])))
            selection = storage.selection_of(front.filter, {})
            yield storage.find(selection, sort=front.sort, skip=front.skip, limit=front.limit)
        case Kind.UPDATE | Kind.DELETE:
            for statement in arguments["updates" if operation.kind is Kind.UPDATE else "deletes"]:
                yield _to_write(storage, statement["q"])
        case Kind.FIND_AND_MODIFY:
            yield _to_write(storage, arguments.get("query"))
        case _:
            return


def _to_write(storage: AnyStorage, query: Mapping[str, Any] | None) -> Read:
    return storage.find_rows(_selection(storage, query), limit=None, locked=False)


def _selection(storage: AnyStorage, query: Mapping[str, Any] | None) -> Any:
    return storage.selection_of(parse_filter(query or {}), {})
