"""What answers of MongoDB mean that no embedded server gives."""

from typing import Any

import pytest

from proxy.cli.checks.finding import Health
from proxy.cli.checks.legacy import privileges, topology, version


@pytest.mark.parametrize(
    ("number", "health"),
    [((4, 2), Health.DOUBTFUL), ((4, 4), Health.GOOD), ((8, 0), Health.GOOD)],
)
def test_old_servers_are_a_doubt(number: tuple[int, int], health: Health) -> None:
    build = {"version": f"{number[0]}.{number[1]}.0", "versionArray": [*number, 0, 0]}

    assert version(build).health is health


def test_a_sharded_cluster_is_a_problem() -> None:
    checked = topology({"isWritablePrimary": True, "msg": "isdbgrid"})

    assert checked.health is Health.BAD
    assert "sharded" in checked.remedy


@pytest.mark.parametrize(
    ("resource", "actions", "health"),
    [
        ({"db": "", "collection": ""}, ["find"], Health.GOOD),
        ({"anyResource": True}, ["anyAction"], Health.GOOD),
        ({"db": "app", "collection": ""}, ["find"], Health.DOUBTFUL),
        ({"db": "", "collection": ""}, ["listIndexes"], Health.DOUBTFUL),
        ({"cluster": True}, ["find"], Health.DOUBTFUL),
    ],
)
def test_who_may_read_every_database(
    resource: dict[str, Any], actions: list[str], health: Health
) -> None:
    login = {
        "authenticatedUsers": [{"user": "ada", "db": "admin"}],
        "authenticatedUserPrivileges": [{"resource": resource, "actions": actions}],
    }

    assert privileges(login).health is health
