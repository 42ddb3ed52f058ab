from typing import Any

import bson
import pytest
from bson import DBRef
from hypothesis import given
from hypothesis import strategies as st

from comparators.errors import WireError
from proxy.wire.protocol.framing import REQUEST_OPCODES, Frame, Framer
from proxy.wire.protocol.message import (
    Request,
    Treatment,
    body_at,
    is_plain_read,
    more_to_come,
    request_of,
)
from tests.peers.messages import message, op_msg, op_query


def frame_of(raw: bytes) -> Frame:
    framer = Framer(peer="client", opcodes=REQUEST_OPCODES)
    framer.receive(raw)
    frame = framer.next_frame()
    assert frame is not None
    return frame


def seen(document: dict[str, Any], **how: Any) -> Request:
    return request_of(frame_of(op_msg(document, **how)))


def known(request: Request) -> Request:
    """Return what was seen of a request, without the name of its command."""
    return request._replace(command="")


@pytest.mark.parametrize(
    ("command", "namespace"),
    [
        ({"find": "users", "filter": {}}, "app.users"),
        ({"getMore": 5, "collection": "users"}, "app.users"),
        ({"aggregate": "users", "pipeline": []}, "app.users"),
        ({"aggregate": 1, "pipeline": []}, "app."),
        ({"count": "users"}, "app.users"),
        ({"distinct": "users", "key": "a"}, "app.users"),
        ({"killCursors": "users", "cursors": []}, "app.users"),
        ({"listCollections": 1}, "app."),
        ({"listIndexes": "users"}, "app.users"),
        ({"explain": {"find": "users"}}, "app."),
    ],
)
def test_reads_are_captured_with_their_namespace(command: dict[str, Any], namespace: str) -> None:
    request = seen({**command, "$db": "app"})

    assert request == Request(
        Treatment.READ, expects_reply=True, namespace=namespace, command=next(iter(command))
    )


@pytest.mark.parametrize(
    "command",
    [
        "insert",
        "update",
        "delete",
        "findAndModify",
        "findandmodify",
        "create",
        "drop",
        "createIndexes",
        "dropIndexes",
        "deleteIndexes",
        "collMod",
        "mapReduce",
        "neverHeardOf",
    ],
)
def test_writes_and_whatever_is_unknown_are_written_ahead(command: str) -> None:
    request = seen({command: "users", "$db": "app"})

    assert known(request) == Request(Treatment.WRITE, expects_reply=True, namespace="app.users")


@pytest.mark.parametrize("stage", [{"$out": "copy"}, {"$merge": {"into": "copy"}}])
def test_an_aggregation_that_stores_its_result_is_a_write(stage: dict[str, Any]) -> None:
    assert seen({"aggregate": "a", "pipeline": [stage], "$db": "app"}).treatment == "write"


def test_an_aggregation_that_merges_objects_is_a_read() -> None:
    stage = {"$group": {"_id": 1, "all": {"$mergeObjects": "$a"}}}

    assert seen({"aggregate": "a", "pipeline": [stage], "$db": "app"}).treatment == "read"


@pytest.mark.parametrize("database", ["admin", "config", "local"])
def test_internal_databases_are_not_captured(database: str) -> None:
    assert seen({"find": "system.users", "$db": database}).treatment == "gossip"
    assert seen({"update": "settings", "$db": database}).treatment == "gossip"


@pytest.mark.parametrize(
    "command", ["commitTransaction", "abortTransaction", "renameCollection", "bulkWrite"]
)
def test_writes_sent_to_admin_are_captured(command: str) -> None:
    assert seen({command: 1, "$db": "admin"}).treatment == "write"


@pytest.mark.parametrize("command", ["ping", "buildInfo", "endSessions", "getParameter"])
def test_gossip_is_not_captured(command: str) -> None:
    assert known(seen({command: 1, "$db": "app"})) == Request(Treatment.GOSSIP, True, "")


def test_hello_is_known_by_all_its_names() -> None:
    for name in ("hello", "isMaster", "ismaster"):
        assert seen({name: 1, "$db": "admin"}).treatment == "hello"


def test_a_database_named_inside_a_value_is_not_taken_for_the_command_s() -> None:
    document = {"find": "a", "filter": {"ref": DBRef("x", 1, "admin")}, "$db": "app"}

    assert seen(document).namespace == "app.a"


def test_document_sequences_may_stand_before_or_behind_the_command() -> None:
    sequences = {"documents": [{"find": "trap", "$db": "trap"}]}
    document = {"insert": "users", "$db": "app"}

    for first in (False, True):
        request = seen(document, sequences=sequences, sequences_first=first)
        assert known(request) == Request(Treatment.WRITE, True, "app.users")


def test_a_checksum_changes_nothing() -> None:
    assert seen({"find": "a", "$db": "app"}, flags=1).namespace == "app.a"


def test_an_unacknowledged_write_expects_no_reply() -> None:
    request = seen({"insert": "a", "$db": "app"}, flags=2)

    assert known(request) == Request(Treatment.WRITE, expects_reply=False, namespace="app.a")


