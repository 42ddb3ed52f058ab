from typing import Any
from uuid import UUID

import pytest
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from comparators.canonical import MISSING
from comparators.representation import same_meaning

IDENTIFIER = ObjectId("65f0c0ffee65f0c0ffee65f0")
MOMENT = DatetimeMS(1_700_000_000_123)
UNIQUE = UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("some", "other"),
    [
        (1, Int64(1)),
        (1, 1.0),
        (Decimal128("1.50"), 1.5),
        (None, MISSING),
        (IDENTIFIER, str(IDENTIFIER)),
        (IDENTIFIER, str(IDENTIFIER).upper()),
        (MOMENT, "2023-11-14T22:13:20.123Z"),
        (MOMENT, "2023-11-14T23:13:20.123+01:00"),
        (Binary.from_uuid(UNIQUE), str(UNIQUE)),
    ],
)
def test_these_stand_for_the_same(some: Any, other: Any) -> None:
    assert same_meaning(some, other)
    assert same_meaning(other, some)


@pytest.mark.parametrize(
    ("some", "other"),
    [
        (1, "1"),
        (1, True),
        (0, False),
        (0, None),
        ("", None),
        ("", MISSING),
        (1, 1.0000001),
        (IDENTIFIER, "65f0c0ffee65f0c0ffee65f1"),
        (IDENTIFIER, "twelve bytes"),
        (MOMENT, "2023-11-14T22:13:20.123"),
        (MOMENT, "2023-11-14T22:13:20.124Z"),
        (MOMENT, "yesterday"),
        (DatetimeMS(2**62), "2023-11-14T22:13:20.123Z"),
        (Binary.from_uuid(UNIQUE), "no unique text"),
        (Binary(b"abc"), "abc"),
        ("a", "b"),
        ([1], [1.0]),
    ],
)
def test_these_do_not(some: Any, other: Any) -> None:
    assert not same_meaning(some, other)
    assert not same_meaning(other, some)
