"""The BSON types by the names that expressions use for them.

Source: MongoDB manual, "BSON Types".
"""

from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from adapters.evaluate.numbers import INT_MAX, INT_MIN
from comparators.canonical import MISSING, Missing


class Absent(Enum):
    """The type of the one value that stands for an argument left out."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT

_NAMES: Final[Mapping[type, str]] = {
    Missing: "missing",
    MinKey: "minKey",
    MaxKey: "maxKey",
    type(None): "null",
    float: "double",
    str: "string",
    dict: "object",
    DBRef: "object",
    list: "array",
    Binary: "binData",
    bytes: "binData",
    ObjectId: "objectId",
    bool: "bool",
    DatetimeMS: "date",
    Regex: "regex",
    Timestamp: "timestamp",
    Int64: "long",
    Decimal128: "decimal",
}


def type_name(value: Any) -> str:
    """Return the name `$type` gives a value; `missing` for a field that is not there."""
    kind = type(value)
    if kind is int:
        return "int" if INT_MIN <= value <= INT_MAX else "long"
    if kind is Code:
        return "javascript" if value.scope is None else "javascriptWithScope"
    name = _NAMES.get(kind)
    if name is None:
        raise TypeError(f"{kind.__name__} is no BSON value")
    return name


def is_nullish(value: Any) -> bool:
    """Return whether a value is null or missing."""
    return value is None or value is MISSING


def truth(value: Any) -> bool:
    """Return a value as a condition: null, missing, false and zero are false."""
    kind = type(value)
    if kind is bool:
        return bool(value)
    if value is None or value is MISSING:
        return False
    if kind in {int, Int64, float}:
        return bool(value != 0)
    if kind is Decimal128:
        return bool(value.to_decimal() != 0)
    return True
