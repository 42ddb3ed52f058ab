"""Write replies as messages of the MongoDB wire protocol.

Source: MongoDB manual, "Wire Protocol", sections "OP_MSG" and "OP_REPLY".
"""

from struct import Struct
from typing import Final

from proxy.wire.protocol.framing import HEADER_BYTES, OP_MSG, OP_QUERY, OP_REPLY, Frame

_OP_MSG: Final = Struct("<iiiiIB")
"""Header, flags and the kind of the one section."""
_OP_REPLY: Final = Struct("<iiiiiqii")
"""Header, flags, cursor, first document and number of documents."""


def reply_to(frame: Frame, document: bytes, *, request_id: int) -> bytes:
    """Return the message that answers a request with one document, in the manner in which it was asked."""
    if frame.opcode == OP_QUERY:
        size = _OP_REPLY.size + len(document)
        return _OP_REPLY.pack(size, request_id, frame.request_id, OP_REPLY, 0, 0, 0, 1) + document
    size = HEADER_BYTES + 5 + len(document)
    return _OP_MSG.pack(size, request_id, frame.request_id, OP_MSG, 0, 0) + document
