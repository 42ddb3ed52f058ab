"""Which collections a write can change, and by which selections its documents are found.

Most writes name one collection. `renameCollection` empties one and fills another, `$out` and `$merge` write to
the collection they name, and `bulkWrite` to several.
Source: MongoDB manual, "renameCollection", "$out", "$merge", "bulkWrite".
"""

from dataclasses import replace
from typing import Final

from comparators.operation import Kind, Operation

_SELECTED: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})


def namespaces_of(operation: Operation) -> frozenset[str]:
    """Return the collections that a write can change."""
    others = _others(operation)
    return frozenset(others) if others else frozenset({operation.namespace})


def selections_of(operation: Operation) -> list[Operation]:
    """Return writes that select, between them, every document the operation may have changed."""
    if operation.kind in _SELECTED:
        return [operation]
    return [everything_in(operation, namespace) for namespace in _others(operation)]


def everything_in(operation: Operation, namespace: str) -> Operation:
    """Return a write that selects every document of a collection."""
    database, _, collection = namespace.partition(".")
    return replace(
        operation,
        database=database,
        collection=collection,
        kind=Kind.DELETE,
        arguments={"deletes": [{"q": {}, "limit": 0}]},
    )


def _others(operation: Operation) -> list[str]:
    arguments = operation.arguments
    target = operation.target
    if target is not None:
        return [target]
    if operation.kind is Kind.RENAME_COLLECTION:
        renamed = arguments.get("to")
        return [operation.namespace, *([renamed] if isinstance(renamed, str) else [])]
    if operation.kind is not Kind.OTHER:
        return []
    match next(iter(arguments), ""):
        case "bulkWrite":
            named = [each.get("ns") for each in arguments.get("nsInfo", ())]
        case _:
            named = []
    return [name for name in named if isinstance(name, str)]
