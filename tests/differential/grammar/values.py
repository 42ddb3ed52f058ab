"""Values of all BSON types, and documents with few field names."""

from typing import Any

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import strategies as st

Value = st.SearchStrategy[Any]
Documents = st.SearchStrategy[dict[str, Any]]

NAMES = ("a", "b", "c", "0", "1")
names = st.sampled_from(NAMES)

numbers: Value = st.sampled_from(
    [
        0,
        1,
        2,
        5,
        -1,
        2**31 - 1,
        -(2**31),
        Int64(1),
        Int64(2),
        Int64(2**53 + 1),
        Int64(2**63 - 1),
        0.0,
        -0.0,
        1.0,
        2.5,
        1e300,
        float("nan"),
        float("inf"),
        Decimal128("1"),
        Decimal128("1.00"),
        Decimal128("2.5"),
        Decimal128("NaN"),
        Int64(-(2**63)),
        2.0**53 + 2,
        2.0**63,
        5e-324,
        float("-inf"),
        Decimal128("-0"),
        Decimal128("0E-20"),
        Decimal128("-Infinity"),
        Decimal128("9.999999999999999999999999999999999E+6144"),
    ]
)
strings: Value = st.sampled_from(
    ["", "a", "b", "ab", "A", "a\nb", "é", "1", "a\0b", "\U0001d11e", "\uffff", "İ", "0"]
)
others: Value = st.sampled_from(
    [
        None,
        True,
        False,
        ObjectId("0" * 24),
        ObjectId("f" * 24),
        DatetimeMS(0),
        DatetimeMS(-1),
        DatetimeMS(-(2**53)),
        DatetimeMS(2**63 - 1),
        Timestamp(1, 1),
        Binary(b"\x03", 0),
        Binary(b"\x03", 5),
        Binary(b"\x03\x04", 128),
        Binary(bytes(range(16)), 4),
        Binary(b""),
        Regex("a", ""),
        Regex("a", "i"),
        Code("f"),
        Code("f", {"a": 1}),
        Timestamp(2**32 - 1, 2**32 - 1),
        MinKey(),
        MaxKey(),
    ]
)
small: Value = st.sampled_from([0, 1, 2, None, "a", "b"])
scalars: Value = small | numbers | strings | small | others


def values(depth: int = 2) -> Value:
    """Give a value that is nested at most so deep; plain values are the most common."""
    if depth == 0:
        return scalars
    inner = values(depth - 1)
    return st.one_of(
        scalars,
        st.lists(inner, max_size=3),
        st.dictionaries(names, inner, max_size=3),
        st.lists(small, max_size=4),
        st.lists(st.dictionaries(names, small, max_size=2), max_size=3),
    )


odd_names = st.sampled_from(["", " ", "é", "a b", "$a", "A", "00", "-1", "\U0001d11e"])
documents: Documents = st.dictionaries(names, values(), min_size=1, max_size=4) | st.dictionaries(
    st.one_of(names, names, odd_names), values(), min_size=1, max_size=4
)

paths = st.one_of(
    names,
    st.builds("{}.{}".format, names, names),
    st.builds("{}.{}.{}".format, names, names, names),
)
