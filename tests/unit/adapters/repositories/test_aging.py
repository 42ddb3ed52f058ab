from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS

from adapters.gateway import Expiry
from adapters.repositories.aging import living

ALIVE = {"$not": {"$lte": DatetimeMS(4_000)}}


@pytest.mark.parametrize(
    ("condition", "living_ones"),
    [
        ({}, {"a": ALIVE}),
        ({"b": 1}, {"b": 1, "a": ALIVE}),
        ({"$or": [{"a": 1}]}, {"$or": [{"a": 1}], "a": ALIVE}),
        ({"a": 1}, {"$and": [{"a": 1}, {"a": ALIVE}]}),
    ],
)
def test_what_has_expired_is_left_out_and_nothing_asked_for_is_lost(
    condition: dict[str, Any], living_ones: dict[str, Any]
) -> None:
    assert living(condition, [Expiry(path="a", after_s=1)], 5_000) == living_ones


def test_two_indexes_on_one_path_count_both() -> None:
    expiries = [Expiry(path="a", after_s=1), Expiry(path="a", after_s=5)]

    assert living({}, expiries, 6_000) == {
        "$and": [
            {},
            {"a": {"$not": {"$lte": DatetimeMS(5_000)}}},
            {"a": {"$not": {"$lte": DatetimeMS(1_000)}}},
        ]
    }
