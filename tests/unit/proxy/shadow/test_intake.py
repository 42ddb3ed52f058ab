"""From records to units: what is run, what is in doubt, what is settled, and in which order."""

from typing import Any

import bson
from hypothesis import given
from hypothesis import strategies as st

from comparators.operation import Kind
from comparators.outcome import Acknowledgement, Documents
from comparators.verdict import Verdict
from proxy.shadow.frontier import Frontier, Resume
from proxy.shadow.intake import ABORTED, NO_ANSWER, RETRIED, Intake
from proxy.shadow.places import place_of
from proxy.shadow.units import (
    Committed,
    CursorEnded,
    InDoubt,
    Settled,
    Single,
    Unit,
    Unreadable,
)
from tests.unit.proxy.shadow.records import LSID, Tape, failure, message, reply

BEGINNING = Resume(position=0, open=frozenset())


def units_of(
    tape: Tape, resume: Resume = BEGINNING, frontier: Frontier | None = None
) -> list[Unit]:
    intake = Intake(resume, frontier if frontier is not None else Frontier())
    units = []
    for record in tape.records:
        intake.accept(record)
        units += intake.release(record.received_ns)
    return units


def insert(identifier: int, **fields: Any) -> bytes:
    return message(
        {"insert": "users", "ordered": True, "$db": "shop", **fields},
        documents=[{"_id": identifier}],
    )


def find(**fields: Any) -> bytes:
    return message({"find": "users", "filter": {}, "$db": "shop", **fields})


def cursor(number: int, *documents: dict[str, Any], name: str = "firstBatch") -> dict[str, Any]:
    return {"cursor": {"id": bson.Int64(number), "ns": "shop.users", name: list(documents)}}


def test_a_read_becomes_an_operation_without_gossip() -> None:
    tape = Tape()
    tape.exchange(find(lsid=LSID, **{"$clusterTime": {"x": 1}}), reply(5, **cursor(0, {"_id": 1})))

    (unit,) = units_of(tape)

    assert isinstance(unit, Single)
    assert unit.exchange.operation.kind is Kind.FIND
    assert unit.exchange.operation.namespace == "shop.users"
    assert unit.exchange.operation.arguments == {"filter": {}}
    assert unit.exchange.legacy is not None
    assert unit.exchange.legacy.result == Documents(documents=(bson.encode({"_id": 1}),))


def test_document_sequences_are_put_back_in_place() -> None:
    tape = Tape()
    intent = tape.intent(insert(7))
    tape.reply(intent, reply(5, n=1))

    (unit,) = units_of(tape)

    assert isinstance(unit, Single)
    assert unit.exchange.operation.arguments["documents"] == [{"_id": 7}]
    assert unit.exchange.legacy is not None
    assert unit.exchange.legacy.result == Acknowledgement(n=1)


def test_a_write_is_complete_with_its_reply_only() -> None:
    tape = Tape()
    tape.intent(insert(7))

    assert units_of(tape) == []


def test_an_empty_reply_leaves_a_write_in_doubt() -> None:
    tape = Tape()
    tape.reply(tape.intent(insert(7)), b"")

    (unit,) = units_of(tape)

    assert isinstance(unit, InDoubt)
    assert unit.reason == NO_ANSWER


def test_a_new_relay_leaves_the_open_writes_of_the_last_one_in_doubt() -> None:
    tape = Tape()
    tape.intent(insert(7))
    tape.intent(insert(8), connection=2)
    tape.opened()

    units = units_of(tape)

    assert [type(unit) for unit in units] == [InDoubt, InDoubt]


def test_a_write_in_doubt_has_its_place_before_what_follows_on_the_log() -> None:
    """However much of the log is read at once: what follows may rest on it, and is excused."""
    tape = Tape()
    tape.reply(tape.intent(insert(6)), reply(5, n=1))
    tape.intent(insert(7))
    tape.opened()
    tape.reply(tape.intent(insert(8)), reply(9, n=1))
    intake = Intake(BEGINNING, Frontier())
    for record in tape.records:
        intake.accept(record)

    places = [place_of(unit) for unit in intake.release(1)]

    assert None not in places
    assert places == sorted(places, key=lambda place: place or 0)
    assert len(set(places)) == 2
    assert places[1] != places[2]


