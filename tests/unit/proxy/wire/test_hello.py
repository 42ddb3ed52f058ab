from collections.abc import Callable
from functools import partial
from typing import Any

import bson
import pytest
from bson import Int64, ObjectId, Timestamp

from comparators.errors import WireError
from proxy.wire.protocol.framing import REPLY_OPCODES, REQUEST_OPCODES, Frame, Framer
from proxy.wire.protocol.hello import application_of, client_of, rewritten_hello
from tests.peers.messages import document_of, op_msg, op_query, op_reply

PRIMARY: dict[str, Any] = {
    "helloOk": True,
    "topologyVersion": {"processId": ObjectId(), "counter": Int64(6)},
    "hosts": ["mongo-1:27017", "mongo-2:27017"],
    "passives": ["mongo-3:27017"],
    "arbiters": ["mongo-4:27017"],
    "setName": "rs0",
    "setVersion": 3,
    "isWritablePrimary": True,
    "secondary": False,
    "primary": "mongo-1:27017",
    "me": "mongo-1:27017",
    "electionId": ObjectId(),
    "maxBsonObjectSize": 16777216,
    "logicalSessionTimeoutMinutes": 30,
    "compression": ["zstd", "snappy"],
    "speculativeAuthenticate": {"conversationId": 1, "done": False, "payload": b"r=x"},
    "connectionId": Int64(7),
    "ok": 1.0,
    "operationTime": Timestamp(1, 1),
}


def request_frame_of(raw: bytes) -> Frame:
    framer = Framer(peer="client", opcodes=REQUEST_OPCODES)
    framer.receive(raw)
    frame = framer.next_frame()
    assert frame is not None
    return frame


def frame_of(raw: bytes) -> Frame:
    framer = Framer(peer="legacy", opcodes=REPLY_OPCODES)
    framer.receive(raw)
    frame = framer.next_frame()
    assert frame is not None
    return frame


def rewritten(document: dict[str, Any], **how: Any) -> dict[str, Any]:
    raw = rewritten_hello(frame_of(op_msg(document, **how)), advertised="proxy:27018")
    assert int.from_bytes(raw[:4], "little") == len(raw)
    return document_of(raw)


def test_a_driver_sees_the_proxy_as_the_only_member() -> None:
    seen = rewritten(PRIMARY)

    assert seen["hosts"] == ["proxy:27018"]
    assert seen["me"] == seen["primary"] == "proxy:27018"
    assert not seen.keys() & {"passives", "arbiters"}
    assert b"mongo-" not in bson.encode(seen)


def test_compression_and_streaming_are_never_offered() -> None:
    assert not rewritten(PRIMARY).keys() & {"compression", "topologyVersion"}


def test_every_other_field_keeps_its_bytes_and_place() -> None:
    changed = {"hosts", "me", "primary"}
    gone = {"passives", "arbiters", "compression", "topologyVersion"}

    seen = rewritten(PRIMARY)

    assert list(seen) == [name for name in PRIMARY if name not in gone]
    for name in seen.keys() - changed:
        assert bson.encode({name: seen[name]}) == bson.encode({name: PRIMARY[name]})


@pytest.mark.parametrize("word", ["isWritablePrimary", "ismaster"])
def test_a_secondary_names_no_primary(word: str) -> None:
    secondary = {
        **{key: value for key, value in PRIMARY.items() if key != "isWritablePrimary"},
        word: False,
        "secondary": True,
    }

    seen = rewritten(secondary)

    assert "primary" not in seen
    assert seen["hosts"] == ["proxy:27018"]
    assert seen["secondary"] is True


def test_the_old_word_for_primary_counts() -> None:
    document = {"ismaster": True, "hosts": ["a:1"], "primary": "a:1", "ok": 1.0}

    assert rewritten(document)["primary"] == "proxy:27018"


def test_a_standalone_server_stays_one() -> None:
    standalone = {"isWritablePrimary": True, "maxWireVersion": 17, "ok": 1.0}

    assert rewritten(standalone) == standalone


def test_the_old_form_of_reply_is_rewritten_too() -> None:
    raw = rewritten_hello(frame_of(op_reply(PRIMARY, response_to=5)), advertised="proxy:27018")

    assert document_of(raw)["hosts"] == ["proxy:27018"]
    assert int.from_bytes(raw[:4], "little") == len(raw)
    assert raw[4:36] == op_reply(PRIMARY, response_to=5)[4:36]


def test_a_checksum_of_the_old_bytes_is_left_out() -> None:
    raw = rewritten_hello(frame_of(op_msg(PRIMARY, flags=1 | 2)), advertised="proxy:27018")

    assert raw[16] == 2
    assert len(raw) == 21 + int.from_bytes(raw[21:25], "little")


def test_header_and_streaming_flag_are_kept() -> None:
    frame = frame_of(op_msg(PRIMARY, flags=2, request_id=8, response_to=9))

    raw = rewritten_hello(frame, advertised="proxy:27018")

    assert raw[4:20] == frame.raw[4:20]


def test_an_unreadable_reply_is_a_wire_error() -> None:
    frame = frame_of(op_msg(PRIMARY)[:-1] + b"\x07")

    with pytest.raises(WireError, match="hello"):
        rewritten_hello(frame, advertised="proxy:27018")


@pytest.mark.parametrize(
    ("client", "name"),
    [
        ({"driver": {"name": "PyMongo"}, "application": {"name": "añ"}}, "añ"),
        ({"driver": {"name": "application"}}, ""),
        ({"application": {"name": 5}}, ""),
        ({"application": "x"}, ""),
        ({}, ""),
    ],
)
@pytest.mark.parametrize("message", [op_msg, partial(op_query, "admin.$cmd")])
def test_the_name_of_the_application_is_found(
    message: Callable[[dict[str, Any]], bytes], client: dict[str, Any], name: str
) -> None:
    asked = message({"hello": 1, "client": client, "$db": "admin"})

    assert application_of(request_frame_of(asked)) == name


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (
            {"application": {"name": "añ"}, "driver": {"name": "PyMongo", "version": "4"}},
            "añ (PyMongo 4)",
        ),
        ({"driver": {"name": "nodejs"}, "os": {"type": "Linux"}}, "nodejs"),
        ({"application": {"name": "shop"}, "driver": {"name": 5}}, "shop"),
        ({}, ""),
    ],
)
def test_what_a_driver_says_of_the_application_and_of_itself_is_found(
    client: dict[str, Any], told: str
) -> None:
    asked = op_msg({"hello": 1, "client": client, "$db": "admin"})

    assert client_of(request_frame_of(asked)) == told


@pytest.mark.parametrize("length", range(30, 90))
def test_a_torn_hello_names_no_application_and_harms_nobody(length: int) -> None:
    asked = op_msg({"hello": 1, "client": {"application": {"name": "x" * 40}}, "$db": "admin"})

    assert application_of(Frame(asked[:length], 1, 0, 2013)) == ""
