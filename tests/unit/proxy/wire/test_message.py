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

    assert request == Request(Treatment.READ, expects_reply=True, namespace=namespace)


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

    assert request == Request(Treatment.WRITE, expects_reply=True, namespace="app.users")


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
    assert seen({command: 1, "$db": "app"}) == Request(Treatment.GOSSIP, True, "")


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
        assert request == Request(Treatment.WRITE, True, "app.users")


def test_a_checksum_changes_nothing() -> None:
    assert seen({"find": "a", "$db": "app"}, flags=1).namespace == "app.a"


def test_an_unacknowledged_write_expects_no_reply() -> None:
    request = seen({"insert": "a", "$db": "app"}, flags=2)

    assert request == Request(Treatment.WRITE, expects_reply=False, namespace="app.a")


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

    assert request_of(frame_of(query)) == Request(Treatment.WRITE, True, "app.a")
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


EXHAUST_ALLOWED = 1 << 16
"""A flag that says nothing about the treatment, but has a request looked at closely."""


def outcome_of(raw: bytes) -> Request | None:
    try:
        return request_of(frame_of(raw))
    except WireError:
        return None


def looked_at_closely(raw: bytes) -> Request | None:
    return outcome_of(raw[:16] + EXHAUST_ALLOWED.to_bytes(4, "little") + raw[20:])


commands = st.sampled_from(
    ["find", "insert", "update", "aggregate", "getMore", "saslStart", "hello", "$db", "x"]
)
names = st.sampled_from(["users", "", "a\x00b", "$db", "\x02$db", "admin", "$cmd"])
values = st.one_of(
    names,
    st.just(1),
    st.builds(lambda name, database: DBRef(name, 1, database), names, names),
    st.just({"$db": "other"}),
    st.just("$out\x00"),
)


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    document = {
        draw(commands): draw(values),
        **draw(st.dictionaries(st.sampled_from(["filter", "collection"]), values)),
        **({"$db": draw(values)} if draw(st.booleans()) else {}),
        **draw(st.dictionaries(st.sampled_from(["lsid", "$readPreference"]), values)),
    }
    sequences = draw(st.sampled_from([None, {"documents": [{"$db": "third"}]}]))
    return op_msg(document, sequences=sequences)


@given(requests())
def test_a_glance_and_a_close_look_see_the_same(raw: bytes) -> None:
    assert outcome_of(raw) == looked_at_closely(raw)


@given(requests(), st.data())
def test_of_a_damaged_request_too(raw: bytes, data: st.DataObject) -> None:
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(1, 4))):
        # Behind the flags, most often among the lengths and names in front.
        place = data.draw(st.integers(20, min(60, len(raw) - 1)) | st.integers(20, len(raw) - 1))
        damaged[place] = data.draw(st.sampled_from([0, 1, 2, 5, 255]) | st.integers(0, 255))

    assert outcome_of(bytes(damaged)) == looked_at_closely(bytes(damaged))