def test_a_write_is_told_of_one_beside_it_that_is_never_answered() -> None:
    """Which of the two MongoDB did first, nobody knows."""
    tape = Tape()
    tape.intent(insert(7), connection=2)
    tape.reply(tape.intent(insert(7)), reply(5, n=1))
    tape.closed(connection=2)

    units = units_of(tape)

    (doubtful,) = [unit for unit in units if isinstance(unit, InDoubt)]
    (answered,) = [unit for unit in units if isinstance(unit, Single)]
    assert answered.beside == [doubtful]


def test_a_closed_connection_leaves_its_own_writes_in_doubt() -> None:
    tape = Tape()
    tape.intent(insert(7))
    other = tape.intent(insert(8), connection=2)
    tape.closed(connection=1)
    tape.reply(other, reply(5, n=1))

    doubted, single = units_of(tape)

    assert isinstance(doubted, InDoubt)
    assert isinstance(single, Single)


def test_an_answer_from_the_first_attempt_is_not_run_again() -> None:
    tape = Tape()
    tape.reply(tape.intent(insert(7)), reply(5, n=1, retriedStmtIds=[0]))

    (unit,) = units_of(tape)

    assert isinstance(unit, InDoubt)
    assert unit.reason == RETRIED


def test_a_refusal_of_the_server_itself_is_not_compared() -> None:
    tape = Tape()
    tape.exchange(find(), failure(13435))

    (unit,) = units_of(tape)

    assert isinstance(unit, Settled)
    assert unit.verdict is Verdict.NOT_COMPARABLE


def test_batches_of_a_cursor_are_one_result() -> None:
    frontier = Frontier()
    tape = Tape()
    tape.exchange(find(), reply(5, **cursor(42, {"_id": 1})))
    more = message({"getMore": bson.Int64(42), "collection": "users", "$db": "shop"})
    tape.exchange(more, reply(6, **cursor(42, {"_id": 2}, name="nextBatch")))
    tape.exchange(more, reply(7, **cursor(0, {"_id": 3}, name="nextBatch")))

    single, ended = units_of(tape, frontier=frontier)

    assert isinstance(single, Single)
    assert isinstance(ended, CursorEnded)
    assert single.cursor is ended.cursor
    legacy = ended.cursor.legacy().result
    assert isinstance(legacy, Documents)
    assert [bson.decode(raw)["_id"] for raw in legacy.documents] == [1, 2, 3]
    assert legacy.complete
    assert frontier.open() == (100, 200, 300)


def test_a_killed_cursor_is_compared_as_far_as_it_was_read() -> None:
    tape = Tape()
    tape.exchange(find(), reply(5, **cursor(42, {"_id": 1})))
    kill = message({"killCursors": "users", "cursors": [bson.Int64(42)], "$db": "shop"})
    tape.exchange(kill, reply(6, cursorsKilled=[42]))

    _, settled, ended = units_of(tape)

    assert isinstance(settled, Settled)
    assert isinstance(ended, CursorEnded)
    legacy = ended.cursor.legacy().result
    assert isinstance(legacy, Documents)
    assert not legacy.complete


def transaction(tape: Tape, end: bytes | None) -> None:
    inside = {"lsid": LSID, "txnNumber": bson.Int64(3), "autocommit": False}
    tape.reply(tape.intent(insert(1, startTransaction=True, **inside)), reply(5, n=1))
    tape.exchange(find(**inside), reply(5, **cursor(0, {"_id": 1})))
    if end is not None:
        command = "commitTransaction" if end == b"commit" else "abortTransaction"
        intent = tape.intent(message({command: 1, "$db": "admin", **inside}))
        tape.reply(intent, reply(6))


def test_a_transaction_takes_effect_at_its_commit() -> None:
    tape = Tape()
    transaction(tape, b"commit")

    (unit,) = units_of(tape)

    assert isinstance(unit, Committed)
    assert [s.exchange.operation.kind for s in unit.statements] == [Kind.INSERT, Kind.FIND]


def test_a_repeated_commit_counts_once() -> None:
    tape = Tape()
    transaction(tape, b"commit")
    again = {"lsid": LSID, "txnNumber": bson.Int64(3), "autocommit": False}
    intent = tape.intent(message({"commitTransaction": 1, "$db": "admin", **again}))
    tape.reply(intent, reply(7))

    units = units_of(tape)

    assert [type(unit) for unit in units] == [Committed, Settled]


