"""A new index over documents that are there already: what it refuses, and the entries of a unique one."""

from typing import Any, Final

from adapters.postgresql import statements
from adapters.postgresql.duplicates import duplicate_entry
from adapters.postgresql.indexes import Entry, Index
from adapters.postgresql.session import Session

AT_ONCE: Final = 1000


async def build(session: Session, index: Index) -> None:
    """Take the entries of all documents; CommandFailure for a document that the index refuses.

    It runs inside a transaction. The collection takes no other writes meanwhile. Of several duplicates the least key is named, as
    MongoDB does, which builds an index in the order of its keys.
    """
    lock = statements.lock(session.tables)
    await session.connection.execute(lock)
    holders: dict[bytes, Any] = {}
    duplicates: dict[bytes, Entry] = {}
    every = statements.every(session.tables)
    async for row in session.connection.cursor(every, prefetch=AT_ONCE):
        await session.learn(session.storage, [row])
        document = session.storage.found(row).document
        for key, entry in index.entries_of(document).items():
            if key in holders:
                duplicates[key] = entry
            holders[key] = session.storage.key_of(document["_id"])
    if duplicates:
        raise duplicate_entry(session.operation.namespace, duplicates[min(duplicates)])
    entries = session.tables.entries
    await session.connection.copy_records_to_table(
        entries.name,
        schema_name=entries.schema,
        columns=["index_name", "key", "id"],
        records=[(index.name, key, holder) for key, holder in holders.items()],
    )
