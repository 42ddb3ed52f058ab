"""One command, one connection: what setting up a server needs, without a driver's pools and monitors.

Nobody logs in here: a server on loopback lets `hello` pass, and its first user be made, without a login.
"""

import asyncio
import ssl
import struct
from typing import Any

import bson

HEADER = struct.Struct("<iiii")
OP_MSG = 2013
OP_MSG_PREFIX_BYTES = 5
"""Flags and the kind of the first section stand before the document."""


async def ask(
    port: int, command: dict[str, Any], *, trust: ssl.SSLContext | None, within_s: float = 5
) -> dict[str, Any]:
    """Return the reply to a command, on `admin` unless it names a `$db`; OSError if there is none. A refusal has `ok` 0."""
    document = bson.encode({**command, "$db": command.get("$db", "admin")})
    body = struct.pack("<IB", 0, 0) + document
    async with asyncio.timeout(within_s):
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trust)
        try:
            writer.write(HEADER.pack(HEADER.size + len(body), 1, 0, OP_MSG) + body)
            (length, *_) = HEADER.unpack(await reader.readexactly(HEADER.size))
            reply = await reader.readexactly(length - HEADER.size)
        except asyncio.IncompleteReadError as cut:
            raise ConnectionResetError(*cut.args) from cut
        finally:
            writer.close()
    return bson.decode(reply[OP_MSG_PREFIX_BYTES:])
