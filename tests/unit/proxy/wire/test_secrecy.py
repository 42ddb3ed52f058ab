import pytest
from pymongo.monitoring import _SENSITIVE_COMMANDS  # type: ignore[attr-defined]

from proxy.wire.protocol.framing import OP_MSG, Frame
from proxy.wire.protocol.message import request_of
from proxy.wire.protocol.secrecy import is_secret
from tests.peers.messages import op_msg


@pytest.mark.parametrize("command", sorted(_SENSITIVE_COMMANDS))
def test_what_the_driver_hides_from_its_own_log_is_secret(command: str) -> None:
    assert is_secret(command.encode())


@pytest.mark.parametrize(
    "command",
    ["saslStart", "saslContinue", "authenticate", "createUser", "updateUser", "getnonce", "logout"],
)
@pytest.mark.parametrize("database", ["admin", "$external", "app"])
def test_credentials_are_never_captured(command: str, database: str) -> None:
    raw = op_msg({command: 1, "payload": b"secret", "$db": database})

    request = request_of(Frame(raw, 1, 0, OP_MSG))

    assert request.treatment == "secret"
    assert not request.namespace


def test_data_is_no_secret() -> None:
    assert not is_secret(b"find")
    assert not is_secret(b"insert")
