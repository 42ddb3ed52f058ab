"""Rewrite the reply to `hello`, so that the proxy is all a driver sees.

Everything a driver could use to go round the proxy is replaced by the proxy's own address; compression, which
would hide the messages, and `topologyVersion`, which would make drivers stream, are left out. All other fields keep their
bytes: `setName` (an application's `replicaSet=` still works), `speculativeAuthenticate`, session and
size limits, election ids.
Source: MongoDB specifications, "Server Discovery and Monitoring", section "hello".
"""

from struct import Struct
from typing import Final

import bson

from comparators.errors import WireError
from comparators.raw import (
    BOOLEAN,
    DOCUMENT,
    STRING,
    Element,
    document_end,
    elements,
)
from proxy.wire.protocol.framing import HEADER_BYTES, OP_MSG, Frame
from proxy.wire.protocol.message import (
    CHECKSUM_BYTES,
    CHECKSUM_PRESENT,
    FLAGS_AT,
    REPLY_DOCUMENT_AT,
    body_at,
)

_LEFT_OUT: Final = frozenset({b"compression", b"topologyVersion", b"passives", b"arbiters"})
_CLIENT: Final = b"\x03client\x00"
_DRIVER: Final = (b"name", b"version")
_INT32: Final = Struct("<i")
_UINT32: Final = Struct("<I")


def rewritten_hello(frame: Frame, *, advertised: str) -> bytes:
    """Return the reply with `advertised` (`host:port`) as the only member; WireError if it is no reply."""
    raw = frame.raw
    try:
        start = body_at(raw) if frame.opcode == OP_MSG else REPLY_DOCUMENT_AT
        end = document_end(raw, start)
        document = _rewritten(raw, start, advertised)
    except (ValueError, IndexError) as error:
        raise WireError(
            f"a reply to hello cannot be read: {error}",
            where="mongod",
            remedy="check that the legacy URI names a MongoDB server",
        ) from error
    head, tail = raw[HEADER_BYTES:start], raw[end:]
    if frame.opcode == OP_MSG:
        (flags,) = _UINT32.unpack_from(raw, FLAGS_AT)
        if flags & CHECKSUM_PRESENT:
            # The checksum covered the old bytes. It is optional: leave it out.
            head = _UINT32.pack(flags & ~CHECKSUM_PRESENT) + head[4:]
            tail = tail[:-CHECKSUM_BYTES]
    length = HEADER_BYTES + len(head) + len(document) + len(tail)
    return b"".join((_INT32.pack(length), raw[4:HEADER_BYTES], head, document, tail))


def application_of(frame: Frame) -> str:
    """Return what a driver calls its application in `hello`; empty where it does not say."""
    return _client_of(frame).get((b"application", b"name"), "")


def client_of(frame: Frame) -> str:
    """Return what a driver calls its application in `hello`, and itself behind that; empty where it says neither.

    Source: MongoDB specifications, "MongoDB Handshake", section "hello command".
    """
    client = _client_of(frame)
    driver = " ".join(filter(None, (client.get((b"driver", each)) for each in _DRIVER)))
    application = client.get((b"application", b"name"), "")
    return f"{application} ({driver})" if application and driver else application or driver


def _client_of(frame: Frame) -> dict[tuple[bytes, bytes], str]:
    """Return the texts in the documents of `client`, by both names."""
    raw = frame.raw
    at = raw.find(_CLIENT)
    found: dict[tuple[bytes, bytes], str] = {}
    if at < 0:
        return found
    try:
        for part in elements(raw, at + len(_CLIENT)):
            if part.type == DOCUMENT:
                for field in elements(raw, part.value_at):
                    if field.type == STRING:
                        text = raw[field.value_at + 4 : field.end - 1].decode("utf-8", "replace")
                        found[part.name, field.name] = text
    except (ValueError, IndexError):
        # MongoDB will say what it thinks of it.
        return found
    return found


def _rewritten(raw: bytes, start: int, advertised: str) -> bytes:
    fields = list(elements(raw, start))
    leads = any(_is_true(raw, field) for field in fields)
    kept = [_field(raw, field, advertised, leads=leads) for field in fields]
    body = b"".join(kept)
    return _INT32.pack(len(body) + 5) + body + b"\x00"


def _field(raw: bytes, field: Element, advertised: str, *, leads: bool) -> bytes:
    name = field.name
    if name in _LEFT_OUT:
        return b""
    if name == b"hosts":
        return _encoded({"hosts": [advertised]})
    if name == b"me":
        return _encoded({"me": advertised})
    if name == b"primary":
        # A secondary, asked through the proxy, knows of no primary but itself: naming it would be a lie.
        return _encoded({"primary": advertised}) if leads else b""
    return raw[field.start : field.end]


def _is_true(raw: bytes, field: Element) -> bool:
    return (
        field.name in {b"isWritablePrimary", b"ismaster"}
        and field.type == BOOLEAN
        and raw[field.value_at] == 1
    )


def _encoded(document: dict[str, object]) -> bytes:
    """Return the fields of a document without its length and end."""
    return bson.encode(document)[4:-1]
