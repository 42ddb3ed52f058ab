from typing import Any

import pytest
from bson import Int64

from proxy.wire.protocol.framing import REPLY_OPCODES, REQUEST_OPCODES, Frame, Framer
from proxy.wire.protocol.message import Treatment, request_of
from proxy.wire.protocol.reads import is_fit, killing, verdict_of
from tests.peers.messages import document_of, op_msg, op_query


def framed(raw: bytes, opcodes: frozenset[int] = REQUEST_OPCODES) -> Frame:
    framer = Framer(peer="peer", opcodes=opcodes)
    framer.receive(raw)
    frame = framer.next_frame()
    assert frame is not None
    return frame


def fits(command: dict[str, Any], **how: Any) -> bool:
    frame = framed(op_msg({**command, "$db": "app"}, **how))
    return is_fit(frame, request_of(frame))


@pytest.mark.parametrize(
    "command",
    [
        {"find": "users", "filter": {"a": 1}},
        {"aggregate": "users", "pipeline": [{"$match": {}}], "cursor": {}},
        {"count": "users", "query": {}},
        {"distinct": "users", "key": "a", "lsid": {"id": b"x"}},
    ],
)
def test_plain_reads_of_one_collection_fit(command: dict[str, Any]) -> None:
    assert fits(command)


@pytest.mark.parametrize(
    "command",
    [
        {"find": "users", "tailable": True},
        {"find": "users", "txnNumber": Int64(1), "autocommit": False},
        {"find": "users", "readConcern": {"level": "snapshot", "atClusterTime": 1}},
        {"aggregate": "users", "pipeline": [{"$lookup": {"from": "posts"}}], "cursor": {}},
        {"aggregate": "users", "pipeline": [{"$facet": {"a": [{"$unionWith": "b"}]}}]},
        {"aggregate": "users", "pipeline": [{"$graphLookup": {}}]},
        {"aggregate": "users", "pipeline": [{"$changeStream": {}}]},
        {"aggregate": 1, "pipeline": []},
        {"getMore": Int64(5), "collection": "users"},
        {"listIndexes": "users"},
        {"explain": {"find": "users"}},
    ],
)
def test_all_else_does_not(command: dict[str, Any]) -> None:
    assert not fits(command)


@pytest.mark.parametrize("flags", [1, 1 << 16])
def test_neither_does_what_asks_for_a_checksum_or_an_exhaust_cursor(flags: int) -> None:
    assert not fits({"find": "users"}, flags=flags)


def test_old_messages_do_not_fit() -> None:
    frame = framed(op_query("app.$cmd", {"find": "users"}))

    assert not is_fit(frame, request_of(frame))


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ({"ok": 1.0}, (True, 0)),
        ({"ok": 1}, (True, 0)),
        ({"ok": Int64(1)}, (True, 0)),
        ({"ok": True}, (True, 0)),
        ({"ok": 0.0, "code": 13}, (False, 0)),
        ({"n": 1}, (False, 0)),
        ({"cursor": {"firstBatch": [{"ok": 0.0}], "id": Int64(0)}, "ok": 1.0}, (True, 0)),
        ({"cursor": {"firstBatch": [], "id": Int64(-7), "ns": "a.b"}, "ok": 1.0}, (True, -7)),
    ],
)
def test_a_reply_says_whether_it_went_well_and_which_cursor_it_leaves(
    reply: dict[str, Any], verdict: tuple[bool, int]
) -> None:
    assert verdict_of(framed(op_msg(reply), REPLY_OPCODES)) == verdict


def test_a_reply_that_cannot_be_read_is_none_that_went_well() -> None:
    whole = op_msg({"ok": 1.0})

    assert verdict_of(Frame(whole[:-3], 1, 1, 2013)) == (False, 0)


def test_the_request_that_closes_a_cursor_is_one_that_drivers_send() -> None:
    frame = framed(killing(-5, "app.users.old", -(1 << 40)))

    assert document_of(frame.raw) == {
        "killCursors": "users.old",
        "cursors": [-(1 << 40)],
        "$db": "app",
    }
    assert frame.request_id == -5
    assert request_of(frame)[:3] == (Treatment.READ, True, "app.users.old")
