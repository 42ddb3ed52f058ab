"""Documents as stored, read and written as they are: how divergence is found and mended."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.operations.documents import Change, entries_of
from adapters.postgresql import statements
from adapters.postgresql.session import PostgresSession
from adapters.query.failures import CommandFailure
from comparators.canonical import decode, document_key


async def images(session: PostgresSession, ids: Sequence[Any]) -> Mapping[bytes, bytes]:
    """Return the stored documents by `canonical.document_key` of their `_id`."""
    storage = session.storage
    keys = tuple(storage.key_of(identifier) for identifier in ids)
    fetched = await session.fetch(storage, storage.find(storage.selection_by_keys(keys), sort={}))
    return {document_key(each.document["_id"]): each.raw for each in fetched.found}


async def put_images(
    session: PostgresSession, given: Mapping[bytes, tuple[Any, bytes | None]]
) -> None:
    """Make the stored documents equal to the images, inside a transaction."""
    await session.ensure()
    tables, run, key_of = session.tables, session.connection, session.storage.key_of
    keys = [key_of(identifier) for identifier, _image in given.values()]
    freed = statements.free_entries(tables)
    if session.unique:
        await run.execute(freed.text, *freed.arguments({"ids": keys}))
    gone = [key_of(identifier) for identifier, image in given.values() if image is None]
    if gone:
        deleted = statements.delete_documents(tables, has_entries=False, marked=False)
        await run.execute(deleted.text, *deleted.arguments({"ids": gone}))
    changes = [
        _image_of(session, identifier, image)
        for identifier, image in given.values()
        if image is not None
    ]
    if changes:
        await session.write(lambda tables, _shape: statements.put_documents(tables), changes)
        if any(change.taken for change in changes):
            seized = statements.seize_entries(tables)
            await run.execute(seized.text, *seized.arguments(_distinct(changes)))


def _image_of(session: PostgresSession, identifier: Any, image: bytes) -> Change:
    document = decode(image)
    try:
        entries = tuple(entries_of(document, session.unique).values())
    except CommandFailure:
        # The legacy server holds it, whatever our indexes make of it.
        entries = ()
    return Change(
        identifier=identifier,
        key=session.storage.key_of(identifier),
        bson=image,
        contents=session.storage.contents_of(document, image),
        taken=entries,
    )


def _distinct(changes: Sequence[Change]) -> dict[str, Any]:
    """Return the entries to take; of two documents that claim one entry the last has it."""
    holders = {
        (entry.index.name, entry.key): change.key for change in changes for entry in change.taken
    }
    return {
        "taken_names": [name for name, _key in holders],
        "taken_keys": [key for _name, key in holders],
        "taken_ids": list(holders.values()),
    }
