"""`aggregate`: a leading `$match` narrows, the pipeline runs in memory.

Counting, which is how `countDocuments` arrives, is left to SQL where that is exact.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from adapters.evaluate.pipeline import run_pipeline
from adapters.postgresql import options
from adapters.postgresql.reads import counted
from adapters.postgresql.residual import Query, query_of
from adapters.postgresql.session import Session
from adapters.postgresql.storage import Storage
from adapters.query.failures import CommandFailure
from adapters.query.pipeline import Limit, Match, Stage, collections_of, parse_pipeline, rearranged
from adapters.sql.plan import EVERYTHING, Plan, Selection, natural_order
from comparators.canonical import encode
from comparators.outcome import Documents

TYPE_MISMATCH: Final = 14
WHOLE_DATABASE: Final = "$cmd.aggregate"
ONE_EACH: Final[Mapping[str, Any]] = {"$sum": 1}


async def aggregate(session: Session) -> Documents:
    """Answer `aggregate`."""
    operation = session.operation
    options.check("aggregate", operation.arguments)
    options.check_hint(operation.arguments.get("hint"), session.indexes)
    pipeline = operation.arguments.get("pipeline")
    if not isinstance(pipeline, list):
        raise CommandFailure(TYPE_MISMATCH, "'pipeline' must be an array")
    variables = {name: value for name, value in session.variables.items() if name != "NOW"}
    of_database = operation.collection in {"", WHOLE_DATABASE}
    stages = parse_pipeline(pipeline, variables=frozenset(variables), of_database=of_database)
    counting = _counting(session.storage, pipeline)
    if counting is not None:
        return await _count(session, counting)
    plan = plan_of_pipeline(session.storage, rearranged(stages))
    read = () if of_database else await session.fetch(session.storage, plan)
    documents = [each.document for each in read]
    result = run_pipeline(
        stages,
        documents,
        sources=await _sources(session, stages),
        now_ms=session.generated.now_ms,
        variables=variables,
    )
    return Documents(documents=tuple(encode(document) for document in result))


def plan_of_pipeline(storage: Storage, stages: Sequence[Stage]) -> Plan:
    """Return which documents the pipeline is run on."""
    first = stages[0] if stages else None
    selection = storage.selection_of(first.filter) if isinstance(first, Match) else EVERYTHING
    following = stages[1] if isinstance(first, Match) and len(stages) > 1 else first
    limit = following.count if isinstance(following, Limit) and selection.exact else None
    return Plan(selection=selection, order=natural_order(selection), limit=limit)


async def _sources(session: Session, stages: tuple[Stage, ...]) -> dict[str, list[dict[str, Any]]]:
    """Return the other collections that the pipeline joins."""
    found = {}
    for name in sorted(collections_of(stages)):
        storage = session.catalog.storage(session.operation.database, name)
        documents = await session.fetch(storage, Plan(selection=Selection(exact=True)))
        found[name] = [each.document for each in documents]
    return found


async def _count(session: Session, counting: "Counting") -> Documents:
    query, skip, limit, identifier = counting
    n = await counted(session, query, skip=skip, limit=limit)
    return Documents(documents=(encode({"_id": identifier, "n": n}),) if n else ())


Counting = tuple[Query, int, int | None, Any]


def _counting(storage: Storage, pipeline: Sequence[Mapping[str, Any]]) -> Counting | None:
    """Return query, skip, limit and group key of a pipeline that only counts, else None."""
    rest = list(pipeline)
    last = rest.pop() if rest else {}
    group = last.get("$group")
    if not isinstance(group, dict) or list(group) != ["_id", "n"] or group["n"] != ONE_EACH:
        return None
    if type(group["n"]["$sum"]) is not int or not (group["_id"] is None or group["_id"] == 1):
        return None
    query: Mapping[str, Any] = {}
    if rest and "$match" in rest[0]:
        query = rest.pop(0)["$match"]
    skip = int(rest.pop(0)["$skip"]) if rest and "$skip" in rest[0] else 0
    limit = int(rest.pop(0)["$limit"]) if rest and "$limit" in rest[0] else None
    if rest or "$expr" in query:
        return None
    return query_of(storage, query), skip, limit, group["_id"]
