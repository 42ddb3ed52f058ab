"""Random values of all BSON types, and documents whose fields are more often of one kind than not."""

from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import strategies as st

ints = st.sampled_from([0, 1, -1, 2, 3, 7, 10, 100, 2**31 - 1, -(2**31)])
longs = st.sampled_from([0, 1, -5, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]).map(Int64)
doubles = st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.5, 2.5, 3.14159, 1e10, 2.0**63, float("inf")])
decimals = st.sampled_from(["0", "1", "1.0", "-2.50", "0.1", "1E+3", "12345678901234567890"]).map(
    Decimal128
)
numbers = st.one_of(ints, ints, longs, doubles, decimals)
texts = st.sampled_from(["", "a", "b", "ab", "Hello", "héllo", "a,b,c", "  x ", "2020-01-02", "12"])
dates = st.sampled_from([0, 1, 1_577_836_799_999, 1_700_000_000_123, -1, 951_782_400_000]).map(
    DatetimeMS
)
others = st.sampled_from(
    [
        None,
        True,
        False,
        ObjectId("65543210aabbccddeeff0011"),
        Timestamp(5, 1),
        Regex("a", "i"),
        b"\x01\x02",
    ]
)
scalars: st.SearchStrategy[Any] = st.one_of(numbers, texts, dates, others)
arrays = st.one_of(
    st.lists(numbers, max_size=4),
    st.lists(texts, max_size=4),
    st.lists(scalars, max_size=3),
    st.lists(st.lists(ints, max_size=2), max_size=3),
    st.lists(st.dictionaries(st.sampled_from("xyk"), ints, max_size=2), max_size=3),
)
objects = st.dictionaries(st.sampled_from("xyzk"), st.one_of(scalars, arrays), max_size=3)
values: st.SearchStrategy[Any] = st.one_of(scalars, scalars, arrays, objects)

FIELDS = {
    "a": numbers,
    "b": numbers,
    "s": texts,
    "t": arrays,
    "o": objects,
    "d": dates,
    "v": values,
}


def documents() -> st.SearchStrategy[dict[str, Any]]:
    """Give documents with some of the fields, one of them now and then of any type at all."""
    fields: dict[str, st.SearchStrategy[Any]] = {
        name: st.one_of(kind, kind, kind, values) for name, kind in FIELDS.items()
    }
    return st.fixed_dictionaries({"_id": st.just(1)}, optional=fields)
