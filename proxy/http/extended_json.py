"""Relaxed Extended JSON: BSON values as JSON, both ways.

Numbers and dates of the usual range are plain, everything else JSON lacks is an object with a `$` name.
Source: MongoDB Specifications, "Extended JSON (v2)".
"""

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import bson
import orjson
from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from bson.int64 import Int64
from bson.objectid import ObjectId

from comparators.canonical import CODEC
from proxy.http.problems import Code, ProblemError

MAX_DEPTH: Final = 100
"""MongoDB stores documents of 100 levels, and takes commands of a few more."""
_OPTIONS: Final = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED,
    datetime_conversion=DatetimeConversion.DATETIME_MS,
    uuid_representation=UuidRepresentation.UNSPECIFIED,
    tz_aware=False,
)
_REFUSED: Final = (
    TypeError,
    ValueError,
    ArithmeticError,
    KeyError,
    AttributeError,
    BSONError,
)
"""What `json_util` raises for an object that only looks like a value."""
_FIRST_MS: Final = 0
_LAST_MS: Final = 253_402_300_799_999
"""Dates before 1970 and after 9999 are told as numbers."""
_SECONDS: Final = len("2026-01-01T00:00:00")
_SECONDS_KEPT: Final = 4096
_MAX_EXACT: Final = 2**53
_LONG: Final = re.compile(r"-?\d+")
_MIN_INT64: Final = -(2**63)
_MAX_INT64: Final = 2**63 - 1


def loads(text: bytes | str) -> Any:
    """Return the value of relaxed (or canonical) Extended JSON; ProblemError for anything else."""
    try:
        value = _READER.decode(text if isinstance(text, str) else _text(text))
    except RecursionError as error:
        raise _too_deep() from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ProblemError(Code.BAD_JSON, f"not JSON: {error}") from error
    _check_depth(value, MAX_DEPTH)
    _check_storable(value)
    return value


def dumps(value: Any) -> bytes:
    """Return a value as relaxed Extended JSON."""
    made = _writable(value)
    try:
        return orjson.dumps(made, default=_shown, option=orjson.OPT_PASSTHROUGH_SUBCLASS)
    except orjson.JSONEncodeError:
        # A tree of answers may be deeper than that goes: the standard library goes four times as deep.
        return _plainly(made).encode()


def _plainly(value: Any) -> str:
    return json.dumps(value, default=_shown, ensure_ascii=False, separators=(",", ":"))


def _writable(value: Any) -> Any:
    """Return a value that the writer takes: of JSON's own types, and of those that `_shown` is asked about."""
    made = _MADE.get(type(value))
    if made is not None:
        return made(value)
    return value if type(value) in _TAKEN else _other(value)


def _document(value: dict[str, Any]) -> dict[str, Any]:
    # Most documents hold nothing else: they are looked at by the interpreter's own loops alone.
    if _TAKEN.issuperset(map(type, value.values())):
        return value
    return {name: _writable(item) for name, item in value.items()}


def _array(value: list[Any]) -> list[Any]:
    if _TAKEN.issuperset(map(type, value)):
        return value
    return [_writable(item) for item in value]


def _other(value: Any) -> Any:
    # What that makes are documents of classes of their own.
    return json.loads(_plainly(json_util.default(value, _OPTIONS)))


def _shown(value: Any) -> Any:
    """Return a value that JSON does not have; what else it is asked about, no document holds."""
    return _SHOWN[type(value)](value)


def _double(value: float) -> Any:
    if math.isfinite(value):
        return value
    return {"$numberDouble": "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"}  # noqa: PLR0124


def _date(value: DatetimeMS) -> dict[str, Any]:
    ms = int(value)
    if not _FIRST_MS <= ms <= _LAST_MS:
        return {"$date": {"$numberLong": str(ms)}}
    told = _second(ms // 1000)
    return {"$date": f"{told}.{ms % 1000:03d}Z" if ms % 1000 else f"{told}Z"}


@lru_cache(_SECONDS_KEPT)
def _second(seconds: int) -> str:
    """Return a time of day: every document has two, which are often the same."""
    # Several times as fast as `strftime`.
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:_SECONDS]


_SHOWN: Final[Mapping[type, Callable[[Any], Any]]] = {
    Int64: int,
    ObjectId: lambda value: {"$oid": str(value)},
    DatetimeMS: _date,
}
_TAKEN: Final = frozenset({str, int, bool, type(None), *_SHOWN})
"""No float: of one that is not finite, the writer would make null."""
_MADE: Final[Mapping[type, Callable[[Any], Any]]] = {
    dict: _document,
    list: _array,
    float: _double,
}


def _object(pairs: list[tuple[str, Any]]) -> Any:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ProblemError(Code.BAD_JSON, "an object has the same name twice")
    if not any(name.startswith("$") for name in document):
        return document
    if document.keys() == {"$numberLong"}:
        return _long(document["$numberLong"])
    try:
        return json_util.object_hook(document, _OPTIONS)
    except _REFUSED as error:
        named = next(name for name in document if name.startswith("$"))
        raise ProblemError(
            Code.BAD_DOCUMENT, f"not a value of Extended JSON at {named[:40]!r}"
        ) from error


def _constant(name: str) -> float:
    raise ProblemError(
        Code.BAD_JSON, f'{name} is not JSON; Extended JSON has {{"$numberDouble": "{name}"}}'
    )


def _float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ProblemError(Code.BAD_DOCUMENT, "a number is too large for a double")
    return value


def _int(text: str) -> int:
    # int() refuses more than 4300 digits by itself.
    value = int(text) if len(text) <= len(str(_MIN_INT64)) else _MAX_INT64 + 1
    if not _MIN_INT64 <= value <= _MAX_INT64:
        raise ProblemError(Code.BAD_DOCUMENT, "a whole number is too large for 64 bits")
    # Models take plain numbers for JavaScript's, which end here.
    return value if abs(value) <= _MAX_EXACT else Int64(value)


def _long(text: Any) -> Int64:
    if not isinstance(text, str) or _LONG.fullmatch(text) is None:
        raise ProblemError(Code.BAD_DOCUMENT, "`$numberLong` takes a whole number as text")
    return Int64(_int(text))


_READER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_constant=_constant, parse_float=_float, parse_int=_int
)
"""As `json.loads` would make one for every text."""


def _text(given: bytes) -> str:
    """Return the text of JSON as `json.loads` reads it; surrogates are refused with the rest that cannot be stored."""
    return given.decode(json.detect_encoding(given), "surrogatepass")


def _check_depth(value: Any, levels: int) -> None:
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, list):
        return
    if not levels:
        raise _too_deep()
    for item in value:
        _check_depth(item, levels - 1)


def _check_storable(value: Any) -> None:
    """Refuse what JSON can say and BSON cannot: U+0000 in names, half a surrogate pair, numbers beyond 64 bits."""
    try:
        bson.encode({"": value}, codec_options=CODEC)
    except UnicodeEncodeError as error:
        raise ProblemError(Code.BAD_DOCUMENT, "a text holds half a surrogate pair") from error
    except (BSONError, OverflowError) as error:
        raise ProblemError(Code.BAD_DOCUMENT, f"no value of BSON: {error}") from error


def _too_deep() -> ProblemError:
    return ProblemError(Code.TOO_DEEP, f"more than {MAX_DEPTH} levels of nesting")
