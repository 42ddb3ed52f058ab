"""What an update leaves alone."""

from copy import deepcopy
from typing import Any

import pytest
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.timestamp import Timestamp

from adapters.evaluate.clock import UNSET
from adapters.evaluate.update import updater
from adapters.query.update import parse_update

DOCUMENT: dict[str, Any] = {"_id": 1, "a": 1, "d": {"x": {"y": 1}, "l": [1, {"z": 2}]}}


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"d.x.y": 2}, "$push": {"d.l": 3}},
        {"$inc": {"d.l.1.z": 1}, "$unset": {"d.x": 1}},
        {"$rename": {"d.x": "e"}},
        {"$set": {"d.l.$[]": 0}},
        {"a": 2},
        [{"$set": {"d.x.y": 3}}],
    ],
    ids=str,
)
def test_the_stored_document_stays_whole(update: Any) -> None:
    document = deepcopy(DOCUMENT)

    after = updater(parse_update(update), now_ms=0)(document)

    assert document == DOCUMENT
    assert after != DOCUMENT


@pytest.mark.parametrize(
    "update",
    [
        {"$set": {"a": 1}},
        {"$unset": {"q": 1}},
        {"$max": {"a": 0}},
        {"$addToSet": {"d.l": 1.0}},
        {"$push": {"d.l": {"$each": []}}},
        {"$setOnInsert": {"b": 1}},
        {"_id": 1, "a": 1, "d": {"x": {"y": 1}, "l": [1, {"z": 2}]}},
        [{"$set": {"a": 1}}],
    ],
    ids=str,
)
def test_what_comes_to_nothing_gives_the_same_document(update: Any) -> None:
    document = deepcopy(DOCUMENT)

    assert updater(parse_update(update), now_ms=0)(document) is document


@pytest.mark.parametrize(
    "update",
    [{"$inc": {"a": Int64(0)}}, {"$push": {"d.l": {"$each": [0], "$slice": 2}}}, {"a": 1}],
    ids=str,
)
def test_what_counts_as_modified_gives_another_document(update: Any) -> None:
    document = deepcopy(DOCUMENT)

    assert updater(parse_update(update), now_ms=0)(document) is not document


def test_current_date_is_the_clock_that_was_given() -> None:
    change = updater(parse_update({"$currentDate": {"at": True}}), now_ms=1234)

    assert change({"_id": 1})["at"] == DatetimeMS(1234)


def test_a_timestamp_of_the_server_is_made_of_the_time_given() -> None:
    change = {"$currentDate": {"at": {"$type": "timestamp"}}}

    updated = updater(parse_update(change), now_ms=5_999)({"_id": 1})
    replaced = updater(parse_update({"at": UNSET, "inside": {"at": UNSET}}), now_ms=5_999)(
        {"_id": 1}
    )

    assert updated == {"_id": 1, "at": Timestamp(5, 1)}
    assert replaced == {"_id": 1, "at": Timestamp(5, 1), "inside": {"at": UNSET}}
