"""`distinct`: each value once, of arrays each element; numbers are equal across types.

Without a filter MongoDB reads the values out of an index that begins with the key, and they are what the
index holds: null for a document without the field, and of an array its elements, each of which is taken
apart once more. Under a collation, or where the key names the position of an element, it only looks up in the
index the first document of each value, and reads there: null is lost where that document has no such field.
With a filter its planner decides where it reads.
Source: `getDistinctNodeIndex` in the server's source, "src/mongo/db/query/get_executor.cpp", as of 6.0.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final

from adapters.evaluate.paths import along, reached
from adapters.operations import options
from adapters.operations.indexes import EMPTY_ARRAY, Index
from adapters.operations.reads import Asked, matching
from adapters.operations.residual import Query, query_of
from adapters.operations.session import Session
from adapters.operations.storage import Found
from adapters.query.collation import parse_collation
from adapters.query.failures import CommandFailure
from adapters.query.paths import Path, split_path
from adapters.sql.keys import UNDEFINED, key_of
from comparators.canonical import MISSING
from comparators.collation import Collation
from comparators.order import ValueOrder
from comparators.outcome import Values

MISSING_FIELD: Final = 40414


async def distinct(session: Session) -> Values:
    """Answer `distinct`."""
    arguments = session.operation.arguments
    options.check("distinct", arguments)
    key = arguments.get("key")
    if key is None:
        raise CommandFailure(MISSING_FIELD, "BSON field 'distinct.key' is missing")
    query = query_of(
        session,
        arguments.get("query") or {},
        variables=session.variables,
        order=session.order_under(arguments),
    )
    path = split_path(key)
    index = None if arguments.get("query") else _scanned(session, key, arguments)
    if index is not None and not _covers(index, path):
        found, _left = await matching(session, query, Asked())
        return Values(values=_values(_first_of_each(index, found), path, query.order))
    made = await _made(session, query, path)
    if made is not None and (index is None or not index.sparse):
        values = tuple(each for each in made if each is not MISSING)
        lacking = MISSING in made
    else:
        found, _left = await matching(session, query, Asked())
        if index is not None:
            held = _once(_held(index, found), _place_in_index)
            return Values(values=tuple(None if each is EMPTY_ARRAY else each for each in held))
        values = _values(found, path, query.order)
        lacking = (None not in values or not query.order.is_simple) and any(
            value is MISSING for each in found for value, _ in reached(each.document, path)
        )
    if lacking and index is not None:
        return Values(values=(*values, None))
    optional = (None,) if lacking and session.is_indexed(key) else ()
    return Values(values=values, optional=optional)


async def _made(session: Session, query: Query, path: Path) -> list[Any] | None:
    """Return what SQL finds, None where it cannot; MISSING stands for documents without a value."""
    if not query.order.is_simple:
        return None
    grouping = session.storage.distinct(query.selection, path)
    return None if grouping is None else await session.grouped(grouping)


def _scanned(session: Session, key: str, arguments: Mapping[str, Any]) -> Index | None:
    """Return the index that MongoDB reads; None for the collection."""
    collation = _collation(arguments.get("collation") or session.collation)
    suited = [
        index
        for index in session.indexes
        if index.plain
        and index.paths[0] == key
        and index.admits is None
        and not index.specification.get("hidden")
        and _collation(index.specification.get("collation")) == collation
    ]
    return min(suited, key=lambda index: len(index.paths), default=None)


def _collation(given: Any) -> Collation | None:
    return None if given is None else parse_collation(given)


def _covers(index: Index, path: Path) -> bool:
    """Return whether the values are those that the index holds, not those of the documents behind them.

    Strings are sort keys in an index under a collation, and of a position it may hold null although there is
    something.
    """
    return index.collator is None and not any(map(str.isdecimal, path[1:]))


def _first_of_each(index: Index, found: Iterable[Found]) -> list[Found]:
    """Return the documents that a scan looks up: it goes on behind the first of each leading value."""
    entries = [
        (index.rank(values), at, index.part(values[0]), each)
        for at, each in enumerate(found)
        for values in index.keys_of(each.document)
    ]
    first: dict[bytes, Found] = {}
    for _rank, _at, leading, each in sorted(entries, key=itemgetter(0, 1)):
        first.setdefault(leading, each)
    return list(first.values())


def _held(index: Index, found: Iterable[Found]) -> Iterator[Any]:
    for each in found:
        for first, *_others in index.keys_of(each.document):
            if isinstance(first, list):
                yield from first
            else:
                yield None if first is MISSING else first


def _place_in_index(value: Any) -> bytes:
    # An empty array is there as the deprecated type `undefined`, which our values have not: it is another null.
    return UNDEFINED if value is EMPTY_ARRAY else key_of(value)


def _values(found: Iterable[Found], path: Path, order: ValueOrder) -> tuple[Any, ...]:
    return _once(_read(found, path), key_of if order.is_simple else order.key)


def _read(found: Iterable[Found], path: Path) -> Iterator[Any]:
    for each in found:
        for value in along(each.document, path):
            yield from value if isinstance(value, list) else [value]


def _once(values: Iterable[Any], place_of: Callable[[Any], Any]) -> tuple[Any, ...]:
    first: dict[Any, Any] = {}
    for value in values:
        first.setdefault(place_of(value), value)
    return tuple(first.values())