def test_the_allowance_of_many_replies_is_no_promise_of_silence() -> None:
    assert seen({"getMore": 1, "collection": "a", "$db": "app"}, flags=1 << 16).expects_reply


@pytest.mark.parametrize("name", ["isMaster", "ismaster"])
@pytest.mark.parametrize("wrapper", [None, "$query", "query"])
def test_old_drivers_say_hello_in_a_query(name: str, wrapper: str | None) -> None:
    command: dict[str, Any] = {name: 1}
    if wrapper is not None:
        command = {wrapper: command, "$readPreference": {"mode": "nearest"}}

    assert request_of(frame_of(op_query("admin.$cmd", command))).treatment == "hello"


def test_a_command_in_a_query_is_treated_like_any_other() -> None:
    query = op_query("app.$cmd", {"insert": "a", "documents": [{"_id": 1}]})
    secret = op_query("admin.$cmd", {"saslStart": 1, "payload": b"x"})

    assert known(request_of(frame_of(query))) == Request(Treatment.WRITE, True, "app.a")
    assert request_of(frame_of(secret)).treatment == "secret"


@pytest.mark.parametrize(
    "raw",
    [
        op_query("app.users", {"a": 1}),
        op_query("app.$cmd", {}),
        op_msg({"find": "a"}),
        message(2013, b"\x00\x00\x00\x00"),
        message(2013, b"\x00\x00\x00\x00\x02" + bson.encode({"find": "a", "$db": "b"})),
        message(2013, b"\x00\x00\x00\x00\x01\x00\x00\x00\x00"),
        message(2013, b"\x00\x00\x00\x00\x00\xff\x00\x00\x00"),
    ],
)
def test_a_request_without_a_readable_command_is_a_wire_error(raw: bytes) -> None:
    with pytest.raises(WireError):
        request_of(frame_of(raw))


@given(st.data())
def test_a_damaged_request_gives_a_treatment_or_a_wire_error(data: st.DataObject) -> None:
    document = {"getMore": 7, "collection": "users", "lsid": {"id": b"x"}, "$db": "app"}
    raw = bytearray(op_msg(document, sequences={"documents": [{"_id": 1}]}))
    for _ in range(data.draw(st.integers(1, 5))):
        raw[data.draw(st.integers(16, len(raw) - 1))] = data.draw(st.integers(0, 255))

    try:
        assert request_of(frame_of(bytes(raw))).treatment in Treatment
    except WireError:
        return


@given(st.binary(min_size=1, max_size=100))
def test_noise_in_a_message_gives_a_treatment_or_a_wire_error(noise: bytes) -> None:
    for opcode in REQUEST_OPCODES:
        try:
            assert request_of(frame_of(message(opcode, noise))).treatment in Treatment
        except WireError:
            continue


def test_a_sequence_that_reaches_to_the_end_leaves_no_command() -> None:
    raw = bytearray(op_msg({"find": "users", "$db": "app"}))
    raw[20:25] = b"\x01" + (len(raw) - 21).to_bytes(4, "little")

    with pytest.raises(ValueError, match="claims"):
        body_at(bytes(raw))


def test_only_a_message_can_announce_another_reply() -> None:
    assert more_to_come(frame_of(op_msg({"ok": 1}, flags=2)))
    assert not more_to_come(frame_of(op_msg({"ok": 1})))
    assert not more_to_come(frame_of(op_query("a.$cmd", {"x": 1}, flags=2)))


@pytest.mark.parametrize("command", ["find", "getMore", "parallelCollectionScan"])
def test_a_plain_read_is_known_at_a_glance(command: str) -> None:
    assert is_plain_read(frame_of(op_msg({command: "a", "$db": "app"})))


@pytest.mark.parametrize(
    "command", ["insert", "finder", "aggregate", "findAndModify", "saslStart", "x" * 100]
)
def test_what_may_be_a_write_or_a_secret_is_no_plain_read(command: str) -> None:
    assert not is_plain_read(frame_of(op_msg({command: "find", "$db": "app"})))


@given(st.sampled_from(["find", "getMore", "count"]), st.binary(max_size=60))
def test_a_plain_read_is_never_treated_as_a_write(command: str, noise: bytes) -> None:
    fields = b"\x02" + command.encode() + b"\x00\x02\x00\x00\x00a\x00\x02$db\x00" + noise
    body = (len(fields) + 4).to_bytes(4, "little") + fields
    frame = frame_of(message(2013, b"\x00\x00\x00\x00\x00" + body))

    assert is_plain_read(frame)
    try:
        assert request_of(frame).treatment in {"read", "gossip"}
    except WireError:
        return


def test_sequences_in_front_hide_a_read_from_the_glance() -> None:
    raw = op_msg({"find": "a", "$db": "b"}, sequences={"x": [{"a": 1}]}, sequences_first=True)

    assert not is_plain_read(frame_of(raw))
    assert request_of(frame_of(raw)).treatment == "read"
