import pytest
from bson.int64 import Int64

from proxy.wire.protocol.cursor_ids import is_foreign, marked
from proxy.wire.protocol.framing import REQUEST_OPCODES, Framer
from proxy.wire.protocol.message import request_of
from tests.peers.messages import op_msg

OWN = Int64(marked(123_456_789_012))
MONGODBS = Int64(8_123_456_789_012_345_678)


@pytest.mark.parametrize(
    ("command", "foreign"),
    [
        ({"getMore": MONGODBS, "collection": "c"}, True),
        ({"getMore": OWN, "collection": "c"}, False),
        ({"killCursors": "c", "cursors": [MONGODBS]}, True),
        ({"killCursors": "c", "cursors": [MONGODBS, OWN]}, False),
        ({"killCursors": "c", "cursors": []}, False),
        ({"find": "c", "filter": {"getMore": MONGODBS}}, False),
    ],
)
def test_a_cursor_is_asked_for_where_it_was_opened(
    command: dict[str, object], foreign: bool
) -> None:
    framer = Framer(peer="client", opcodes=REQUEST_OPCODES)
    framer.receive(op_msg({**command, "$db": "app"}))
    frame = framer.next_frame()
    assert frame is not None

    assert is_foreign(frame, request_of(frame)) is foreign


@pytest.mark.parametrize("number", [0, 1, (1 << 62) - 1])
def test_the_number_of_an_own_cursor_is_never_that_of_none(number: int) -> None:
    assert 0 < marked(number) < 1 << 63
