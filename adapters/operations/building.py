"""A new index over documents that are there already: what it refuses, and the entries of a unique one."""

from typing import Any

from adapters.operations.duplicates import duplicate_entry
from adapters.operations.indexes import Entry, Index
from adapters.operations.session import Session
from adapters.query.filter import EVERYTHING


async def build(session: Session, index: Index) -> None:
    """Take the entries of all documents; CommandFailure for a document that the index refuses.

    It runs inside a transaction. The collection takes no other writes meanwhile. Of several duplicates the least key is named, as
    MongoDB does, which builds an index in the order of its keys.
    """
    await session.lock()
    holders: dict[bytes, Any] = {}
    duplicates: dict[bytes, Entry] = {}
    storage = session.storage
    read = storage.find(storage.selection_of(EVERYTHING, {}), sort={})
    async for found in session.every(read):
        for key, entry in index.entries_of(found.document).items():
            if key in holders:
                duplicates[key] = entry
            holders[key] = storage.key_of(found.document["_id"])
    if duplicates:
        raise duplicate_entry(session.operation.namespace, duplicates[min(duplicates)])
    await session.enter(index, holders)
