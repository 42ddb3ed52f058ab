"""What MongoDB answered, as an Outcome's result."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from struct import Struct
from typing import Any, Final, NamedTuple

import bson

from comparators.canonical import CODEC, decode
from comparators.operation import Kind
from comparators.outcome import (
    Acknowledgement,
    Count,
    Documents,
    Done,
    Failure,
    Modified,
    Result,
    Values,
    WriteError,
)
from comparators.raw import ARRAY, DOCUMENT, INT32, Place, documents, fields

TIMESTAMP: Final = 0x11
_REFUSALS: Final = CODEC.with_options(unicode_decode_error_handler="replace")
"""A message that quotes a text may be cut inside of a character."""
_UINT64: Final = Struct("<Q")
_INT64: Final = Struct("<q")


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The part of a cursor's result that one reply held; `cursor` is 0 after the last part."""

    cursor: int
    documents: tuple[bytes, ...]


class Reply(NamedTuple):
    """A reply, read as far as the comparison needs it."""

    result: Result
    clock: int | None
    batch: Batch | None
    retried: bool = False
    """True where MongoDB answered a retryable write from its first attempt."""


def read_reply(kind: Kind, body: bytes) -> Reply:
    """Return the result of a reply to an operation of that kind.

    Raises ValueError where the reply is not BSON.
    """
    places = fields(body)
    clock = _clock(places, body)
    if not _is_ok(places, body):
        return Reply(_failure(bson.decode(body, _REFUSALS)), clock, None)
    cursor = places.get(b"cursor")
    if cursor is not None and cursor[0] == DOCUMENT:
        batch = _batch(cursor, body)
        return Reply(Documents(documents=batch.documents), clock, batch)
    retried = b"retriedStmtIds" in places or b"retriedStmtId" in places
    return Reply(_READERS.get(kind, _done)(places, body), clock, None, retried)


def _is_ok(places: Mapping[bytes, Place], body: bytes) -> bool:
    place = places.get(b"ok")
    return place is not None and any(_value(body, place))


def _batch(cursor: Place, body: bytes) -> Batch:
    places = fields(body, cursor[1])
    identifier = places.get(b"id")
    batch = places.get(b"firstBatch") or places.get(b"nextBatch")
    return Batch(
        cursor=0 if identifier is None else _integer(body, identifier),
        documents=documents(body, batch[1]) if batch is not None and batch[0] == ARRAY else (),
    )


def _failure(reply: Mapping[str, Any]) -> Failure:
    return Failure(
        code=int(reply.get("code", 0)),
        code_name=str(reply.get("codeName", "")),
        key_pattern=reply.get("keyPattern"),
        key_value=reply.get("keyValue"),
    )


def _acknowledgement(_: Mapping[bytes, Place], body: bytes) -> Result:
    reply = bson.decode(body, _REFUSALS)
    return Acknowledgement(
        n=int(reply.get("n", 0)),
        modified=int(reply["nModified"]) if "nModified" in reply else None,
        upserted=tuple((int(item["index"]), item["_id"]) for item in reply.get("upserted", ())),
        errors=tuple(
            WriteError(
                index=int(item["index"]),
                code=int(item["code"]),
                key_pattern=item.get("keyPattern"),
                key_value=item.get("keyValue"),
                message=str(item.get("errmsg", "")),
            )
            for item in reply.get("writeErrors", ())
        ),
    )


def _modified(places: Mapping[bytes, Place], body: bytes) -> Result:
    value = places.get(b"value")
    document = None
    if value is not None and value[0] == DOCUMENT:
        document = _value(body, value)
    last = places.get(b"lastErrorObject")
    effect = decode(_value(body, last)) if last is not None else {}
    return Modified(
        document=document,
        n=int(effect.get("n", 0)),
        updated_existing=effect.get("updatedExisting"),
        upserted_id=effect.get("upserted"),
    )


def _count(places: Mapping[bytes, Place], body: bytes) -> Result:
    place = places.get(b"n")
    return Count(n=_integer(body, place) if place is not None else 0)


def _values(_: Mapping[bytes, Place], body: bytes) -> Result:
    return Values(values=tuple(decode(body).get("values", ())))


def _done(_: Mapping[bytes, Place], __: bytes) -> Result:
    return Done()


_READERS: Final[Mapping[Kind, Callable[[Mapping[bytes, Place], bytes], Result]]] = {
    Kind.INSERT: _acknowledgement,
    Kind.UPDATE: _acknowledgement,
    Kind.DELETE: _acknowledgement,
    Kind.FIND_AND_MODIFY: _modified,
    Kind.COUNT: _count,
    Kind.DISTINCT: _values,
}


def _clock(places: Mapping[bytes, Place], body: bytes) -> int | None:
    """Return `operationTime` as one number that orders as cluster time does."""
    place = places.get(b"operationTime")
    if place is None or place[0] != TIMESTAMP:
        return None
    return int(_UINT64.unpack_from(body, place[1])[0])


def _integer(body: bytes, place: Place) -> int:
    _, start, end = place
    reader = INT32 if end - start == INT32.size else _INT64
    return int(reader.unpack_from(body, start)[0])


def _value(body: bytes, place: Place) -> bytes:
    _, start, end = place
    return body[start:end]
