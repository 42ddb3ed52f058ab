import pytest

from proxy.cli.checks.clock import clock
from proxy.cli.checks.finding import Health


@pytest.mark.parametrize(
    ("there_s", "health", "found"),
    [
        (100.5, Health.GOOD, "agrees"),
        (99.1, Health.GOOD, "agrees"),
        (103.9, Health.GOOD, "agrees"),
        (98.0, Health.DOUBTFUL, "2.0 s behind"),
        (106.0, Health.DOUBTFUL, "3.0 s ahead"),
    ],
)
def test_a_clock_is_judged_by_what_lies_outside_of_the_question(
    there_s: float, health: Health, found: str
) -> None:
    checked = clock("clock", there_s=there_s, asked_s=100.0, answered_s=103.0)

    assert checked.health is health
    assert found in checked.found


def test_a_slow_answer_is_no_skew() -> None:
    checked = clock("clock", there_s=100.0, asked_s=100.0, answered_s=160.0)

    assert checked.health is Health.GOOD
