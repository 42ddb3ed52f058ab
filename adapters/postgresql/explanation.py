"""A command through the plan: the SQL, what is left to do in memory, and why. Nothing is connected to.

What depends on the database is left out: indexes that MongoDB has and the tables would follow, validators, collations, and
rows that have drifted.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.entities.entity import EntityMap
from adapters.operations import options
from adapters.operations.counting import counting_of
from adapters.operations.narrowing import identities_of
from adapters.postgresql.connections import Connections
from adapters.postgresql.document_storage import document_storage
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_storage import MappedStorage
from adapters.postgresql.storage import AnyStorage
from adapters.query.filter import parse_query
from adapters.query.paths import split_path
from adapters.query.pipeline import (
    Exclude,
    Given,
    Include,
    Stage,
    WindowFields,
    parse_pipeline,
    rearranged,
)
from adapters.query.sort import parse_sort
from adapters.query.types import truth
from adapters.query.unsupported import unsupported
from adapters.query.update import parse_update
from adapters.sql.columns.front import Front, front_of

NOWHERE: Final = "postgresql://localhost"
NOTHING: Final = "residual: nothing"

Document = Mapping[str, Any]


def explain_command(
    database: str, collection: str, entity: EntityMap | None, command: Document
) -> str:
    """Return how a command is run on the table of a map, or on a table of documents where there is none.

    Its first field names it, as on the wire. CommandFailure for what MongoDB refuses, UnsupportedError for what the
    gateway does, and for a command that has no plan.
    """
    name = next(iter(command), "")
    explain = COMMANDS.get(name)
    if explain is None:
        raise unsupported(f"command {name}", where="explain")
    arguments = {field: value for field, value in command.items() if field != name}
    options.check(name, arguments)
    storage: AnyStorage = document_storage(database, collection)
    if entity is not None:
        storage = MappedStorage(database, entity, Layouts(Connections(NOWHERE, limit=1)))
    return "\n".join(explain(storage, arguments))


def _find(storage: AnyStorage, arguments: Document) -> list[str]:
    selection = _selected(storage, arguments.get("filter") or {})
    skip, limit = options.whole(arguments, "skip"), options.whole(arguments, "limit")
    sort = parse_sort(arguments.get("sort") or {})
    projection = bool(arguments.get("projection"))
    read = storage.find(selection, sort=sort, skip=skip, limit=limit or None, projection=projection)
    return [read.statement.text, read.plan.describe()]


def _count(storage: AnyStorage, arguments: Document) -> list[str]:
    return _counted(
        storage,
        _selected(storage, arguments.get("query") or {}),
        skip=options.whole(arguments, "skip"),
        limit=abs(options.whole(arguments, "limit")) or None,
    )


def _counted(storage: AnyStorage, selection: Any, *, skip: int, limit: int | None) -> list[str]:
    if selection.exact:
        read = storage.count(selection, skip=skip, limit=limit)
        return [read.statement.text, read.plan.describe(), "sql: counts"]
    read = storage.find(selection, sort={}, skip=skip, limit=limit)
    return [read.statement.text, read.plan.describe(), "in memory: counts"]


def _distinct(storage: AnyStorage, arguments: Document) -> list[str]:
    selection = _selected(storage, arguments.get("query") or {})
    grouping = storage.distinct(selection, split_path(arguments.get("key", "")))
    if grouping is not None:
        return [grouping.statement.text, "sql: distinct values", NOTHING]
    read = storage.find(selection, sort={})
    return [read.statement.text, read.plan.describe(), "in memory: distinct values"]


def _aggregate(storage: AnyStorage, arguments: Document) -> list[str]:
    pipeline = arguments.get("pipeline") or []
    counting = counting_of(pipeline)
    if counting is not None:
        selection = _selected(storage, counting.query)
        return _counted(storage, selection, skip=counting.skip, limit=counting.limit)
    stages = rearranged(parse_pipeline(pipeline))
    front = front_of(stages)
    selection = storage.selection_of(front.filter, {})
    folded = _folded(storage, front, selection)
    if folded is not None:
        return [*folded, _left(front.rest)]
    read = storage.find(selection, sort=front.sort, skip=front.skip, limit=front.limit)
    kept = [each for each in (front.group, front.count) if each is not None]
    left = stages if read.residual else (*kept, *front.rest)
    return [read.statement.text, read.plan.describe(), _left(left)]


def _folded(storage: AnyStorage, front: Front, selection: Any) -> list[str] | None:
    """Return how SQL makes groups or a count, None where only the residual can."""
    if front.group is not None:
        grouping = storage.group(selection, front.group, {})
        return None if grouping is None else [grouping.statement.text, "sql: groups"]
    if front.count is None or not selection.exact:
        return None
    return _counted(storage, selection, skip=front.skip, limit=front.limit)


def _left(stages: Sequence[Stage]) -> str:
    return f"in memory: {', '.join(map(_name, stages)) or 'nothing'}"


def _name(stage: Stage) -> str:
    name = type(stage).__name__
    return NAMES.get(type(stage), f"${name[0].lower()}{name[1:]}")


def _update(storage: AnyStorage, arguments: Document) -> list[str]:
    lines: list[str] = []
    for statement in options.statements(arguments, "update", "updates"):
        at_once = not statement.get("multi") and _names_one(statement["q"])
        lines += _changed(
            storage,
            statement["q"],
            parse_update(statement["u"], statement.get("arrayFilters")),
            upsert=bool(statement.get("upsert")),
            first=not statement.get("multi"),
            at_once=at_once,
            shown=False,
        )
    return lines


def _find_and_modify(storage: AnyStorage, arguments: Document) -> list[str]:
    query = arguments.get("query") or {}
    if truth(arguments.get("remove")):
        return _removed(storage, query, first=True)
    return _changed(
        storage,
        query,
        parse_update(arguments.get("update") or {}, arguments.get("arrayFilters")),
        upsert=truth(arguments.get("upsert")),
        first=not arguments.get("sort"),
        at_once=truth(arguments.get("new")),
        shown=True,
    )


def _changed(
    storage: AnyStorage,
    query: Document,
    change: Any,
    *,
    upsert: bool,
    first: bool,
    at_once: bool,
    shown: bool,
) -> list[str]:
    selection = storage.selection_of(parse_query(query, upsert=upsert), {})
    if at_once and selection.exact:
        alteration = storage.alter(
            selection, change, now_ms=0, guarded=frozenset(), marked=False, shown=shown
        )
        if alteration is not None:
            return [alteration.statement.text, "sql: changes the row without reading it", NOTHING]
    return [*_rows(storage, selection, first=first), "in memory: the change"]


def _delete(storage: AnyStorage, arguments: Document) -> list[str]:
    lines: list[str] = []
    for statement in options.statements(arguments, "delete", "deletes"):
        lines += _removed(storage, statement["q"], first=truth(statement["limit"]))
    return lines


def _removed(storage: AnyStorage, query: Document, *, first: bool) -> list[str]:
    selection = _selected(storage, query)
    if storage.only_key(selection) is not None:
        return ["sql: deletes by primary key", NOTHING]
    return [*_rows(storage, selection, first=first), "sql: then deletes by primary key"]


def _rows(storage: AnyStorage, selection: Any, *, first: bool) -> list[str]:
    """Return how documents are read in order to write them."""
    read = storage.find_rows(selection, limit=1 if first and selection.exact else None, locked=True)
    sql, _residual, why = read.plan.describe().partition("\nresidual: ")
    because = why.partition("\n")[2]
    return [
        read.statement.text,
        sql,
        NOTHING if selection.exact else "residual: filter",
        *([because] if because else []),
    ]


def _names_one(query: Document) -> bool:
    identities = identities_of(query)
    return identities is not None and len(identities) == 1


def _selected(storage: AnyStorage, query: Document) -> Any:
    return storage.selection_of(parse_query(query), {})


COMMANDS: Final[Mapping[str, Callable[[AnyStorage, Document], list[str]]]] = {
    "find": _find,
    "count": _count,
    "distinct": _distinct,
    "aggregate": _aggregate,
    "update": _update,
    "delete": _delete,
    "findAndModify": _find_and_modify,
}
NAMES: Final[Mapping[type, str]] = {
    Include: "$project",
    Exclude: "$project",
    Given: "$documents",
    WindowFields: "$setWindowFields",
}
"""Stages that have another name than their class, or several."""
