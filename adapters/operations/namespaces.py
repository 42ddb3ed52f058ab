"""The names that MongoDB lets collections have."""

from typing import Final

from adapters.query.failures import CommandFailure

LONGEST_NAMESPACE: Final = 255
INVALID_NAMESPACE: Final = 73
SYSTEM_COLLECTIONS: Final = frozenset({"system.js", "system.views", "system.profile"})


def check_namespace(database: str, collection: str) -> None:
    """Raise CommandFailure for the name of a new collection that MongoDB refuses."""
    wrong = not collection or collection.startswith(".") or {"$", "\0"} & set(collection)
    internal = collection.startswith("system.") and collection not in SYSTEM_COLLECTIONS
    if wrong or internal or len(f"{database}.{collection}".encode()) > LONGEST_NAMESPACE:
        raise CommandFailure(INVALID_NAMESPACE, f"Invalid collection name: {collection}")
