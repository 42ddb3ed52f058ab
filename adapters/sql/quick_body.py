"""The `_id` and the body of a document straight from its BSON, for very many documents at once.

`body.body_of` asks each value for its type. Here the JSON encoder of Python's library, which is written in C, meets only values
that it writes as `body_of` would; the few others are given to it as something that it can write.
"""

import json
from typing import Any, Final

import bson
from bson.code import Code
from bson.codec_options import CodecOptions, DatetimeConversion, TypeDecoder, TypeRegistry
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.int64 import Int64
from bson.objectid import ObjectId

from adapters.sql.body import EXACT_WHOLE, SCALARS, body_of
from comparators.canonical import decode

_EXACT_IDENTIFIERS: Final = frozenset({ObjectId, str})
_ESCAPED_NUL: Final = "\\u0000"


class _Spoken:
    """A value as `body_of` would write it: as a string or a number in text."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _Codes(TypeDecoder):
    """Code is a string to the encoder, and has to be told apart before."""

    bson_type = Code

    def transform_bson(self, value: Any) -> _Spoken:
        return _Spoken(SCALARS[Code](value))


class _Wholes(TypeDecoder):
    """64-bit numbers go through the nearest double where that is not exact."""

    bson_type = Int64

    def transform_bson(self, value: Any) -> int | float:
        return value if -EXACT_WHOLE <= value <= EXACT_WHOLE else float(value)


_CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    document_class=dict,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    type_registry=TypeRegistry([_Codes(), _Wholes()]),
)


def identified_body(document: bytes) -> tuple[Any, str]:
    """Return the canonical `_id` of a document, and its body as `body_of` would write it."""
    values = bson.decode(document, _CODEC)
    identifier = values["_id"]
    if type(identifier) not in _EXACT_IDENTIFIERS:
        identifier = decode(document)["_id"]
    try:
        text = _encode(values)
    except ValueError:
        # NaN and infinities, of which JSON knows nothing.
        return identifier, body_of(decode(document))
    if _ESCAPED_NUL in text:
        return identifier, body_of(decode(document))
    return identifier, text


def _beside(value: Any) -> Any:
    kind = type(value)
    if kind is ObjectId:
        return str(value)
    if kind is DatetimeMS:
        whole = int(value)
        return whole if -EXACT_WHOLE <= whole <= EXACT_WHOLE else float(whole)
    if kind is DBRef:
        return value.as_doc()
    # Each writes a string or a number: read back, the encoder writes it alike.
    return json.loads(value.text if kind is _Spoken else SCALARS[kind](value))


_encode: Final = json.JSONEncoder(
    ensure_ascii=False,
    check_circular=False,
    allow_nan=False,
    separators=(",", ":"),
    default=_beside,
).encode
