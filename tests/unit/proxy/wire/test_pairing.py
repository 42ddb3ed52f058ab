from proxy.wire.protocol.message import Treatment
from proxy.wire.protocol.pairing import Pairing, Pending


def pending(
    request_id: int, treatment: Treatment = Treatment.READ, request: bytes = b"request"
) -> Pending:
    return Pending(request_id, treatment, "app.a", request, 1, 2, 3, 0)


def test_a_reply_finds_its_request() -> None:
    pairing = Pairing()
    first, second = pending(1), pending(2)
    pairing.sent(first)
    pairing.sent(second)

    assert pairing.answered(response_to=1, reply_id=50, more_to_come=False) == first
    assert pairing.answered(response_to=2, reply_id=51, more_to_come=False) == second
    assert len(pairing) == pairing.waiting_bytes == 0


def test_replies_out_of_order_find_their_requests() -> None:
    pairing = Pairing()
    pairing.sent(pending(1))
    pairing.sent(pending(2))

    found = pairing.answered(response_to=2, reply_id=50, more_to_come=False)

    assert found == pending(2)
    assert len(pairing) == 1


def test_a_reply_nobody_asked_for_answers_nothing() -> None:
    pairing = Pairing()
    pairing.sent(pending(1))

    assert pairing.answered(response_to=7, reply_id=50, more_to_come=False) is None
    assert len(pairing) == 1


def test_requests_that_share_an_id_are_answered_in_their_order() -> None:
    pairing = Pairing()
    pairing.sent(pending(1, request=b"a"))
    pairing.sent(pending(1, request=b"b"))

    found = [pairing.answered(response_to=1, reply_id=5, more_to_come=False) for _ in range(2)]

    assert [one.request for one in found if one] == [b"a", b"b"]


def test_every_reply_of_a_stream_belongs_to_the_request_that_began_it() -> None:
    pairing = Pairing()
    pairing.sent(pending(1))

    stream = [
        pairing.answered(response_to=1, reply_id=50, more_to_come=True),
        pairing.answered(response_to=50, reply_id=51, more_to_come=True),
        pairing.answered(response_to=51, reply_id=52, more_to_come=False),
    ]

    assert [one.request for one in stream if one] == [b"request"] * 3
    assert len(pairing) == 0


def test_open_hellos_are_counted_until_their_last_reply() -> None:
    pairing = Pairing()
    pairing.sent(pending(1, Treatment.HELLO))

    pairing.answered(response_to=1, reply_id=50, more_to_come=True)
    assert pairing.hellos == 1
    pairing.answered(response_to=50, reply_id=51, more_to_come=False)
    assert pairing.hellos == 0


def test_what_was_never_answered_is_given_back_once() -> None:
    pairing = Pairing()
    pairing.sent(pending(1, Treatment.HELLO))
    pairing.sent(pending(2))

    assert [left.request_id for left in pairing.abandoned()] == [1, 2]
    assert pairing.abandoned() == ()
    assert pairing.hellos == pairing.waiting_bytes == 0
