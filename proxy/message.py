"""Take a captured wire message apart: its command document, with document sequences put back.

What is not a message of MongoDB's wire protocol raises ValueError (or struct.error): the relay has framed
these bytes before, so it means that a captured message is damaged.
Source: MongoDB manual, "Wire Protocol", section "OP_MSG".
"""

from typing import Any, Final

import bson

from comparators.canonical import CODEC
from comparators.raw import INT32, document_end
from proxy.wire.protocol.framing import OP_MSG, OP_QUERY, OP_REPLY
from proxy.wire.protocol.message import (
    CHECKSUM_BYTES,
    CHECKSUM_PRESENT,
    FLAGS_AT,
    REPLY_DOCUMENT_AT,
    SECTIONS_AT,
    body_at,
)

_OPCODE_AT: Final = 12


def command_of(message: bytes) -> dict[str, Any]:
    """Return the command of a request as one document."""
    opcode = _opcode(message)
    if opcode == OP_MSG:
        return _assembled(message)
    if opcode == OP_QUERY:
        return _legacy_command(message)
    raise ValueError(f"opcode {opcode} carries no command")


def reply_body(message: bytes) -> bytes:
    """Return the document of a reply as raw BSON."""
    opcode = _opcode(message)
    if opcode == OP_MSG:
        return _document_at(message, body_at(message))
    if opcode == OP_REPLY:
        return _document_at(message, REPLY_DOCUMENT_AT)
    raise ValueError(f"opcode {opcode} is no reply")


def _opcode(message: bytes) -> int:
    if len(message) <= SECTIONS_AT:
        raise ValueError(f"a message of {len(message)} bytes")
    return int(INT32.unpack_from(message, _OPCODE_AT)[0])


def _assembled(message: bytes) -> dict[str, Any]:
    start = body_at(message)
    body = bson.decode(_document_at(message, start), CODEC)
    end = len(message) - (CHECKSUM_BYTES if message[FLAGS_AT] & CHECKSUM_PRESENT else 0)
    at = SECTIONS_AT
    while at < end:
        kind = message[at]
        (size,) = INT32.unpack_from(message, at + 1)
        if kind == 1:
            _put_back(body, message[at + 5 : at + 1 + size])
        at += 1 + size
    return body


def _put_back(body: dict[str, Any], sequence: bytes) -> None:
    """Make an array of a document sequence, as if the driver had sent it in the body."""
    name, _, documents = sequence.partition(b"\x00")
    body[name.decode()] = bson.decode_all(documents, CODEC)


def _legacy_command(message: bytes) -> dict[str, Any]:
    name_end = message.index(0, SECTIONS_AT)
    namespace = message[SECTIONS_AT:name_end].decode()
    query = bson.decode(_document_at(message, name_end + 9), CODEC)
    command: dict[str, Any] = query.get("$query", query)
    command.setdefault("$db", namespace.partition(".")[0])
    return command


def _document_at(message: bytes, start: int) -> bytes:
    return message[start : document_end(message, start)]
