"""Messages between relay and verifier come in any pieces, and the two replies to a write become one."""

import bson
import pytest
from bson import Timestamp

from comparators.errors import WireError
from proxy.wire.protocol.awaiting import (
    GROWN,
    Early,
    Messages,
    Told,
    asked_in,
    asking,
    early_in,
    joined,
    telling,
    telling_early,
    told_in,
)
from proxy.wire.protocol.framing import Frame
from tests.peers.messages import document_of, op_msg, op_reply

SEVERAL = asking(1 << 40) + GROWN + telling_early(Early("app.users", "late", 3)) + asking(7)


@pytest.mark.parametrize("size", [1, 3, 17, len(SEVERAL)])
def test_messages_come_in_any_pieces(size: int) -> None:
    messages, found = Messages(), []
    for at in range(0, len(SEVERAL), size):
        messages.receive(SEVERAL[at : at + size])
        while (message := messages.next_message()) is not None:
            found.append((asked_in(message), early_in(message)))

    assert found == [
        (1 << 40, None),
        (None, None),
        (None, Early("app.users", "late", 3)),
        (7, None),
    ]


@pytest.mark.parametrize("told", [Told(9), Told(1 << 61, bson.encode({"n": 1, "ok": 1.0}))])
def test_what_is_told_arrives(told: Told) -> None:
    messages = Messages()
    messages.receive(telling(told))
    message = messages.next_message()

    assert message is not None
    assert told_in(message) == told


@pytest.mark.parametrize(
    "wrong", [b"\x04\x00\x00\x00", b"\xff\xff\xff\x7f", b"\x06\x00\x00\x00\x00\x09"]
)
def test_what_is_no_message_is_refused(wrong: bytes) -> None:
    messages = Messages()
    messages.receive(wrong)

    with pytest.raises(WireError):
        messages.next_message()


def test_the_outcome_is_the_gateways_and_everything_else_mongodbs() -> None:
    clock = {"$clusterTime": {"clusterTime": Timestamp(5, 1)}, "operationTime": Timestamp(5, 1)}
    legacys = {"n": 2, "electionId": 8, "upserted": [1], "nModified": 0, "ok": 1.0, **clock}
    raw = op_msg({**legacys, "writeConcernError": {"code": 64}}, request_id=77, response_to=5)

    one = joined(Frame(raw, 77, 5, 2013), bson.encode({"n": 1, "nModified": 1, "ok": 1.0}))

    assert one is not None
    assert one[4:16] == raw[4:16], "it answers the same request"
    assert int.from_bytes(one[:4], "little") == len(one)
    assert document_of(one) == {
        "n": 1,
        "nModified": 1,
        "ok": 1.0,
        "electionId": 8,
        **clock,
        "writeConcernError": {"code": 64},
    }


def test_into_an_old_reply_nothing_can_be_put() -> None:
    raw = op_reply({"n": 1, "ok": 1.0})

    assert joined(Frame(raw, 99, 1, 1), bson.encode({"n": 1})) is None
