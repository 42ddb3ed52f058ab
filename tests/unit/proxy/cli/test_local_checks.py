from datetime import date
from pathlib import Path

import pytest

from proxy.cli.checks.finding import Health
from proxy.cli.checks.local import check_rules
from proxy.settings import Settings

RULE = """
[[rule]]
name = "clock"
effect = "ignore"
collection = "users"
path = "seenAt"
owner = "ada@example.org"
reason = "each side sets it"
expires = 2027-03-31
"""


@pytest.mark.parametrize(
    ("today", "health", "found"),
    [
        (date(2027, 1, 1), Health.GOOD, "1 in "),
        (date(2027, 3, 2), Health.DOUBTFUL, "clock expires on 2027-03-31 (ada@example.org)"),
        (date(2027, 3, 31), Health.DOUBTFUL, "expires on"),
        (date(2027, 4, 1), Health.BAD, "expired on 2027-03-31"),
    ],
)
def test_the_end_of_a_rule_is_told_before_it_stops_anything(
    today: date, health: Health, found: str, tmp_path: Path
) -> None:
    file = tmp_path / "rules.toml"
    file.write_text(RULE)

    checked = check_rules(file, today)

    assert checked.health is health
    assert found in checked.found


def test_the_rules_that_ship_with_parallax_are_good() -> None:
    assert check_rules(Settings().rules_file, date.max).health is Health.GOOD
