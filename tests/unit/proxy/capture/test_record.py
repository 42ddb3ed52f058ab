from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from proxy.capture.record import (
    HEADER_BYTES,
    Damaged,
    Harm,
    Incomplete,
    Record,
    RecordKind,
    decode,
    head_of,
    header,
    seed_of,
)

SEED = seed_of(b"a log")
POSITION = 5_000_000_123

numbers = st.integers(min_value=0, max_value=2**63 - 1)
messages = st.binary(max_size=200)


def encoded(record: Record, seed: int = SEED) -> bytes:
    head = header(
        record.position,
        record.kind,
        record.connection,
        record.received_ns,
        record.legacy_ns,
        record.overhead_ns,
        record.intent,
        record.request,
        record.reply,
        seed,
    )
    return head + record.request + record.reply


records = st.builds(
    Record,
    position=numbers,
    kind=st.sampled_from(RecordKind),
    connection=numbers,
    received_ns=numbers,
    legacy_ns=numbers,
    overhead_ns=numbers,
    intent=numbers,
    request=messages,
    reply=messages,
)
ONE = Record(POSITION, RecordKind.EXCHANGE, 7, 8, 9, 10, 0, b"the request", b"the reply")


@given(records, messages, messages)
def test_a_record_comes_back_as_it_was_with_anything_around_it(
    record: Record, before: bytes, behind: bytes
) -> None:
    data = encoded(record)

    assert decode(before + data + behind, len(before), record.position, SEED) == record
    assert record.end - record.position == len(data)


def test_each_prefix_is_incomplete_and_says_how_much_it_needs() -> None:
    data = encoded(ONE)

    for length in range(len(data)):
        expected = HEADER_BYTES if length < HEADER_BYTES else len(data)
        assert decode(data[:length], 0, POSITION, SEED) == Incomplete(expected)


@given(st.data())
def test_any_flipped_bit_is_detected(data: st.DataObject) -> None:
    whole = encoded(ONE)
    bit = data.draw(st.integers(min_value=0, max_value=len(whole) * 8 - 1))
    flipped = bytearray(whole)
    flipped[bit // 8] ^= 1 << bit % 8

    found = decode(bytes(flipped), 0, POSITION, SEED)

    assert isinstance(found, Damaged)


def test_damage_behind_the_header_leaves_the_length_known() -> None:
    whole = bytearray(encoded(ONE))
    whole[-1] ^= 1

    assert decode(bytes(whole), 0, POSITION, SEED) == Damaged(Harm.PAYLOAD, len(whole))


def test_damage_in_the_header_makes_its_lengths_worthless() -> None:
    whole = bytearray(encoded(ONE))
    whole[HEADER_BYTES - 1] ^= 1

    assert decode(bytes(whole), 0, POSITION, SEED) == Damaged(Harm.HEADER, 0)


def test_a_record_is_valid_at_its_own_position_only() -> None:
    found = decode(encoded(ONE), 0, POSITION + 1, SEED)

    assert found == Damaged(Harm.HEADER, 0)


def test_positions_four_gigabytes_apart_do_not_pass_for_each_other() -> None:
    found = decode(encoded(ONE), 0, POSITION + 2**32, SEED)

    assert found == Damaged(Harm.HEADER, 0)


def test_a_record_of_another_log_is_not_valid() -> None:
    found = decode(encoded(ONE, seed_of(b"another log")), 0, POSITION, SEED)

    assert found == Damaged(Harm.HEADER, 0)


def test_a_kind_of_a_later_version_is_passed_over_by_its_length() -> None:
    later = encoded(ONE._replace(kind=cast("RecordKind", 99)))

    assert decode(later, 0, POSITION, SEED) == Damaged(Harm.KIND, len(later))


@given(records)
def test_the_writer_finds_again_what_it_put_into_a_header(record: Record) -> None:
    head = head_of(encoded(record)[:HEADER_BYTES])

    assert head == (record.kind, record.connection, record.received_ns, record.intent)
