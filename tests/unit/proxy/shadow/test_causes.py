from proxy.shadow.causes import AFTER_A_WRITE, ROUND_THE_PROXY
from proxy.shadow.evidence import STATES_DIFFER


def test_a_cause_names_the_side_that_alone_has_the_document() -> None:
    assert "round the proxy" in ROUND_THE_PROXY.of(b"one", b"other")
    assert "only MongoDB has it" in ROUND_THE_PROXY.of(b"one", None)
    assert "only the gateway has it" in ROUND_THE_PROXY.of(None, b"other")


def test_after_a_write_the_side_says_nothing() -> None:
    assert {AFTER_A_WRITE.of(b"", b""), AFTER_A_WRITE.of(None, b"")} == {STATES_DIFFER}
