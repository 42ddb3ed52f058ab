"""Several writes in few commands: neighbours of one kind go over the wire together.

Source: Mongoose documentation, "Model.bulkWrite".
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, NamedTuple

from comparators.errors import UnsupportedError
from comparators.operation import Kind
from comparators.outcome import Acknowledgement

AT_ONCE: Final = 500
"""How many statements one command holds."""
STATEMENTS: Final[Mapping[Kind, str]] = {
    Kind.INSERT: "documents",
    Kind.UPDATE: "updates",
    Kind.DELETE: "deletes",
}
"""What the statements of a command are called."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """How many documents several writes have stored, met, changed and deleted; an upsert that stores one is in `inserted`."""

    inserted: int = 0
    matched: int = 0
    modified: int = 0
    deleted: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            inserted=self.inserted + other.inserted,
            matched=self.matched + other.matched,
            modified=self.modified + other.modified,
            deleted=self.deleted + other.deleted,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Casting:
    """How a model makes documents, filters and changes of what it is given."""

    document: Callable[[Mapping[str, Any]], Document]
    replacement: Callable[[Mapping[str, Any]], Document]
    filter: Callable[[Mapping[str, Any]], Document]
    change: Callable[[Document, Any, bool], Any]


def commands(
    operations: Sequence[Mapping[str, Any]], casting: Casting
) -> Iterator[tuple[Kind, list[Document]]]:
    """Yield the commands for `{"insertOne": {"document": …}}` and the like, in their order.

    UnsupportedError for what is no operation, or an option that is not known here; nothing is yielded before all of them are cast.
    """
    made = [statement for each in operations for statement in _statement(each, casting)]
    for kind, group in groupby(made, key=lambda each: each[0]):
        statements = [statement for _, statement in group]
        for first in range(0, len(statements), AT_ONCE):
            yield kind, statements[first : first + AT_ONCE]


def counted(kind: Kind, told: Acknowledgement) -> Written:
    """Return what the answer to one of the commands says."""
    if kind is Kind.INSERT:
        return Written(inserted=told.n)
    if kind is Kind.DELETE:
        return Written(deleted=told.n)
    stored = len(told.upserted)
    return Written(inserted=stored, matched=told.n - stored, modified=told.modified or 0)


def _statement(operation: Mapping[str, Any], casting: Casting) -> Iterator[tuple[Kind, Document]]:
    name = next(iter(operation), "")
    making = _OPERATIONS.get(name)
    if making is None or len(operation) != 1:
        raise UnsupportedError(
            f"the operation {name!r} of a bulk write",
            where="bulk_write",
            remedy=f"take one of {', '.join(_OPERATIONS)}",
        )
    given = operation[name]
    unknown = sorted(given.keys() - making.members)
    if unknown:
        raise UnsupportedError(
            f"the option {unknown[0]!r} of {name!r} in a bulk write",
            where="bulk_write",
            remedy=f"use {', '.join(sorted(making.members))} alone",
        )
    kind, statement = making.statement(given, casting)
    # A change that changes nothing is none.
    if "update" not in making.members or statement["u"]:
        yield kind, statement


def _insert(given: Mapping[str, Any], casting: Casting) -> tuple[Kind, Document]:
    return Kind.INSERT, casting.document(given["document"])


def _update(given: Mapping[str, Any], casting: Casting, *, multi: bool) -> tuple[Kind, Document]:
    query = casting.filter(given["filter"])
    upsert = bool(given.get("upsert", False))
    change = casting.change(query, given["update"], upsert)
    return Kind.UPDATE, {"q": query, "u": change, "multi": multi, "upsert": upsert}


def _delete(given: Mapping[str, Any], casting: Casting, *, limit: int) -> tuple[Kind, Document]:
    return Kind.DELETE, {"q": casting.filter(given["filter"]), "limit": limit}


def _replacement(given: Mapping[str, Any], casting: Casting) -> tuple[Kind, Document]:
    query = casting.filter(given["filter"])
    made = casting.replacement(given["replacement"])
    upsert = bool(given.get("upsert", False))
    return Kind.UPDATE, {"q": query, "u": made, "multi": False, "upsert": upsert}


class _Operation(NamedTuple):
    """How an operation is made a statement, and what it may hold."""

    statement: Callable[[Mapping[str, Any], Casting], tuple[Kind, Document]]
    members: frozenset[str]


_OF_UPDATE: Final = frozenset({"filter", "update", "upsert"})
_OF_DELETE: Final = frozenset({"filter"})
_OPERATIONS: Final[Mapping[str, _Operation]] = {
    "insertOne": _Operation(_insert, frozenset({"document"})),
    "updateOne": _Operation(lambda *given: _update(*given, multi=False), _OF_UPDATE),
    "updateMany": _Operation(lambda *given: _update(*given, multi=True), _OF_UPDATE),
    "replaceOne": _Operation(_replacement, frozenset({"filter", "replacement", "upsert"})),
    "deleteOne": _Operation(lambda *given: _delete(*given, limit=1), _OF_DELETE),
    "deleteMany": _Operation(lambda *given: _delete(*given, limit=0), _OF_DELETE),
}
