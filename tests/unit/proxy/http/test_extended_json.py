"""What is JSON, what is BSON, and what is neither."""

import pytest
from bson.int64 import Int64

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

    assert dumps(loads(text)) == text


def test_whole_numbers_are_kept_to_the_last_digit() -> None:
    for number in (0, -1, 2**31, 2**53, 2**53 + 1, -(2**63), 2**63 - 1):
        assert dumps(loads(str(number))) == str(number)
    assert type(loads(str(2**53 + 1))) is Int64
    assert type(loads('{"$numberLong": "5"}')) is Int64


def test_operators_stay_operators() -> None:
    text = '{"$and":[{"a":{"$gte":1,"$in":[2]}},{"b":{"$exists":true}}]}'

    assert dumps(loads(text)) == text


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
    assert dumps(loads(f'{{"$date":{told}}}')) == f'{{"$date":{told}}}'
