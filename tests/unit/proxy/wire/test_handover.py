import pytest

from proxy.wire.protocol.handover import Handover, handed, line_of


def test_a_line_brings_back_who_was_brought() -> None:
    brought = Handover("127.0.0.1:5", "[::1]:27018", 'a"n\nn')

    line = line_of(brought)

    assert line.count(b"\n") == 1
    assert handed(line) == brought


@pytest.mark.parametrize("line", [b"", b"{", b"[]\n", b"\xff\n"])
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        handed(line)
