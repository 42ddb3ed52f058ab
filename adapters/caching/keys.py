"""What an answer depends on, and under which key it is kept.

An answer is kept under the tokens of what it depends on, as they were *before* the database was asked. A write renews them, so that no answer
from before it is found afterwards, not even one that is kept late.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final

from comparators.canonical import document_key, encode
from comparators.operation import Kind, Operation

CACHED: Final = frozenset({Kind.FIND, Kind.COUNT, Kind.DISTINCT})
"""What is kept. A pipeline may read other collections, or write one."""
_WRITES: Final = frozenset({Kind.INSERT, Kind.UPDATE, Kind.DELETE, Kind.FIND_AND_MODIFY})
_READS: Final = frozenset({Kind.AGGREGATE, Kind.LIST_INDEXES, Kind.LIST_COLLECTIONS})


def depends_on(operation: Operation) -> Sequence[str]:
    """Return the names of the tokens that an answer stands under."""
    everything = f"{operation.namespace}:all"
    condition = operation.arguments.get("filter")
    if (
        operation.kind is Kind.FIND
        and isinstance(condition, dict)
        and _is_key(condition.get("_id"))
    ):
        return (everything, _document(operation.namespace, condition["_id"]))
    return (everything, f"{operation.namespace}:any")


def renewed_by(operation: Operation) -> Sequence[str]:
    """Return the names of the tokens that a write makes void; none for a read."""
    namespace = operation.namespace
    if operation.target is not None:
        return (f"{operation.target}:all",)
    if operation.kind in CACHED or operation.kind in _READS:
        return ()
    if operation.kind not in _WRITES:
        # It defines, renames or drops: another collection may be meant as well.
        return (f"{namespace}:all", *_renamed(operation))
    identifiers = _written(operation)
    if identifiers is None:
        return (f"{namespace}:all",)
    return (f"{namespace}:any", *(_document(namespace, each) for each in identifiers))


def everything_in(name: str) -> str:
    """Return the name of the token that makes void whatever a token does, and all else of its collection."""
    collection, _, kind = name.rpartition(":")
    if kind not in {"all", "any"}:
        collection = collection.removesuffix(":id")
    return f"{collection}:all"


def key_of(operation: Operation, tokens: Sequence[str]) -> str:
    """Return the key of an answer: nothing of it can be read back."""
    digest = blake2b(digest_size=20)
    for token in tokens:
        digest.update(token.encode())
    asked = {name: value for name, value in operation.arguments.items() if name != "comment"}
    digest.update(encode({"kind": operation.kind.value, **asked}))
    return f"{operation.namespace}:{digest.hexdigest()}"


def _document(namespace: str, identifier: Any) -> str:
    key = blake2b(document_key(identifier), digest_size=16).hexdigest()
    return f"{namespace}:id:{key}"


def _is_key(value: Any) -> bool:
    return value is not None and not isinstance(value, dict | list)


def _written(operation: Operation) -> list[Any] | None:
    """Return the `_id`s that a write names, None where it may touch others."""
    arguments = operation.arguments
    match operation.kind:
        case Kind.INSERT:
            found = [each.get("_id") for each in arguments["documents"]]
        case Kind.UPDATE:
            found = [each["q"].get("_id") for each in arguments["updates"]]
        case Kind.DELETE:
            found = [each["q"].get("_id") for each in arguments["deletes"]]
        case _:
            found = [(arguments.get("query") or {}).get("_id")]
    return found if all(map(_is_key, found)) else None


def _renamed(operation: Operation) -> Sequence[str]:
    target = operation.arguments.get("to")
    return (f"{target}:all",) if isinstance(target, str) else ()
