"""Take a captured wire message apart: its command document, with document sequences put back.

Source: MongoDB manual, "Wire Protocol", section "OP_MSG".
"""

import struct
from typing import Any, Final

import bson

from comparators.canonical import CODEC
from comparators.errors import CorruptionError

_HEADER = struct.Struct("<iiii")
_UINT32 = struct.Struct("<I")
_INT32 = struct.Struct("<i")

OP_REPLY: Final = 1
OP_QUERY: Final = 2004
OP_MSG: Final = 2013
_CHECKSUM_PRESENT: Final = 1


def command_of(message: bytes) -> dict[str, Any]:
    """Return the command of a request as one document; raises CorruptionError if it holds none."""
    opcode = _opcode(message)
    try:
        if opcode == OP_MSG:
            return _assembled(message)
        if opcode == OP_QUERY:
            return _legacy_command(message)
    except (bson.errors.InvalidBSON, struct.error, ValueError) as error:
        raise _unreadable(str(error)) from error
    raise _unreadable(f"opcode {opcode} carries no command")


def reply_body(message: bytes) -> bytes:
    """Return the document of a reply as raw BSON; raises CorruptionError if it holds none."""
    opcode = _opcode(message)
    if opcode == OP_MSG and len(message) > 26 and message[20] == 0:
        return _document_at(message, 21)
    if opcode == OP_REPLY and len(message) > 41:
        return _document_at(message, 36)
    raise _unreadable(f"opcode {opcode} is no reply with a document")


def _opcode(message: bytes) -> int:
    if len(message) < 21:
        raise _unreadable(f"a message of {len(message)} bytes")
    return int(_HEADER.unpack_from(message)[3])


def _assembled(message: bytes) -> dict[str, Any]:
    (flags,) = _UINT32.unpack_from(message, 16)
    end = len(message) - (4 if flags & _CHECKSUM_PRESENT else 0)
    position = 20
    body: dict[str, Any] | None = None
    sequences: dict[str, list[dict[str, Any]]] = {}
    while position < end:
        kind = message[position]
        position += 1
        (size,) = _INT32.unpack_from(message, position)
        section_end = position + size
        if size < 5 or section_end > end:
            raise _unreadable("a section is longer than its message")
        if kind == 0:
            body = bson.decode(message[position:section_end], CODEC)
        elif kind == 1:
            name_end = message.index(0, position + 4, section_end)
            name = message[position + 4 : name_end].decode()
            documents = bson.decode_all(message[name_end + 1 : section_end], CODEC)
            sequences.setdefault(name, []).extend(documents)
        else:
            raise _unreadable(f"a section of the unknown kind {kind}")
        position = section_end
    if body is None:
        raise _unreadable("no section of kind 0")
    body.update(sequences)
    return body


def _legacy_command(message: bytes) -> dict[str, Any]:
    name_end = message.index(0, 20)
    namespace = message[20:name_end].decode()
    command = bson.decode(_document_at(message, name_end + 9), CODEC)
    command.setdefault("$db", namespace.partition(".")[0])
    return command


def _document_at(message: bytes, start: int) -> bytes:
    (size,) = _INT32.unpack_from(message, start)
    if size < 5 or start + size > len(message):
        raise _unreadable("a document is longer than its message")
    return message[start : start + size]


def _unreadable(reason: str) -> CorruptionError:
    return CorruptionError(
        f"a captured message cannot be read: {reason}",
        where="capture log",
        remedy="nothing to do: the exchange is counted as not verified",
    )
