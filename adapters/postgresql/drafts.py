"""Plans of single operations, from which those of whole outlines are learnt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from asyncpg import Record

from adapters.entities.parts import PartCodec
from adapters.evaluate.project import projector
from adapters.evaluate.upsert import upserted
from adapters.operations.counting import Counting, counting_of, documents_of_count
from adapters.operations.documents import entries_of
from adapters.operations.narrowing import bounds_once
from adapters.postgresql.catalog import PostgresCollection
from adapters.postgresql.document_storage import DocumentStorage
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.query.filter import parse_filter
from adapters.query.pipeline import parse_pipeline, rearranged
from adapters.query.projection import Projection, parse_projection
from adapters.query.sort import parse_sort
from adapters.query.update import parse_update
from adapters.sql.binding import Maker
from adapters.sql.columns.front import front_of
from adapters.sql.columns.narrowing import Narrowing
from adapters.sql.columns.partial import partial_read, paths_of_projection
from adapters.sql.columns.plan import plan_columns
from adapters.sql.columns.read import read
from adapters.sql.dialect import Statement, compiled
from adapters.sql.plan import Residual
from comparators.canonical import decode, encode_each
from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Count, Documents, Modified, Result, Unencoded

Arguments = Mapping[str, Any]
Answer = Callable[[Sequence[Record]], Result | None]

ALTERED = Acknowledgement(n=1, modified=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The plan of one operation that SQL alone answers.

    `answer` makes the result of the rows, None where they do not tell.
    """

    statement: Statement
    values: Mapping[str, Any]
    answer: Answer
    made: Mapping[str, Maker] = field(default_factory=dict)
    afresh: Mapping[str, Callable[[], Any]] = field(default_factory=dict)


def draft_of(
    kind: Kind, arguments: Arguments, collection: PostgresCollection, *, marked: bool
) -> Draft | None:
    """Return the plan of an operation that has an outline, None where SQL alone does not answer it."""
    storage = collection.storage
    if isinstance(storage, DocumentStorage):
        return _find_documents(storage, arguments) if kind is Kind.FIND else None
    if not isinstance(storage, MappedStorage):
        return None
    match kind:
        case Kind.FIND:
            return _find(storage, arguments)
        case Kind.COUNT:
            return _count(storage, arguments)
        case Kind.AGGREGATE:
            return _aggregate(storage, arguments)
        case Kind.UPDATE:
            [statement] = arguments["updates"]
            return _alter(collection, storage, statement["q"], statement["u"], marked=marked)
        case _ if not marked:
            return _alter(collection, storage, arguments["query"], arguments["update"], shown=True)
        case _:
            # What a mark keeps of the outcome is the document that only the statement itself knows.
            return None


def draft_of_upsert(
    kind: Kind, arguments: Arguments, collection: PostgresCollection, *, marked: bool
) -> Draft | None:
    """Return the plan of a `findAndModify` that also inserts the document, None for any other operation."""
    storage = collection.storage
    if kind is not Kind.FIND_AND_MODIFY or marked or not arguments.get("upsert"):
        return None
    if not isinstance(storage, MappedStorage) or collection.unique:
        return None
    query, update = arguments["query"], arguments["update"]
    altering = _alter(collection, storage, query, update, shown=True, inserting=True)
    document = upserted(
        parse_update(update), filter=parse_filter(query), now_ms=0, generated_id=None
    )
    # All documents of the outline have their arrays in the same fields: no index refuses one of them.
    entries_of(document, collection.guarding)
    inserting = storage.plain_insertion(document)
    if altering is None or inserting is None:
        return None
    found = altering.answer

    def answer(rows: Sequence[Record]) -> Result | None:
        result = found(rows)
        if isinstance(result, Modified) and rows[0][-1]:
            identifier = decode(result.document or b"")["_id"]
            return replace(result, updated_existing=False, upserted_id=identifier)
        return result

    return replace(
        altering,
        values={**altering.values, **inserting.values},
        answer=answer,
        made={**altering.made, **inserting.made},
        afresh={**altering.afresh, **inserting.afresh},
    )


def _selection(storage: MappedStorage, query: Mapping[str, Any] | None) -> Narrowing:
    return storage.selection_of(parse_filter(query or {}), {})


def _find_documents(storage: DocumentStorage, arguments: Arguments) -> Draft | None:
    """Return the plan of a find in a table of documents that the key alone answers."""
    tree = parse_filter(arguments.get("filter") or {})
    if arguments.get("projection") or not bounds_once(tree):
        return None
    whole = storage.find(storage.selection_of(tree, {}), **_cut(arguments))
    if whole.residual:
        return None

    def answer(rows: Sequence[Record]) -> Documents:
        return Documents(documents=tuple(storage.raws(rows)))

    return Draft(statement=whole.statement, values=whole.values, answer=answer)


