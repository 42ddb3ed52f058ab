"""`$toHashedIndexKey`: the number that a hashed index keeps for a value.

It is the beginning of an MD5 sum over the value, in which numbers of all types count as whole numbers. Source: the
keys of hashed indexes of a server 6.0.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import bson
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from adapters.evaluate.numbers import LONG_MAX, LONG_MIN, is_number
from adapters.query.types import type_name
from comparators.canonical import CODEC, MISSING

_CLASSES: Final[Mapping[str, int]] = {
    "minKey": -1,
    "null": 5,
    "string": 15,
    "object": 20,
    "array": 25,
    "binData": 30,
    "objectId": 35,
    "bool": 40,
    "date": 45,
    "timestamp": 47,
    "regex": 50,
    "javascript": 60,
    "javascriptWithScope": 65,
    "maxKey": 127,
}
"""The place of a type in the order of types; numbers have another."""
_NUMBER: Final = 10
_SEED: Final = bytes(4)
_END: Final = bytes(4)
_JUST_TOO_LARGE: Final = 2.0**63


def hashed_index_key(value: Any) -> Int64:
    """Return the hash of a value; a missing one counts as null."""
    digest = hashlib.md5(_SEED + _hashed(None if value is MISSING else value, b""))  # noqa: S324 - MongoDB's choice
    return Int64(int.from_bytes(digest.digest()[:8], "little", signed=True))


def _hashed(value: Any, name: bytes) -> bytes:
    """Return the bytes that go into the sum for a value under a name."""
    if is_number(value):
        return _class(_NUMBER) + name + _whole(value).to_bytes(8, "little", signed=True)
    head = _class(_CLASSES[type_name(value)]) + name
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, dict):
        return head + _fields(value)
    if isinstance(value, list):
        return head + _fields({str(place): item for place, item in enumerate(value)})
    if isinstance(value, Code) and value.scope is not None:
        return head + str(value).encode() + b"\0" + _fields(dict(value.scope))
    # A type, an empty name, the value, and the end of the document.
    return head + bson.encode({"": value}, codec_options=CODEC)[6:-1]


def _fields(document: Mapping[str, Any]) -> bytes:
    fields = [_hashed(item, name.encode() + b"\0") for name, item in document.items()]
    return b"".join(fields) + _END


def _class(number: int) -> bytes:
    return number.to_bytes(4, "little", signed=True)


def _whole(value: Any) -> int:
    exact = value.to_decimal() if isinstance(value, Decimal128) else value
    if math.isnan(exact):
        return 0
    if math.isinf(exact):
        return LONG_MAX if exact > 0 else LONG_MIN
    if exact == _JUST_TOO_LARGE and isinstance(exact, float):
        # As an old server cast it.
        return LONG_MIN
    # A decimal is rounded, a double cut.
    whole = round(exact) if isinstance(exact, Decimal) else int(exact)
    return min(max(whole, LONG_MIN), LONG_MAX)


EXPRESSIONS: Final[Mapping[str, Callable[[Sequence[Any]], Any]]] = {
    "$toHashedIndexKey": lambda arguments: hashed_index_key(arguments[0])
}
