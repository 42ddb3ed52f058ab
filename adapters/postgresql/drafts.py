"""Plans of single operations, from which those of whole outlines are learnt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from asyncpg import Record

from adapters.evaluate.project import projector
from adapters.evaluate.upsert import upserted
from adapters.postgresql.catalog import Collection
from adapters.postgresql.documents import entries_of
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.query.filter import parse_filter
from adapters.query.projection import parse_projection
from adapters.query.sort import parse_sort
from adapters.query.update import parse_update
from adapters.sql.binding import Maker
from adapters.sql.columns.narrowing import Narrowing
from adapters.sql.dialect import Statement
from adapters.sql.plan import Residual
from comparators.canonical import decode, encode
from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Count, Documents, Modified, Result

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
    kind: Kind, arguments: Arguments, collection: Collection, *, marked: bool
) -> Draft | None:
    """Return the plan of an operation that has an outline, None where SQL alone does not answer it."""
    storage = collection.storage
    if not isinstance(storage, MappedStorage):
        return None
    match kind:
        case Kind.FIND:
            return _find(storage, arguments)
        case Kind.COUNT:
            return _count(storage, arguments)
        case Kind.UPDATE:
            [statement] = arguments["updates"]
            return _alter(collection, storage, statement["q"], statement["u"], marked=marked)
        case _ if not marked:
            return _alter(collection, storage, arguments["query"], arguments["update"], shown=True)
        case _:
            # What a mark keeps of the outcome is the document that only the statement itself knows.
            return None


def draft_of_upsert(
    kind: Kind, arguments: Arguments, collection: Collection, *, marked: bool
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


def _find(storage: MappedStorage, arguments: Arguments) -> Draft | None:
    projection = arguments.get("projection") or None
    read = storage.find(
        _selection(storage, arguments.get("filter")),
        sort=parse_sort(arguments.get("sort") or {}),
        skip=arguments.get("skip") or 0,
        limit=arguments.get("limit") or None,
        projection=projection is not None,
    )
    if not set(read.residual) <= {Residual.PROJECTION}:
        return None
    project = None if projection is None else projector(parse_projection(projection))

    def answer(rows: Sequence[Record]) -> Documents | None:
        # Those that have drifted come last.
        if rows and rows[-1][-1]:
            return None
        raws = storage.raws(rows)
        if raws is None:
            return None
        if project is not None:
            raws = [encode(project(decode(raw))) for raw in raws]
        return Documents(documents=tuple(raws))

    return Draft(statement=read.statement, values=read.values, answer=answer)


def _count(storage: MappedStorage, arguments: Arguments) -> Draft | None:
    selection = _selection(storage, arguments.get("query"))
    if not selection.exact:
        return None
    read = storage.count(
        selection, skip=arguments.get("skip") or 0, limit=arguments.get("limit") or None
    )

    def answer(rows: Sequence[Record]) -> Count | None:
        [(n, drifted)] = rows
        return None if drifted else Count(n=n)

    return Draft(statement=read.statement, values=read.values, answer=answer)


def _alter(
    collection: Collection,
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
