from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comparators.errors import WireError
from proxy.wire.protocol.framing import (
    MAX_MESSAGE_BYTES,
    REPLY_OPCODES,
    REQUEST_OPCODES,
    Frame,
    Framer,
)
from tests.peers.messages import HEADER, message

bodies = st.binary(min_size=1, max_size=300)
streams = st.lists(bodies, min_size=1, max_size=6)


def framed(chunks: Sequence[bytes]) -> list[Frame]:
    """Return what a framer gives for a stream cut this way."""
    framer = Framer(peer="test", opcodes=REQUEST_OPCODES)
    found = []
    for chunk in chunks:
        framer.receive(chunk)
        while (frame := framer.next_frame()) is not None:
            found.append(frame)
    return found


def messages_of(contents: Sequence[bytes]) -> list[bytes]:
    return [
        message(2013, content, request_id=number, response_to=-number)
        for number, content in enumerate(contents)
    ]


@given(streams)
def test_a_stream_in_one_read_gives_its_messages(contents: list[bytes]) -> None:
    messages = messages_of(contents)

    frames = framed([b"".join(messages)])

    assert [frame.raw for frame in frames] == messages
    assert [frame.request_id for frame in frames] == list(range(len(messages)))
    assert [frame.response_to for frame in frames] == [-n for n in range(len(messages))]


@given(streams)
def test_a_stream_byte_by_byte_gives_its_messages(contents: list[bytes]) -> None:
    messages = messages_of(contents)

    frames = framed([bytes([byte]) for byte in b"".join(messages)])

    assert [frame.raw for frame in frames] == messages


@given(streams, st.data())
def test_a_stream_cut_anywhere_gives_its_messages(
    contents: list[bytes], data: st.DataObject
) -> None:
    messages = messages_of(contents)
    stream = b"".join(messages)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=12)))

    frames = framed([stream[a:b] for a, b in pairwise([0, *cuts, len(stream)])])

    assert [frame.raw for frame in frames] == messages


@given(streams, st.data())
def test_a_torn_message_is_never_given_out(contents: list[bytes], data: st.DataObject) -> None:
    messages = messages_of(contents)
    stream = b"".join(messages)
    kept = data.draw(st.integers(0, len(stream) - 1))
    framer = Framer(peer="test", opcodes=REQUEST_OPCODES)

    framer.receive(stream[:kept])
    found = []
    while (frame := framer.next_frame()) is not None:
        found.append(frame.raw)

    assert found == messages[: len(found)]
    assert framer.buffered == kept - sum(map(len, found)) < len(messages[len(found)])
    assert framer.peek() == stream[kept - framer.buffered : kept]


@given(streams, st.integers(-(2**31), 16) | st.integers(MAX_MESSAGE_BYTES + 1, 2**31 - 1))
def test_messages_in_front_of_a_broken_one_are_given_out(
    contents: list[bytes], length: int
) -> None:
    messages = messages_of(contents)
    framer = Framer(peer="test", opcodes=REQUEST_OPCODES)
    framer.receive(b"".join(messages) + HEADER.pack(length, 1, 0, 2013) + b"more")

    found = [framer.next_frame() for _ in messages]

    assert [frame.raw for frame in found if frame] == messages
    with pytest.raises(WireError, match=str(length)):
        framer.next_frame()


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_a_wire_error(noise: bytes) -> None:
    framer = Framer(peer="test", opcodes=REPLY_OPCODES)
    framer.receive(noise)

    consumed = 0
    try:
        while (frame := framer.next_frame()) is not None:
            consumed += len(frame.raw)
    except WireError:
        pass

    assert consumed + framer.buffered == len(noise)


def test_an_error_is_final() -> None:
    framer = Framer(peer="client", opcodes=REQUEST_OPCODES)
    framer.receive(HEADER.pack(15, 1, 0, 2013))

    with pytest.raises(WireError) as first:
        framer.next_frame()
    framer.receive(message(2013, b"whole"))
    with pytest.raises(WireError) as second:
        framer.next_frame()

    assert first.value is second.value
    assert first.value.where == "client"


@pytest.mark.parametrize("opcode", [0, 1, 2001, 2002, 2005, 2006, 2007, 2010, 2011, 2012, 2014])
def test_an_opcode_that_no_client_speaks_is_refused(opcode: int) -> None:
    framer = Framer(peer="client", opcodes=REQUEST_OPCODES)
    framer.receive(message(opcode, b"body"))

    with pytest.raises(WireError, match="opcode" if opcode != 2012 else "compressed"):
        framer.next_frame()


def test_the_largest_message_is_accepted_and_one_byte_more_is_not() -> None:
    framer = Framer(peer="client", opcodes=REQUEST_OPCODES)
    framer.receive(HEADER.pack(MAX_MESSAGE_BYTES, 1, 0, 2013))

    assert framer.next_frame() is None

    other = Framer(peer="client", opcodes=REQUEST_OPCODES)
    other.receive(HEADER.pack(MAX_MESSAGE_BYTES + 1, 1, 0, 2013))
    with pytest.raises(WireError, match="48000001"):
        other.next_frame()


def test_a_message_alone_in_its_read_is_not_copied() -> None:
    data = message(2013, b"x" * 100)
    framer = Framer(peer="client", opcodes=REQUEST_OPCODES)
    framer.receive(data)

    frame = framer.next_frame()

    assert frame is not None
    assert frame.raw is data