def _cut(arguments: Arguments) -> dict[str, Any]:
    return {
        "sort": parse_sort(arguments.get("sort") or {}),
        "skip": arguments.get("skip") or 0,
        "limit": arguments.get("limit") or None,
    }


def _find(storage: MappedStorage, arguments: Arguments) -> Draft | None:
    projection = arguments.get("projection") or None
    selection = _selection(storage, arguments.get("filter"))
    cut = _cut(arguments)
    if projection is not None:
        return _project(storage, selection, parse_projection(projection), cut)
    whole = storage.find(selection, **cut)
    if whole.residual:
        return None

    def answer(rows: Sequence[Record]) -> Documents | None:
        found = None if _drifted(rows) else storage.documents(rows)
        return None if found is None else Unencoded(found)

    return Draft(statement=whole.statement, values=whole.values, answer=answer)


def _project(
    storage: MappedStorage, selection: Narrowing, projection: Projection, cut: Mapping[str, Any]
) -> Draft | None:
    """Return the plan of a find that shows parts of documents: it reads no other columns where that is enough."""
    paths = paths_of_projection(projection)
    part = None if paths is None else partial_read(paths, storage.columns)
    plan = plan_columns(selection, storage.columns, projection=True, **cut)
    if set(plan.residual) != {Residual.PROJECTION}:
        return None
    if part is None:
        statement, documents = (
            storage.find(selection, projection=True, **cut).statement,
            storage.documents,
        )
    else:
        table = storage.tables.documents
        statement = compiled(read(table, plan.shape, *part.selected(table)))
        documents = partial(
            storage.decoded,
            decoder_of=PartCodec(part.columns).decoder_of,
            width=len(part.columns),
        )
    project = projector(projection)

    def answer(rows: Sequence[Record]) -> Documents | None:
        found = None if _drifted(rows) else documents(rows)
        return None if found is None else Unencoded(list(map(project, found)))

    return Draft(statement=statement, values=plan.values, answer=answer)


def _drifted(rows: Sequence[Record]) -> bool:
    """Return whether there are rows that SQL cannot tell of: they come last."""
    return bool(rows) and bool(rows[-1][-1])


def _count(storage: MappedStorage, arguments: Arguments) -> Draft | None:
    selection = _selection(storage, arguments.get("query"))
    if not selection.exact:
        return None
    counting = storage.count(
        selection, skip=arguments.get("skip") or 0, limit=arguments.get("limit") or None
    )

    def answer(rows: Sequence[Record]) -> Count | None:
        [(n, drifted)] = rows
        return None if drifted else Count(n=n)

    return Draft(statement=counting.statement, values=counting.values, answer=answer)


def _aggregate(storage: MappedStorage, arguments: Arguments) -> Draft | None:
    """Return the plan of a pipeline that groups."""
    counting = counting_of(arguments["pipeline"])
    if counting is not None:
        return _count_documents(storage, counting)
    front = front_of(rearranged(parse_pipeline(arguments["pipeline"])))
    if front.group is None or front.rest:
        return None
    grouping = storage.group(storage.selection_of(front.filter, {}), front.group, {})
    if grouping is None:
        return None

    def answer(rows: Sequence[Record]) -> Documents | None:
        groups = None if grouping.unknown_layouts(rows) else grouping.merged(rows)
        return None if groups is None else Documents(documents=tuple(encode_each(groups)))

    return Draft(statement=grouping.statement, values=grouping.values, answer=answer)


def _count_documents(storage: MappedStorage, counting: Counting) -> Draft | None:
    draft = _count(
        storage, {"query": counting.query, "skip": counting.skip, "limit": counting.limit}
    )
    if draft is None:
        return None
    counted = draft.answer

    def answer(rows: Sequence[Record]) -> Documents | None:
        count = counted(rows)
        return documents_of_count(counting, count.n) if isinstance(count, Count) else None

    return replace(draft, answer=answer)


def _alter(
    collection: PostgresCollection,
    storage: MappedStorage,
    query: Mapping[str, Any],
    update: Mapping[str, Any],
    *,
    marked: bool = False,
    shown: bool = False,
    inserting: bool = False,
) -> Draft | None:
    tree = parse_update(update)
    alteration = storage.alter(
        _selection(storage, query),
        tree,
        now_ms=0,
        guarded=frozenset((name,) for index in collection.unique for name in index.fields),
        marked=marked,
        shown=shown,
        inserting=inserting,
    )
    if alteration is None:
        return None

    def answer(rows: Sequence[Record]) -> Result | None:
        if not rows:
            return None
        if not shown:
            return ALTERED
        raws = storage.raws(rows)
        return None if raws is None else Modified(document=raws[0], n=1, updated_existing=True)

    return Draft(
        statement=alteration.statement,
        values=alteration.values,
        answer=answer,
        made=alteration.made,
        afresh=alteration.afresh,
    )