def test_a_commit_in_doubt_that_is_repeated_is_in_doubt_once_more() -> None:
    """The first one may never have reached MongoDB: then the transaction takes effect now."""
    tape = Tape()
    transaction(tape, None)
    commit = {
        "commitTransaction": 1,
        "$db": "admin",
        "lsid": LSID,
        "txnNumber": bson.Int64(3),
        "autocommit": False,
    }
    tape.intent(message(commit))
    tape.opened()
    for clock in (7, 8):
        tape.reply(tape.intent(message(commit), connection=2), reply(clock), connection=2)

    first, again, settled = units_of(tape)

    assert isinstance(first, InDoubt)
    assert isinstance(again, InDoubt)
    assert isinstance(settled, Settled)
    assert (first.again, again.again) == (False, True)
    assert again.exchanges == first.exchanges
    assert again.commit != first.commit


def test_an_aborted_transaction_is_dropped() -> None:
    tape = Tape()
    transaction(tape, b"abort")

    units = units_of(tape)

    reasons = [unit.reason for unit in units if isinstance(unit, Settled)]
    assert reasons == [ABORTED, ABORTED, None]
    assert not any(isinstance(unit, Single | Committed) for unit in units)


def test_a_transaction_that_is_never_ended_expires() -> None:
    tape = Tape()
    transaction(tape, None)
    intake = Intake(BEGINNING, Frontier())
    for record in tape.records:
        intake.accept(record)

    units = intake.release(10**15)

    assert [unit.reason for unit in units if isinstance(unit, Settled)] == [ABORTED, ABORTED]


def test_replies_that_crossed_come_out_in_the_order_of_the_server() -> None:
    tape = Tape()
    first, second = tape.intent(insert(1)), tape.intent(insert(2))
    tape.reply(second, reply(11, n=1))
    tape.reply(first, reply(10, n=1))

    one, two = units_of(tape)

    assert isinstance(one, Single)
    assert isinstance(two, Single)
    assert [one.exchange.start, two.exchange.start] == [first, second]
    assert one.beside == [two]
    assert two.beside == [one]


def test_what_was_counted_before_a_crash_is_not_counted_again() -> None:
    tape = Tape()
    done = tape.exchange(find(), reply(5, **cursor(0)))
    still_open = tape.intent(insert(1))
    later = tape.exchange(find(), reply(6, **cursor(0)))
    tape.reply(still_open, reply(7, n=1))
    resume = Resume(position=later, open=frozenset({still_open}))

    units = units_of(tape, resume)

    starts = {unit.exchange.start for unit in units if isinstance(unit, Single)}
    assert done not in starts
    assert starts == {still_open, later}


def test_a_message_that_cannot_be_decoded_is_told_and_holds_nothing_up() -> None:
    frontier = Frontier()
    tape = Tape()
    tape.exchange(find()[:-3], reply(5, **cursor(0)))
    tape.exchange(find(), reply(5, **cursor(0)))

    broken, single = units_of(tape, frontier=frontier)

    assert isinstance(broken, Unreadable)
    assert isinstance(single, Single)
    assert frontier.open() == (200,)


@given(st.binary(max_size=200), st.binary(max_size=200), st.booleans())
def test_no_bytes_whatsoever_end_the_intake(request: bytes, answer: bytes, writes: bool) -> None:
    tape = Tape()
    if writes:
        tape.reply(tape.intent(request), answer)
    else:
        tape.exchange(request, answer)
    tape.exchange(find(), reply(5, **cursor(0)))

    units = units_of(tape)

    assert isinstance(units[-1], Single)


@given(st.data())
def test_a_flipped_byte_in_a_message_ends_nothing(data: st.DataObject) -> None:
    request = bytearray(find(sort={"a": 1}, limit=3))
    request[data.draw(st.integers(0, len(request) - 1))] ^= data.draw(st.integers(1, 255))
    tape = Tape()
    tape.exchange(bytes(request), reply(5, **cursor(0, {"_id": 1})))
    tape.exchange(find(), reply(5, **cursor(0)))

    assert units_of(tape)
