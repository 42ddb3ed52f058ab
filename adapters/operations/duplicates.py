"""The text of a duplicate key error: applications take it apart, so that it is MongoDB's to the letter.

Source: observed on a server 6.0; values look as in its `BSONElement::toString`.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from adapters.operations.indexes import ID_INDEX, Entry
from adapters.query.failures import CommandFailure

DUPLICATE_KEY: Final = 11000


def duplicate_identity(namespace: str, identifier: Any) -> CommandFailure:
    """Return the refusal of an `_id` that another document has."""
    return _duplicate(namespace, ID_INDEX, {"_id": 1}, {"_id": identifier})


def duplicate_entry(namespace: str, entry: Entry) -> CommandFailure:
    """Return the refusal of a key of a unique index that another document has."""
    return _duplicate(namespace, entry.index.name, entry.index.key_pattern, entry.key_value)


def _duplicate(
    namespace: str, index: str, key_pattern: dict[str, Any], key_value: dict[str, Any]
) -> CommandFailure:
    text = duplicate_text(namespace, index, key_value)
    return CommandFailure(DUPLICATE_KEY, text, key_pattern=key_pattern, key_value=key_value)


def duplicate_text(namespace: str, index: str, key_value: Mapping[str, Any]) -> str:
    """Return what MongoDB says of a key that another document has."""
    return (
        f"E11000 duplicate key error collection: {namespace} index: {index} "
        f"dup key: {_document(key_value)}"
    )


def _document(fields: Mapping[str, Any]) -> str:
    if not fields:
        return "{}"
    return "{ " + ", ".join(f"{name}: {_value(value)}" for name, value in fields.items()) + " }"


def _value(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return _double(value)
        case int():
            return str(int(value))
        case str():
            return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'
        case ObjectId():
            return f"ObjectId('{value}')"
        case DatetimeMS():
            return f"new Date({int(value)})"
        case Decimal128():
            return str(value)
        case Timestamp():
            return f"Timestamp({value.time}, {value.inc})"
        case Regex():
            return f"/{value.pattern}/"
        case Code():
            return str(value)
        case Binary():
            return f"BinData({value.subtype}, {value.hex().upper()})"
        case bytes():
            return f"BinData(0, {value.hex().upper()})"
        case MinKey():
            return "MinKey"
        case MaxKey():
            return "MaxKey"
        case Mapping():
            return _document(value)
        case list():
            return "[ " + ", ".join(map(_value, value)) + " ]" if value else "[]"
        case _:
            return str(value)


def _double(value: float) -> str:
    return f"{value:.1f}" if value.is_integer() and abs(value) < 1e16 else repr(value)
