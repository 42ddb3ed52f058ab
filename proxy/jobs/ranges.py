"""Collections cut into ranges of `_id`, in MongoDB's order of values, and the documents in such a range.

Ranges are asked for with `min` and `max` on the index of `_id`: comparisons in a filter see values of one type only, these see
all of them. Where a collection has a collation, its index has another order than our keys, and it is one
range as a whole.
Source: MongoDB manual, "cursor.min()", "$sample".
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from bson.codec_options import CodecOptions
from bson.max_key import MaxKey
from bson.raw_bson import RawBSONDocument
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.cursor import AsyncCursor
from pymongo.errors import OperationFailure, PyMongoError

from adapters.sql.keys import LONGEST_EXACT, key_of
from comparators.canonical import decode
from comparators.errors import UnreachableError

Collection: TypeAlias = AsyncCollection[Any]
C = TypeVar("C", bound=AsyncCursor[Any])

SAMPLES_PER_RANGE: Final = 20
"""With so many, hardly a range has twice as many documents as wanted."""

_GREATEST: Final = {"_id": MaxKey()}
TIMEOUT_MS: Final = 5_000
_RAW: Final = CodecOptions(document_class=RawBSONDocument)


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """The documents from one `_id` up to another one, which is not in it.

    Bounds are documents with the field `_id` as raw BSON; None has no bound on that side.
    """

    lower: bytes | None = None
    upper: bytes | None = None


async def ranges_of(collection: Collection, *, documents: int) -> list[Range]:
    """Return ranges of about so many documents each that make up a collection.

    Any `_id` lies in exactly one of them, whether or not it is there now. A collection with a collation is one range.
    """
    options = await collection.options()
    size = await collection.estimated_document_count()
    wanted = -(-size // documents)
    if wanted <= 1 or options.get("collation"):
        return [Range()]
    bounds = await _bounds(collection, wanted)
    return [
        Range(lower=lower, upper=upper)
        for lower, upper in zip([None, *bounds], [*bounds, None], strict=True)
    ]


async def split(collection: Collection, whole: Range, *, parts: int) -> list[Range]:
    """Return ranges that make up a range, by a walk over the index: for ranges that are small already."""
    found = [each async for each in _ids(collection, whole)]
    step = max(1, -(-len(found) // parts))
    bounds = [each for each in found[step::step] if _is_usable(each)]
    lower = [whole.lower, *bounds]
    upper = [*bounds, whole.upper]
    return [Range(lower=a, upper=b) for a, b in zip(lower, upper, strict=True)]


async def raw_batches(
    collection: Collection, within: Range, *, batch_size: int = 0
) -> AsyncIterator[bytes]:
    """Yield the documents of a range in the order of their `_id`s, many in a row, as raw BSON."""
    cursors = [_bounded(collection.find_raw_batches(batch_size=batch_size), within)]
    if _lacks_greatest(within):
        cursors.append(collection.find_raw_batches(_GREATEST))
    for cursor in cursors:
        async with cursor:
            async for batch in cursor:
                yield batch


def documents_in(batch: bytes) -> Iterator[bytes]:
    """Yield the documents that stand one behind the other in a batch."""
    at, end = 0, len(batch)
    while at < end:
        size = int.from_bytes(batch[at : at + 4], "little")
        yield batch[at : at + size]
        at += size


@asynccontextmanager
async def collection_of(uri: str, namespace: str, *, application: str) -> AsyncIterator[Collection]:
    """Give a collection of MongoDB, over a connection of its own; UnreachableError when it is away."""
    database, _, name = namespace.partition(".")
    client: AsyncMongoClient[Any] = AsyncMongoClient(
        uri,
        serverSelectionTimeoutMS=TIMEOUT_MS,
        serverMonitoringMode="poll",
        appname=application,
    )
    try:
        async with client:
            yield client[database].get_collection(name, codec_options=_RAW)
    except OperationFailure as error:
        raise _unreachable(f"MongoDB refuses to be read with code {error.code}") from error
    except PyMongoError as error:
        raise _unreachable(f"MongoDB does not answer ({type(error).__name__})") from error


def _unreachable(what: str) -> UnreachableError:
    return UnreachableError(
        what,
        where="legacy.uri",
        remedy="check that the legacy URI reaches the primary, and may read every collection",
    )


async def _bounds(collection: Collection, wanted: int) -> list[bytes]:
    size = wanted * SAMPLES_PER_RANGE
    stages = [{"$sample": {"size": size}}, {"$project": {"_id": 1}}, {"$sort": {"_id": 1}}]
    cursor = await collection.aggregate(stages, allowDiskUse=True)
    async with cursor:
        sample = [bytes(each.raw) async for each in cursor]
    # The server may draw one document twice.
    distinct = list(dict.fromkeys(each for each in sample if _is_usable(each)))
    step = max(1, len(distinct) // wanted)
    return distinct[step::step]


async def _ids(collection: Collection, within: Range) -> AsyncIterator[bytes]:
    cursors = [_bounded(collection.find({}, {"_id": 1}), within)]
    if _lacks_greatest(within):
        cursors.append(collection.find(_GREATEST, {"_id": 1}))
    for cursor in cursors:
        async with cursor:
            async for each in cursor:
                yield bytes(each.raw)


def _lacks_greatest(within: Range) -> bool:
    """Return whether the server leaves out an `_id` that is in the range: beside a `min` it stops before MaxKey."""
    return within.lower is not None and within.upper is None


def _bounded(cursor: C, within: Range) -> C:
    cursor = cursor.hint([("_id", 1)])
    if within.lower is not None:
        cursor = cursor.min([("_id", decode(within.lower)["_id"])])
    if within.upper is not None:
        cursor = cursor.max([("_id", decode(within.upper)["_id"])])
    return cursor


def _is_usable(bound: bytes) -> bool:
    """Return whether keys on both sides of an `_id` are in the order of the documents, and can be told apart by SQL."""
    identifier = decode(bound)["_id"]
    if isinstance(identifier, MaxKey):
        return False
    if isinstance(identifier, str) and ("\0" in identifier or identifier < "\x02"):
        return False
    return len(key_of(identifier)) <= LONGEST_EXACT
