import pytest

from proxy.wire.login import Login
from proxy.wire.protocol.framing import REPLY_OPCODES, REQUEST_OPCODES, Frame, Framer
from proxy.wire.protocol.message import request_of
from tests.peers.messages import op_msg


def frame_of(document: dict[str, object], opcodes: frozenset[int]) -> Frame:
    framer = Framer(peer="test", opcodes=opcodes)
    framer.receive(op_msg(document))
    frame = framer.next_frame()
    assert frame is not None
    return frame


def ask(login: Login, document: dict[str, object]) -> None:
    frame = frame_of({**document, "$db": "admin"}, REQUEST_OPCODES)
    login.asked(frame, request_of(frame))


def answer(login: Login, document: dict[str, object]) -> None:
    login.answered(frame_of(document, REPLY_OPCODES))


CLAIM: dict[str, object] = {
    "saslStart": 1,
    "mechanism": "SCRAM-SHA-256",
    "payload": b"n,,n=an=2Cn,r=abc",
}


def test_a_user_is_who_was_let_in_and_not_who_claims_to_be() -> None:
    login = Login()
    ask(login, CLAIM)
    claimed = login.user
    answer(login, {"conversationId": 1, "done": False, "ok": 1.0})
    asked = login.user
    answer(login, {"ok": 0.0, "code": 18})
    refused = login.user
    answer(login, {"conversationId": 1, "done": True, "ok": 1.0})

    assert (claimed, asked, refused, login.user) == ("", "", "", "an,n")
    assert login.crosses(to_gateway=True)
    assert not login.crosses(to_gateway=False)


def test_a_login_may_begin_in_hello() -> None:
    login = Login()
    ask(login, {"hello": 1, "speculativeAuthenticate": CLAIM})
    answer(login, {"conversationId": 1, "done": True, "ok": 1.0})

    assert login.user == "an,n"


def test_whoever_logs_out_is_nobody() -> None:
    login = Login()
    ask(login, CLAIM)
    answer(login, {"done": True, "ok": 1.0})
    ask(login, {"logout": 1})

    assert login.user == ""
    assert login.crosses(to_gateway=False)


@pytest.mark.parametrize("to_gateway", [True, False])
def test_a_login_by_other_means_crosses_nowhere(to_gateway: bool) -> None:
    login = Login()
    ask(login, {"saslStart": 1, "mechanism": "PLAIN", "payload": b"\x00ann\x00secret"})

    assert not login.crosses(to_gateway=to_gateway)


def test_nobody_crosses_everywhere() -> None:
    login = Login()
    ask(login, {"find": "n,,n=ann,r=abc"})

    assert login.crosses(to_gateway=True)
    assert login.crosses(to_gateway=False)
