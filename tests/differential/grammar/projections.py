"""Projections of `find`, most of which a server accepts."""

from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import strategies as st

from tests.differential.grammar.filters import conditions, filters
from tests.differential.grammar.values import Documents, Value, names, paths, small

included: Value = st.sampled_from([1, True, 1.0, -1, Int64(2), Decimal128("1")])
excluded: Value = st.sampled_from([0, False, 0.0, Decimal128("0")])
slices: Value = st.sampled_from(
    [0, 1, 2, -1, -2, 1.5, [0, 1], [1, 2], [-2, 1], [9, 1], [-9, 2], [1, 0], [1], "a"]
)
computed: Value = st.one_of(
    st.builds("${}".format, names),
    st.builds("${}.{}".format, names, names),
    st.builds(lambda name: {"$ifNull": [f"${name}", "none"]}, names),
    st.builds(lambda value: {"$literal": value}, small),
    st.sampled_from(["text", None, "$$ROOT", {"$eq": ["$a", 1]}, ["$a", 1]]),
)
operators: Documents = st.one_of(
    st.builds(lambda operand: {"$slice": operand}, slices),
    st.builds(lambda operand: {"$elemMatch": operand}, conditions(0) | filters(0)),
)
_FIELD = st.sampled_from(["a", "b", "c", "0", "_id", "a.b", "b.a", "a.0", "a.b.c", "b.c"])
_ODD = st.sampled_from(["", "a.", "$a", "a.$", "b.$", "a.b.$", "a.$.b", "_id.a"])


def _of(value: Value) -> Documents:
    return st.dictionaries(_FIELD, value, min_size=1, max_size=3)


_nested: Documents = st.builds(
    lambda name, inside: {name: inside},
    names,
    st.dictionaries(paths, included | computed, max_size=2) | st.dictionaries(names, excluded),
)
_positional: Documents = st.builds(
    lambda path, other: {f"{path}.$": 1, **other},
    st.sampled_from(["a", "b", "c", "a.b", "b.a"]),
    st.just({}) | _of(included),
)

projections: Documents = st.one_of(
    _of(included),
    _of(excluded),
    _of(included | computed),
    _of(included | operators),
    _of(excluded | operators),
    _of(st.one_of(included, excluded, computed, operators)),
    _nested,
    _positional,
    st.builds(lambda name, value: {name: value}, _ODD, st.one_of(included, excluded, computed)),
)
