"""Whether two values of different types stand for the same: what documents keep in one of several ways, and tables in one."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from comparators.canonical import MISSING, document_key

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def same_meaning(some: Any, other: Any) -> bool:
    """Return whether two values stand for the same, whatever their types.

    Numbers of one value, null and a missing field, and an ObjectId, a date or a UUID beside the text that it is written as. A date
    without a zone stands for no moment.
    """
    if _is_number(some) and _is_number(other):
        return document_key(some) == document_key(other)
    if isinstance(some, str):
        some, other = other, some
    if isinstance(other, str):
        return _is_written_as(some, other)
    return {type(some), type(other)} == {type(None), type(MISSING)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal128) and not isinstance(value, bool)


def _is_written_as(value: Any, text: str) -> bool:
    try:
        match value:
            case ObjectId():
                return ObjectId.is_valid(text) and ObjectId(text) == value
            case DatetimeMS():
                return (datetime.fromisoformat(text) - _EPOCH).total_seconds() * 1000 == int(value)
            case Binary() if value.subtype == UUID_SUBTYPE:
                return UUID(text).bytes == bytes(value)
    except (ValueError, TypeError, OverflowError):
        # It is no such text: no date, one without a zone, no UUID.
        return False
    return False
