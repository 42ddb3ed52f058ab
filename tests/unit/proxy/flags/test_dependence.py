from typing import Any

import pytest

from proxy.flags.dependence import VARIABLES, Dependence, mentioned_by

NOTHING = Dependence(on_session=False, on_shape=False)


def document(targeting: dict[str, Any] | None) -> dict[str, Any]:
    rule = {} if targeting is None else {"targeting": targeting}
    return {
        "flags": {"reads": {"state": "ENABLED", **rule}},
        "$evaluators": {"rare": {"==": [{"var": "shape"}, "3f"]}},
    }


def test_a_flag_that_is_not_there_mentions_nothing_and_is_told_apart() -> None:
    assert mentioned_by(document(None), "reads:app.users") is None
    assert mentioned_by(document(None), "reads") == frozenset()
    assert Dependence.of(None) == NOTHING
    assert Dependence.of(VARIABLES) == Dependence(on_session=True, on_shape=True)


@pytest.mark.parametrize(
    ("targeting", "on_session", "on_shape"),
    [
        ({}, False, False),
        ({"if": [{"==": [{"var": "application"}, "export"]}, "off", "shadow"]}, False, False),
        ({"if": [{"==": [{"var": "session"}, "aa"]}, "gateway", "shadow"]}, True, False),
        ({"if": [{"in": [{"var": ["shape", ""]}, ["3f"]]}, "gateway", "shadow"]}, False, True),
        ({"if": [{"$ref": "rare"}, "gateway", "shadow"]}, False, True),
        ({"fractional": [["gateway", 5], ["shadow", 95]]}, True, False),
        ({"fractional": [{"var": "shape"}, ["gateway", 5], ["shadow", 95]]}, True, True),
    ],
)
def test_what_a_rule_looks_at(targeting: dict[str, Any], on_session: bool, on_shape: bool) -> None:
    found = mentioned_by(document(targeting), "reads")

    assert Dependence.of(found) == Dependence(on_session=on_session, on_shape=on_shape)
