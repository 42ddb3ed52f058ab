from proxy.shadow.exchange import Captured


def test_an_answer_is_complete_when_the_relay_has_done_its_part_as_well() -> None:
    captured = Captured(
        start=0,
        position=1,
        connection=1,
        received_ns=1_000_000_000,
        legacy_s=0.001,
        overhead_s=0.002,
        namespace="chat.users",
        legacy=None,
        clock=None,
        session=None,
        batch=None,
    )

    assert captured.answered_ns == 1_003_000_000
