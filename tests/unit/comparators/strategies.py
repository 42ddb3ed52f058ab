"""BSON values and documents for property tests."""

from typing import Any

from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from hypothesis import strategies as st

int32 = st.integers(-(2**31), 2**31 - 1)
int64 = st.integers(-(2**63), 2**63 - 1)
names = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6
) | st.sampled_from(["a", "b", "items", "at", "$set", "$in", "$eq"])

scalars: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    int32,
    int64.map(Int64),
    st.floats(),
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.binary(max_size=6),
    st.builds(Binary, st.binary(max_size=6), st.sampled_from([0, 3, 4, 5, 128])),
    st.binary(min_size=12, max_size=12).map(ObjectId),
    int64.map(DatetimeMS),
    st.decimals(allow_nan=False, places=3, min_value=-(10**9), max_value=10**9).map(Decimal128),
    st.sampled_from([Decimal128("NaN"), Decimal128("1.0"), Decimal128("1.00"), MinKey(), MaxKey()]),
    st.builds(Timestamp, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)),
    st.builds(Regex, st.sampled_from(["a", "b.*"]), st.sampled_from([0, 2, 8])),
)


def values(max_leaves: int = 12) -> st.SearchStrategy[Any]:
    """Give any BSON value."""
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=max_leaves,
    )


def documents(max_size: int = 5) -> st.SearchStrategy[dict[str, Any]]:
    """Give any document without an `_id`."""
    return st.dictionaries(names, values(), max_size=max_size)
