from typing import Any
from uuid import UUID

import bson
import pytest

from proxy.flags.asking import Asking
from proxy.flags.dependence import Dependence
from proxy.flags.phases import Direction, Phase
from proxy.wire.flagging import MAX_REMEMBERED, Phases
from proxy.wire.login import Login
from proxy.wire.protocol.framing import OP_MSG, Frame
from proxy.wire.protocol.message import request_of
from proxy.wire.protocol.sessions import session_of
from tests.peers.messages import op_msg

ONE, TWO = UUID(int=1), UUID(int=2)


class Told:
    """Flags that remember what they were asked."""

    def __init__(self, *, on_session: bool = False, on_shape: bool = False) -> None:
        self.dependence = Dependence(on_session=on_session, on_shape=on_shape)
        self.asked: list[tuple[Direction, Asking]] = []
        self.shapes = 0

    def phase(self, direction: Direction, asking: Asking) -> Phase:
        self.asked.append((direction, asking))
        return Phase.GATEWAY if asking.session == ONE.hex else Phase.SHADOW

    def depends(self, direction: Direction, namespace: str) -> Dependence:
        return self.dependence

    def shape_in(self, message: bytes) -> str:
        self.shapes += 1
        return str(len(message))


def message(session: UUID | None = None, **more: Any) -> bytes:
    lsid = {} if session is None else {"lsid": {"id": bson.Binary.from_uuid(session)}}
    return op_msg({"find": "users", **more, **lsid, "$db": "app"}, request_id=1)


def phase(phases: Phases, raw: bytes) -> Phase:
    return phases.of_read(request_of(Frame(raw, 1, 0, OP_MSG)), raw)


def phases_of(flags: Told, login: Login | None = None) -> Phases:
    return Phases(flags, connection=7, client="127.0.0.1:1", login=login or Login())


def test_a_flag_that_looks_at_neither_is_asked_once() -> None:
    flags = Told()
    phases = phases_of(flags)
    for session in (ONE, TWO, None):
        assert phase(phases, message(session)) is Phase.SHADOW

    [(direction, asking)] = flags.asked
    assert direction is Direction.READS
    assert (asking.namespace, asking.kind, asking.connection) == ("app.users", "find", 7)
    assert (asking.session, asking.shape, flags.shapes) == ("", "", 0)
    phases.forget()
    phase(phases, message())
    assert len(flags.asked) == 2


def test_each_session_has_a_phase_of_its_own_where_the_flag_looks_at_it() -> None:
    flags = Told(on_session=True)
    phases = phases_of(flags)
    found = [phase(phases, message(session)) for session in (ONE, TWO, None, ONE, TWO)]

    assert found == [Phase.GATEWAY, Phase.SHADOW, Phase.SHADOW, Phase.GATEWAY, Phase.SHADOW]
    assert [asking.session for _, asking in flags.asked] == [ONE.hex, TWO.hex, ""]


def test_each_shape_has_one_where_the_flag_looks_at_it() -> None:
    flags = Told(on_shape=True)
    phases = phases_of(flags)
    for raw in (message(), message(ONE), message()):
        phase(phases, raw)

    assert [asking.shape for _, asking in flags.asked] == [
        str(len(message())),
        str(len(message(ONE))),
    ]


def test_who_has_logged_in_is_told() -> None:
    flags, login = Told(), Login()
    phases = phases_of(flags, login)
    phase(phases, message())
    login.user = "ada"
    phases.forget()
    phase(phases, message())

    assert [asking.user for _, asking in flags.asked] == ["", "ada"]


def test_what_is_remembered_is_bounded() -> None:
    flags = Told(on_session=True)
    phases = phases_of(flags)
    for n in range(MAX_REMEMBERED + 2):
        phase(phases, message(UUID(int=n)))

    assert len(phases._known) == 2


@pytest.mark.parametrize(
    ("raw", "session"),
    [
        (message(ONE), ONE.hex),
        (message(), ""),
        (message(TWO, filter={"lsid": {"id": bson.Binary.from_uuid(ONE)}}), TWO.hex),
        (message(filter={"lsid": {"id": 5}}), ""),
        (message()[:20] + b"\x03lsid\x00", ""),
    ],
)
def test_the_session_of_a_command_is_its_last_lsid(raw: bytes, session: str) -> None:
    assert session_of(raw) == session
