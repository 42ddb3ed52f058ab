"""What MongoDB answered, as an Outcome's result."""

from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any, Final, NamedTuple

from comparators.canonical import decode
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
from proxy.shadow.exchange import Batch
from proxy.wire.protocol.elements import ARRAY, DOCUMENT, INT32, Element, elements

TIMESTAMP: Final = 0x11
_UINT64: Final = Struct("<Q")
_INT64: Final = Struct("<q")


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
    fields = {element.name: element for element in elements(body)}
    clock = _clock(fields, body)
    if not _is_ok(fields, body):
        return Reply(_failure(decode(body)), clock, None)
    cursor = fields.get(b"cursor")
    if cursor is not None and cursor.type == DOCUMENT:
        batch = _batch(cursor, body)
        return Reply(Documents(documents=batch.documents), clock, batch)
    retried = b"retriedStmtIds" in fields or b"retriedStmtId" in fields
    return Reply(_READERS.get(kind, _done)(fields, body), clock, None, retried)


def _is_ok(fields: Mapping[bytes, Element], body: bytes) -> bool:
    element = fields.get(b"ok")
    return element is not None and any(body[element.value_at : element.end])


def _batch(cursor: Element, body: bytes) -> Batch:
    identifier = 0
    documents: tuple[bytes, ...] = ()
    for element in elements(body, cursor.value_at):
        if element.name == b"id":
            identifier = _integer(body, element)
        elif element.name in {b"firstBatch", b"nextBatch"} and element.type == ARRAY:
            documents = _documents(body, element)
    return Batch(cursor=identifier, documents=documents)


def _failure(reply: Mapping[str, Any]) -> Failure:
    return Failure(
        code=int(reply.get("code", 0)),
        code_name=str(reply.get("codeName", "")),
        key_pattern=reply.get("keyPattern"),
        key_value=reply.get("keyValue"),
    )


def _acknowledgement(_: Mapping[bytes, Element], body: bytes) -> Result:
    reply = decode(body)
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
            )
            for item in reply.get("writeErrors", ())
        ),
    )


def _modified(fields: Mapping[bytes, Element], body: bytes) -> Result:
    value = fields.get(b"value")
    document = None
    if value is not None and value.type == DOCUMENT:
        document = body[value.value_at : value.end]
    last = fields.get(b"lastErrorObject")
    effect = decode(body[last.value_at : last.end]) if last is not None else {}
    return Modified(
        document=document,
        n=int(effect.get("n", 0)),
        updated_existing=effect.get("updatedExisting"),
        upserted_id=effect.get("upserted"),
    )


def _count(fields: Mapping[bytes, Element], body: bytes) -> Result:
    element = fields.get(b"n")
    return Count(n=_integer(body, element) if element is not None else 0)


def _values(_: Mapping[bytes, Element], body: bytes) -> Result:
    return Values(values=tuple(decode(body).get("values", ())))


def _done(_: Mapping[bytes, Element], __: bytes) -> Result:
    return Done()


_READERS: Final[Mapping[Kind, Callable[[Mapping[bytes, Element], bytes], Result]]] = {
    Kind.INSERT: _acknowledgement,
    Kind.UPDATE: _acknowledgement,
    Kind.DELETE: _acknowledgement,
    Kind.FIND_AND_MODIFY: _modified,
    Kind.COUNT: _count,
    Kind.DISTINCT: _values,
}


def _clock(fields: Mapping[bytes, Element], body: bytes) -> int | None:
    """Return `operationTime` as one number that orders as cluster time does."""
    element = fields.get(b"operationTime")
    if element is None or element.type != TIMESTAMP:
        return None
    return int(_UINT64.unpack_from(body, element.value_at)[0])


def _documents(body: bytes, array: Element) -> tuple[bytes, ...]:
    """Return the documents of an array as raw BSON: equal ones need never be decoded."""
    return tuple(body[item.value_at : item.end] for item in elements(body, array.value_at))


def _integer(body: bytes, element: Element) -> int:
    reader = INT32 if element.end - element.value_at == INT32.size else _INT64
    return int(reader.unpack_from(body, element.value_at)[0])
