"""Sorts, most of which a server accepts."""

from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import strategies as st

from tests.differential.grammar.values import Documents, paths

directions = st.sampled_from([1, -1, 1, -1, 1.0, Int64(-1), Decimal128("1"), -1.5])
mistakes: Documents = st.sampled_from(
    [
        {"a": 0},
        {"a": 2},
        {"a": "x"},
        {"a": None},
        {"a": True},
        {"a": {}},
        {"a": []},
        {"": 1},
        {"a.": 1},
        {"$a": 1},
        {"a..b": 1},
        {"a": {"b": 1}},
        {f"f{n}": 1 for n in range(33)},
    ]
)
plain_sorts: Documents = st.dictionaries(paths, directions, min_size=1, max_size=3)
sorts: Documents = st.one_of(plain_sorts, plain_sorts, plain_sorts, mistakes)
