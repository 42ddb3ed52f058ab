"""`distinct`: each value once, of arrays each element; numbers are equal across types.

Without a filter MongoDB reads the values out of an index that begins with the key, and they are what the
index holds: null for a document without the field, and of an array its elements, each of which is taken
apart once more. With a filter its planner decides where it reads.
Source: `getDistinctNodeIndex` in the server's source, "src/mongo/db/query/get_executor.cpp", as of 6.0.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from adapters.evaluate.paths import along, reached
from adapters.postgresql import options
from adapters.postgresql.indexes import EMPTY_ARRAY, Index
from adapters.postgresql.reads import Asked, matching
from adapters.postgresql.residual import Query, query_of
from adapters.postgresql.session import Session
from adapters.postgresql.storage import Found
from adapters.query.failures import CommandFailure
from adapters.query.paths import Path, split_path
from adapters.sql.keys import UNDEFINED, key_of
from comparators.canonical import MISSING
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
    index = None if arguments.get("query") else _scanned(session, key, query)
    path = split_path(key)
    made = await _made(session, query, path)
    if made is not None and (index is None or not index.sparse):
        values = [each for each in made if each is not MISSING]
        lacking = MISSING in made
    else:
        found, _left = await matching(session, query, Asked())
        if index is not None:
            held = _once(_held(index, found), _place_in_index)
            return Values(values=tuple(None if each is EMPTY_ARRAY else each for each in held))
        values = _once(_read(found, path), key_of if query.order.is_simple else query.order.key)
        lacking = None not in values and any(
            value is MISSING for each in found for value, _ in reached(each.document, path)
        )
    if lacking and index is not None:
        return Values(values=(*values, None))
    optional = (None,) if lacking and session.is_indexed(key) else ()
    return Values(values=tuple(values), optional=optional)


async def _made(session: Session, query: Query, path: Path) -> list[Any] | None:
    """Return what SQL finds, None where it cannot; MISSING stands for documents without a value."""
    if not query.order.is_simple:
        return None
    grouping = session.storage.distinct(query.selection, path)
    return None if grouping is None else await session.grouped(grouping)


def _scanned(session: Session, key: str, query: Query) -> Index | None:
    """Return the index whose keys MongoDB reads; None for documents.

    Strings are sort keys in an index under a collation, and of a position it may hold null although there is
    something: the documents are read then.
    """
    if not query.order.is_simple or any(map(str.isdecimal, split_path(key))):
        return None
    suited = [index for index in session.indexes if index.plain and index.paths[0] == key]
    whole = [index for index in suited if index.admits is None and index.collator is None]
    seen = [index for index in whole if not index.specification.get("hidden")]
    return min(seen, key=lambda index: len(index.paths), default=None)


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


def _read(found: Iterable[Found], path: Path) -> Iterator[Any]:
    for each in found:
        for value in along(each.document, path):
            yield from value if isinstance(value, list) else [value]


def _once(values: Iterable[Any], place_of: Callable[[Any], Any]) -> list[Any]:
    first: dict[Any, Any] = {}
    for value in values:
        first.setdefault(place_of(value), value)
    return list(first.values())
