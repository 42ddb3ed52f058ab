"""Which documents a TTL index has let expire, and their deletion."""

from collections.abc import Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS

from adapters.operations.documents import Stored
from adapters.operations.picking import picked
from adapters.operations.residual import query_of
from adapters.operations.session import Session
from adapters.operations.ttl import is_expired


async def expired(session: Session, now_ms: int, *, locked: bool) -> Sequence[Stored]:
    """Return the documents that expired before `now_ms`."""
    place = (session.operation.database, session.operation.collection)
    collection = session.catalog.collection(*place)
    found: list[Stored] = []
    for index in () if collection is None else collection.indexes:
        expiry = index.expiry
        if expiry is None:
            continue
        latest = DatetimeMS(now_ms - expiry.after_s * 1000)
        query = query_of(session, {expiry.path: {"$lte": latest}})
        found += [
            each
            for each in await picked(session, query, first=False, locked=locked)
            if is_expired(each.document, expiry, now_ms=now_ms)
            and (index.admits is None or index.admits(each.document))
        ]
    return found


async def expire(session: Session, now_ms: int) -> list[Any]:
    """Delete what expired before `now_ms`, inside a transaction; return the `_id`s."""
    gone = await expired(session, now_ms, locked=True)
    if gone:
        await session.remove([each.key for each in gone])
    return [each.document["_id"] for each in gone]
