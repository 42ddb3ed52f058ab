"""A reply is a message that any reader of the protocol takes apart again."""

import bson
import pytest

from proxy.message import reply_body
from proxy.wire.protocol.framing import OP_MSG, OP_QUERY, REPLY_OPCODES, Frame, Framer
from proxy.wire.protocol.reply import reply_to

DOCUMENT = bson.encode({"ok": 1.0, "nested": {"a": [1, "two"]}})


@pytest.mark.parametrize("opcode", [OP_MSG, OP_QUERY])
def test_a_reply_is_one_whole_message_with_its_document(opcode: int) -> None:
    request = Frame(raw=b"", request_id=41, response_to=0, opcode=opcode)
    framer = Framer(peer="server", opcodes=REPLY_OPCODES)

    framer.receive(reply_to(request, DOCUMENT, request_id=7))

    frame = framer.next_frame()
    assert frame is not None
    assert (frame.request_id, frame.response_to) == (7, 41)
    assert framer.buffered == 0
    assert reply_body(frame.raw) == DOCUMENT
