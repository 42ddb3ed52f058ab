from structlog.testing import capture_logs

from proxy.wire.complaints import QUIET_S, Complaints


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_first_is_logged_at_once_and_the_rest_counted_each_minute() -> None:
    clock = Clock()
    with capture_logs() as lines:
        complaints = Complaints(clock)
        for _ in range(4):
            complaints.warn("connection_refused", reason="too_many", client="a:1")
        complaints.tell()
        assert len(lines) == 1

        clock.now += QUIET_S
        complaints.tell()

    assert [line.get("count") for line in lines] == [None, 3]
    assert {line["log_level"] for line in lines} == {"warning"}


def test_another_reason_is_another_complaint() -> None:
    with capture_logs() as lines:
        complaints = Complaints(Clock())
        complaints.warn("connection_refused", reason="too_many")
        complaints.warn("connection_refused", reason="draining")

    assert [line["reason"] for line in lines] == ["too_many", "draining"]


def test_what_came_once_is_not_counted_later() -> None:
    clock = Clock()
    with capture_logs() as lines:
        complaints = Complaints(clock)
        complaints.warn("connection_refused", reason="too_many")
        clock.now += QUIET_S
        complaints.tell()

    assert len(lines) == 1
