"""An operation as the command that MongoDB's server takes."""

from collections.abc import Mapping
from typing import Any, Final

from comparators.errors import UnsupportedError
from comparators.operation import Kind, Operation

COMMANDS: Final[Mapping[Kind, str]] = {
    Kind.FIND: "find",
    Kind.COUNT: "count",
    Kind.DISTINCT: "distinct",
    Kind.AGGREGATE: "aggregate",
    Kind.INSERT: "insert",
    Kind.UPDATE: "update",
    Kind.DELETE: "delete",
    Kind.FIND_AND_MODIFY: "findAndModify",
    Kind.CREATE: "create",
    Kind.COLL_MOD: "collMod",
    Kind.RENAME_COLLECTION: "renameCollection",
    Kind.DROP: "drop",
    Kind.DROP_DATABASE: "dropDatabase",
    Kind.CREATE_INDEXES: "createIndexes",
    Kind.DROP_INDEXES: "dropIndexes",
    Kind.LIST_INDEXES: "listIndexes",
    Kind.LIST_COLLECTIONS: "listCollections",
}
CURSORS: Final = frozenset({Kind.FIND, Kind.AGGREGATE, Kind.LIST_INDEXES, Kind.LIST_COLLECTIONS})
"""The kinds whose answer is a cursor."""
READS: Final = frozenset({*CURSORS, Kind.COUNT, Kind.DISTINCT})
_OF_THE_DATABASE: Final = frozenset({Kind.DROP_DATABASE, Kind.LIST_COLLECTIONS})


def command_of(operation: Operation) -> tuple[str, dict[str, Any]]:
    """Return the database that takes the command, and the command.

    Cursors are asked for whole: in batches as large as MongoDB makes them. Raises UnsupportedError for what is no
    command with a counterpart.
    """
    kind = operation.kind
    name = COMMANDS.get(kind)
    if name is None:
        asked = next(iter(operation.arguments), str(kind))
        raise UnsupportedError(
            f"command {asked}",
            where=operation.namespace,
            remedy="use a driver of MongoDB for what is neither a read, a write nor a definition",
        )
    if kind is Kind.RENAME_COLLECTION:
        return "admin", {name: operation.namespace, **operation.arguments}
    target = 1 if kind in _OF_THE_DATABASE else operation.collection or 1
    command = {name: target, **operation.arguments}
    if kind in {Kind.FIND, Kind.AGGREGATE}:
        command.pop("batchSize", None)
        command.pop("singleBatch", None)
    if kind is Kind.AGGREGATE:
        command["cursor"] = {}
    return operation.database, command
