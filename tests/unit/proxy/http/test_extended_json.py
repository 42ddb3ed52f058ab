"""What is JSON, what is BSON, and what is neither."""

from typing import Any

import pytest
from bson.binary import Binary
from bson.code import Code as JavaScript
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from proxy.http.extended_json import MAX_DEPTH, dumps, loads
from proxy.http.problems import Code, ProblemError


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", Code.BAD_JSON),
        ("{", Code.BAD_JSON),
        ("NaN", Code.BAD_JSON),
        ('{"a": -Infinity}', Code.BAD_JSON),
        ('{"a": 1, "a": 2}', Code.BAD_JSON),
        (b"\xff", Code.BAD_JSON),
        (b'"\xed\xa0\x80"', Code.BAD_DOCUMENT),
        ('"\\ud800"', Code.BAD_DOCUMENT),
        ('{"a\\u0000": 1}', Code.BAD_DOCUMENT),
        ("1e999", Code.BAD_DOCUMENT),
        ("9" * 5000, Code.BAD_DOCUMENT),
        (str(2**63), Code.BAD_DOCUMENT),
        ('{"$oid": "zz"}', Code.BAD_DOCUMENT),
        ('{"$oid": 3}', Code.BAD_DOCUMENT),
        ('{"$date": "yesterday"}', Code.BAD_DOCUMENT),
        ('{"$date": {}}', Code.BAD_DOCUMENT),
        ('{"$numberLong": 5}', Code.BAD_DOCUMENT),
        ('{"$numberLong": "99999999999999999999"}', Code.BAD_DOCUMENT),
        ('{"$numberDecimal": "x"}', Code.BAD_DOCUMENT),
        ('{"$binary": {"base64": "=", "subType": "zz"}}', Code.BAD_DOCUMENT),
        ('{"$timestamp": {"t": -1, "i": 1e99}}', Code.BAD_DOCUMENT),
        ('{"$regularExpression": {"pattern": 1, "options": 2}}', Code.BAD_DOCUMENT),
        ('{"$dbPointer": {"$ref": "a", "$id": 1}}', Code.BAD_DOCUMENT),
        ("[" * 1_000_000, Code.TOO_DEEP),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), Code.TOO_DEEP),
    ],
)
def test_what_cannot_be_stored_is_refused(text: str | bytes, code: Code) -> None:
    with pytest.raises(ProblemError) as refused:
        loads(text)

    assert refused.value.code is code


def test_as_many_levels_as_a_document_may_have_are_read() -> None:
    text = '{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH

    assert dumps(loads(text)).decode() == text


def test_whole_numbers_are_kept_to_the_last_digit() -> None:
    for number in (0, -1, 2**31, 2**53, 2**53 + 1, -(2**63), 2**63 - 1):
        assert dumps(loads(str(number))) == str(number).encode()
    assert type(loads(str(2**53 + 1))) is Int64
    assert type(loads('{"$numberLong": "5"}')) is Int64


def test_operators_stay_operators() -> None:
    text = '{"$and":[{"a":{"$gte":1,"$in":[2]}},{"b":{"$exists":true}}]}'

    assert dumps(loads(text)).decode() == text


@pytest.mark.parametrize(
    "told",
    [
        '"1970-01-01T00:00:00Z"',
        '"2026-01-02T03:04:05.006Z"',
        '"9999-12-31T23:59:59.999Z"',
        '{"$numberLong":"-1"}',
        '{"$numberLong":"253402300800000"}',
    ],
)
def test_dates_beyond_what_text_can_say_are_numbers(told: str) -> None:
    assert dumps(loads(f'{{"$date":{told}}}')).decode() == f'{{"$date":{told}}}'


ID = ObjectId("6b08c0690b55816ffc64a5c1")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (1.0, "1.0"),
        (-0.0, "-0.0"),
        (float("nan"), '{"$numberDouble":"NaN"}'),
        (float("-inf"), '{"$numberDouble":"-Infinity"}'),
        (Int64(2**60), str(2**60)),
        (True, "true"),
        (None, "null"),
        ('\u00e4 \u2028 \U0001f600 "', '"\u00e4 \u2028 \U0001f600 \\""'),
        (ID, '{"$oid":"6b08c0690b55816ffc64a5c1"}'),
        (DatetimeMS(1_000), '{"$date":"1970-01-01T00:00:01Z"}'),
        (b"ab", '{"$binary":{"base64":"YWI=","subType":"00"}}'),
        (Binary(b"ab", 5), '{"$binary":{"base64":"YWI=","subType":"05"}}'),
        (JavaScript("f()"), '{"$code":"f()"}'),
        (
            JavaScript("f()", {"x": ID}),
            '{"$code":"f()","$scope":{"x":{"$oid":"6b08c0690b55816ffc64a5c1"}}}',
        ),
        (DBRef("c", ID), '{"$ref":"c","$id":{"$oid":"6b08c0690b55816ffc64a5c1"}}'),
        (Decimal128("1.10"), '{"$numberDecimal":"1.10"}'),
        (Regex("a", "i"), '{"$regularExpression":{"pattern":"a","options":"i"}}'),
        (Timestamp(1, 2), '{"$timestamp":{"t":1,"i":2}}'),
        (MaxKey(), '{"$maxKey":1}'),
    ],
)
def test_every_type_is_told_wherever_it_stands(value: Any, told: str) -> None:
    assert dumps(value).decode() == told
    assert dumps({"a": value, "b": "x"}).decode() == f'{{"a":{told},"b":"x"}}'
    assert (
        dumps({"a": [1, value, {"b": [value]}]}).decode() == f'{{"a":[1,{told},{{"b":[{told}]}}]}}'
    )


def test_what_is_deeper_than_a_document_is_told_too() -> None:
    tree: Any = {"_id": ID, "children": [1.5, float("inf")]}
    for _ in range(140):
        tree = {"_id": ID, "children": [tree]}

    told = dumps(tree)

    assert told.count(b'{"$oid":"6b08c0690b55816ffc64a5c1"}') == 141
    assert told.endswith(b'[1.5,{"$numberDouble":"Infinity"}]' + b"}]" * 140 + b"}")
