"""The types of BSON by number and by name.

Source: MongoDB manual, "BSON Types"; BSON specification 1.1.
"""

from collections.abc import Mapping
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

from comparators.canonical import MISSING

CODE_WITH_SCOPE: Final = 15
OBJECT: Final = 3
ARRAY: Final = 4
INT: Final = 16
LONG: Final = 18
INT32_MIN: Final = -(2**31)
INT32_MAX: Final = 2**31 - 1

TYPE_NUMBERS: Final[Mapping[str, int]] = {
    "double": 1,
    "string": 2,
    "object": OBJECT,
    "array": ARRAY,
    "binData": 5,
    "undefined": 6,
    "objectId": 7,
    "bool": 8,
    "date": 9,
    "null": 10,
    "regex": 11,
    "dbPointer": 12,
    "javascript": 13,
    "symbol": 14,
    "javascriptWithScope": CODE_WITH_SCOPE,
    "int": INT,
    "timestamp": 17,
    "long": LONG,
    "decimal": 19,
    "minKey": -1,
    "maxKey": 127,
}
TYPE_NAMES: Final[Mapping[int, str]] = {number: name for name, number in TYPE_NUMBERS.items()}
NUMBER_TYPES: Final = frozenset({1, INT, LONG, 19})

_NUMBERS_BY_CLASS: Final[Mapping[type, int]] = {
    float: 1,
    str: 2,
    dict: OBJECT,
    DBRef: OBJECT,
    list: ARRAY,
    bytes: 5,
    Binary: 5,
    ObjectId: 7,
    bool: 8,
    DatetimeMS: 9,
    type(None): 10,
    Regex: 11,
    int: INT,
    Timestamp: 17,
    Int64: LONG,
    Decimal128: 19,
    MinKey: -1,
    MaxKey: 127,
}


def type_number(value: Any) -> int:
    """Return the number of a value's BSON type; TypeError for what no BSON value decodes to."""
    number = _NUMBERS_BY_CLASS.get(type(value))
    if number == INT and not INT32_MIN <= value <= INT32_MAX:
        return LONG
    if number is not None:
        return number
    if isinstance(value, Code):
        return TYPE_NUMBERS["javascript"] if value.scope is None else CODE_WITH_SCOPE
    raise TypeError(f"{type(value).__name__} is no BSON value")


def type_name(value: Any) -> str:
    """Return the alias of a value's BSON type; `missing` for a field that is not there."""
    return "missing" if value is MISSING else TYPE_NAMES[type_number(value)]


def is_number(value: Any) -> bool:
    """Return whether a value is an int, long, double or decimal."""
    return isinstance(value, int | float | Decimal128) and not isinstance(value, bool)


def is_document(value: Any) -> bool:
    """Return whether a value is an embedded document."""
    return isinstance(value, dict | DBRef)


def truth(value: Any) -> bool:
    """Return whether MongoDB takes a value for true: all but false, null, missing and zero."""
    if value is True:
        return True
    if value is None or value is MISSING:
        return False
    if isinstance(value, Decimal128):
        return bool(value.to_decimal() != 0)
    return not isinstance(value, int | float) or bool(value != 0)
