"""Wire messages made by hand, for peers and tests."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import bson

HEADER = struct.Struct("<iiii")


def message(opcode: int, body: bytes, *, request_id: int = 1, response_to: int = 0) -> bytes:
    """Return a whole message."""
    return HEADER.pack(16 + len(body), request_id, response_to, opcode) + body


def op_msg(
    document: Mapping[str, Any],
    *,
    sequences: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    sequences_first: bool = False,
    flags: int = 0,
    request_id: int = 1,
    response_to: int = 0,
) -> bytes:
    """Return an OP_MSG; with the checksum flag, a checksum follows that nobody checks."""
    body = b"\x00" + bson.encode(document)
    rest = b""
    for name, documents in (sequences or {}).items():
        content = name.encode() + b"\x00" + b"".join(map(bson.encode, documents))
        rest += b"\x01" + struct.pack("<i", 4 + len(content)) + content
    sections = rest + body if sequences_first else body + rest
    checksum = b"\xde\xad\xbe\xef" if flags & 1 else b""
    return message(
        2013,
        struct.pack("<I", flags) + sections + checksum,
        request_id=request_id,
        response_to=response_to,
    )


def op_query(
    collection: str, document: Mapping[str, Any], *, request_id: int = 1, flags: int = 0
) -> bytes:
    """Return an OP_QUERY, as old drivers say hello."""
    body = struct.pack("<i", flags) + collection.encode() + b"\x00" + struct.pack("<ii", 0, -1)
    return message(2004, body + bson.encode(document), request_id=request_id)


def op_reply(document: Mapping[str, Any], *, response_to: int = 1) -> bytes:
    """Return an OP_REPLY with one document."""
    body = struct.pack("<iqii", 8, 0, 0, 1) + bson.encode(document)
    return message(1, body, request_id=99, response_to=response_to)


def document_of(raw: bytes) -> dict[str, Any]:
    """Return the document of an OP_MSG or OP_REPLY made of one."""
    at = 36 if HEADER.unpack_from(raw)[3] == 1 else 21
    return bson.decode(raw[at : at + struct.unpack_from("<i", raw, at)[0]])
