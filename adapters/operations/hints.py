"""Which documents an index that is hinted at leaves out.

MongoDB answers from the index: documents that are not in it are not found. Source: MongoDB manual, "cursor.hint()",
"Sparse Indexes", "Partial Indexes"; the refusals were observed on a server 6.0.
"""

from collections.abc import Mapping
from typing import Any, Final

from adapters.operations.indexes import ID_INDEX, Index, index_of
from adapters.operations.session import Session
from adapters.query.failures import CommandFailure
from adapters.query.unsupported import unsupported

BAD_VALUE: Final = 2
FAILED_TO_PARSE: Final = 9


def check_hint(session: Session, hint: Any) -> None:
    """Pass a hint that cannot change what a write does."""
    if held_by(session, hint):
        raise unsupported("option hint", where="a write by an index that is not whole")


def held_by(session: Session, hint: Any) -> dict[str, Any]:
    """Return a filter of the documents that a hinted index holds; empty where it holds all of them."""
    if not hint:
        return {}
    if not isinstance(hint, str | Mapping):
        raise CommandFailure(FAILED_TO_PARSE, "Hint must be a string or an object")
    if hint in (ID_INDEX, {"_id": 1}):
        return {}
    index = hinted_index(session, hint)
    held = {} if index is None else _held(index)
    if held and session.operation.arguments.get("collation"):
        raise unsupported("option hint", where="beside a collation")
    return held


def hinted_index(session: Session, hint: str | Mapping[str, Any]) -> Index | None:
    """Return the index that a hint means; None where there is no collection, or it means none."""
    operation = session.operation
    collection = session.catalog.collection(operation.database, operation.collection)
    if collection is None or (isinstance(hint, Mapping) and "$natural" in hint):
        return None
    of_id = {"name": ID_INDEX, "key": {"_id": 1}, "collation": session.collation}
    for index in (index_of(of_id), *collection.indexes):
        if _is_meant(index, hint):
            return index
    raise CommandFailure(BAD_VALUE, "hint provided does not correspond to an existing index")


def _is_meant(index: Index, hint: str | Mapping[str, Any]) -> bool:
    if index.specification.get("hidden"):
        return False
    if isinstance(hint, str):
        return index.name == hint
    return list(index.key_pattern.items()) == list(hint.items())


def _held(index: Index) -> dict[str, Any]:
    if not index.plain:
        raise unsupported("option hint", where="a special index")
    partial = index.specification.get("partialFilterExpression")
    if partial is not None:
        return dict(partial)
    if index.sparse:
        return {"$or": [{path: {"$exists": True}} for path in index.paths]}
    return {}
