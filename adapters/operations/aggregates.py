"""`aggregate`: a leading `$match` narrows, the pipeline runs in memory.

Counting, which is how `countDocuments` arrives, is left to SQL where that is exact.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from adapters.evaluate.pipeline import run_pipeline
from adapters.operations import options
from adapters.operations.collating import check_stages, indifferent
from adapters.operations.counting import Counting, counting_of, documents_of_count
from adapters.operations.hints import held_by
from adapters.operations.reads import counted
from adapters.operations.residual import query_of
from adapters.operations.searching import searching
from adapters.operations.session import Session
from adapters.operations.special import check_source
from adapters.query.collated import collated
from adapters.query.failures import CommandFailure
from adapters.query.filter import EVERYTHING
from adapters.query.pipeline import (
    Match,
    Merge,
    Out,
    Stage,
    collections_of,
    named_stages,
    parse_pipeline,
    rearranged,
)
from adapters.sql.columns.front import Front, front_of
from comparators.canonical import encode_each
from comparators.operation import Operation
from comparators.order import ValueOrder
from comparators.outcome import Documents

TYPE_MISMATCH: Final = 14
WHOLE_DATABASE: Final = "$cmd.aggregate"
STORING: Final = frozenset({"$merge", "$out"})
OF_DATABASES: Final = frozenset({"", WHOLE_DATABASE})
IN_TRANSACTION: Final = "OperationNotSupportedInTransaction"


Beginning = tuple[list[dict[str, Any]], tuple[Stage, ...]]
"""What SQL gives of a pipeline, and the stages that are left to run on it."""


Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piped:
    """What a pipeline gives, and the stage that stores it; None for one that only reads."""

    documents: Sequence[Document]
    storing: Merge | Out | None
    variables: Mapping[str, Any]


def stores(operation: Operation) -> bool:
    """Return whether an `aggregate` stores its result, as far as the names of its stages tell."""
    pipeline = operation.arguments.get("pipeline")
    last = pipeline[-1] if isinstance(pipeline, list) and pipeline else None
    return isinstance(last, Mapping) and not STORING.isdisjoint(last)


async def aggregate(session: Session) -> Documents:
    """Answer `aggregate`."""
    if stores(session.operation):
        raise CommandFailure(
            263, "Operation not permitted in transaction", code_name=IN_TRANSACTION
        )
    pipeline, stages, order = _parsed(session)
    counting = counting_of(pipeline)
    if counting is not None:
        return await _count(session, counting, order)
    found = await _piped(session, stages, order)
    return Documents(documents=tuple(encode_each(found.documents)))


async def piped(session: Session) -> Piped:
    """Run the pipeline of an `aggregate` over what it reads."""
    _pipeline, stages, order = _parsed(session)
    return await _piped(session, stages, order)


async def _piped(session: Session, stages: tuple[Stage, ...], order: ValueOrder) -> Piped:
    variables = _variables(session)
    documents, rest = (
        ([], stages)
        if session.operation.collection in OF_DATABASES
        else await _beginning(session, rearranged(stages), variables, order)
    )
    result = run_pipeline(
        rest,
        documents,
        sources=await _sources(session, stages),
        now_ms=session.generated.now_ms,
        variables=variables,
    )
    last = stages[-1] if stages else None
    return Piped(
        documents=list(result),
        storing=last if isinstance(last, Merge | Out) else None,
        variables=variables,
    )


def _parsed(session: Session) -> tuple[list[Any], tuple[Stage, ...], ValueOrder]:
    """Return a pipeline as it was given and as stages, and the order in which it compares."""
    operation = session.operation
    options.check("aggregate", operation.arguments)
    held = held_by(session, operation.arguments.get("hint"))
    pipeline = operation.arguments.get("pipeline")
    if not isinstance(pipeline, list):
        raise CommandFailure(TYPE_MISMATCH, "'pipeline' must be an array")
    if held:
        pipeline = [{"$match": held}, *pipeline]
    if operation.arguments.get("let"):
        # The names of the stages are looked at first.
        named_stages(pipeline)
    order = session.order_under(operation.arguments)
    parsed = parse_pipeline(
        pipeline,
        variables=frozenset(_variables(session)),
        of_database=operation.collection in OF_DATABASES,
    )
    if not order.is_simple:
        check_stages(pipeline)
    if parsed and isinstance(parsed[0], Match):
        first = replace(parsed[0], filter=searching(parsed[0].filter, session, order))
        parsed = (first, *parsed[1:])
    return pipeline, collated(parsed, order), order


def _variables(session: Session) -> dict[str, Any]:
    return {name: value for name, value in session.variables.items() if name != "NOW"}


async def _beginning(
    session: Session, stages: tuple[Stage, ...], variables: Mapping[str, Any], order: ValueOrder
) -> Beginning:
    front = front_of(stages)
    if not order.is_simple:
        selection = session.storage.selection_of(indifferent(front.filter), variables)
        fetched = await session.fetch(session.storage, session.storage.find(selection, sort={}))
        return [each.document for each in fetched.found], stages
    selection = session.storage.selection_of(front.filter, variables)
    if front.group is not None or front.count is not None:
        made = await _folded(session, front, selection, variables)
        if made is not None:
            return made, front.rest
    read = session.storage.find(selection, sort=front.sort, skip=front.skip, limit=front.limit)
    fetched = await session.fetch(session.storage, read)
    documents = [each.document for each in fetched.found]
    if fetched.drifted or read.residual:
        return documents, stages
    folded = (each for each in (front.group, front.count) if each is not None)
    return documents, (*folded, *front.rest)


async def _folded(
    session: Session, front: Front, selection: Any, variables: Mapping[str, Any]
) -> list[dict[str, Any]] | None:
    """Return what SQL makes of groups or of a count, None where only the residual can."""
    if front.group is not None:
        grouping = session.storage.group(selection, front.group, variables)
        return None if grouping is None else await session.grouped(grouping)
    if front.count is None or not selection.exact:
        return None
    n = await session.counted(selection, skip=front.skip, limit=front.limit)
    if n is None:
        return None
    return [{front.count.field: n}] if n else []


async def _sources(session: Session, stages: tuple[Stage, ...]) -> dict[str, list[dict[str, Any]]]:
    """Return the other collections that the pipeline joins."""
    found = {}
    for name in sorted(collections_of(stages)):
        check_source(session.catalog, session.operation.database, name)
        storage = session.catalog.storage(session.operation.database, name)
        read = storage.find(storage.selection_of(EVERYTHING, {}), sort={})
        found[name] = [each.document for each in (await session.fetch(storage, read)).found]
    return found


async def _count(session: Session, counting: Counting, order: ValueOrder) -> Documents:
    query = query_of(session, counting.query, order=order)
    n = await counted(session, query, skip=counting.skip, limit=counting.limit)
    return documents_of_count(counting, n)
