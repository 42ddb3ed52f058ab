"""Updates, most of which a server accepts, with the filters and array filters they need."""

from typing import Any

from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import strategies as st

from tests.differential.grammar.filters import conditions, filters, patterns
from tests.differential.grammar.values import (
    Documents,
    Value,
    documents,
    names,
    numbers,
    small,
    values,
)

placeholders = st.sampled_from(["$", "$[]", "$[i]", "$[]", "0", "1", "01", "a", "b"])
plain_paths = st.one_of(
    names,
    names,
    st.builds("{}.{}".format, names, names),
    st.builds("{}.{}.{}".format, names, names, names),
)
paths = st.one_of(
    plain_paths,
    plain_paths,
    st.builds("{}.{}".format, names, placeholders),
    st.builds("{}.{}.{}".format, names, placeholders, names),
    st.sampled_from(["_id", "", "a.", "$a", "a.$b", "_id.a"]),
)
operands = values(1)
lists: Value = st.lists(operands, max_size=3)
whole: Value = st.sampled_from([0, 1, 2, -1, -2, 5, Int64(1), 1.0, 1.5, "a"])


def _operator(name: str, operand: Value, where: st.SearchStrategy[str] = paths) -> Documents:
    changes = st.dictionaries(where, operand, min_size=1, max_size=2)
    return st.builds(lambda fields: {name: fields}, changes)


def _with_options(each: list[Any], options: dict[str, Any]) -> dict[str, Any]:
    return {"$each": each, **options}


orders: Value = st.one_of(
    st.sampled_from([1, -1, 2, {}, "a"]),
    st.dictionaries(plain_paths, st.sampled_from([1, -1]), min_size=1, max_size=2),
)
push_options: Documents = st.fixed_dictionaries(
    {}, optional={"$slice": whole, "$sort": orders, "$position": whole}
)
pushed: Value = operands | st.builds(_with_options, lists, push_options)
bits: Value = st.dictionaries(
    st.sampled_from(["and", "or", "xor"]),
    st.sampled_from([0, 1, 3, -1, Int64(6), Int64(2**40), 1.0]),
    min_size=1,
    max_size=2,
)
amounts: Value = numbers | st.sampled_from([1, 2, 0, -3, 1.5, Decimal128("0.1"), "a", None])

operators: Documents = st.one_of(
    _operator("$set", operands),
    _operator("$set", values(2)),
    _operator("$setOnInsert", operands),
    _operator("$unset", st.just(1)),
    _operator("$inc", amounts),
    _operator("$mul", amounts),
    _operator("$min", operands),
    _operator("$max", operands),
    _operator("$rename", paths, plain_paths),
    _operator("$push", pushed),
    _operator("$push", pushed),
    _operator("$addToSet", operands | st.builds(lambda each: {"$each": each}, lists)),
    _operator("$pull", st.one_of(operands, conditions(1), filters(0), patterns)),
    _operator("$pullAll", lists),
    _operator("$pop", st.sampled_from([1, -1, 1.0, Int64(-1), 2, "a"])),
    _operator("$bit", bits),
    _operator("$currentDate", st.sampled_from([True, {"$type": "date"}, 1, {"$type": "x"}, False])),
    st.sampled_from([{"$foo": {"a": 1}}, {"$set": 1}, {"$set": {}}]),
)


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    update: dict[str, Any] = {}
    for part in parts:
        for name, fields in part.items():
            known = update.get(name)
            both = isinstance(known, dict) and isinstance(fields, dict)
            update[name] = {**known, **fields} if both and known is not None else fields
    return update


modifications: Documents = st.lists(operators, min_size=1, max_size=3).map(_together)
replacements: Documents = documents | st.sampled_from([{"_id": 1, "a": 1}, {"a": 1, "$a": 1}])
# One stage: a field that one stage removes and a later one sets keeps its place on the server only.
pipelines: st.SearchStrategy[list[dict[str, Any]]] = st.one_of(
    st.builds(lambda name, operand: [{"$set": {name: operand}}], names, small),
    st.builds(lambda name, other: [{"$set": {name: f"${other}"}}], names, names),
    st.builds(lambda name: [{"$unset": name}], names),
    st.builds(lambda name: [{"$replaceWith": {"a": f"${name}"}}], names),
    st.builds(
        lambda name, other: [{"$set": {name: {"$ifNull": [f"${other}", "$$NOW"]}}}], names, names
    ),
    st.builds(
        lambda name, other: [{"$set": {name: {"$concatArrays": [f"${name}", [f"${other}"]]}}}],
        names,
        names,
    ),
    st.builds(lambda path: [{"$project": {path: 1}}], plain_paths),
    st.builds(
        lambda path, value: [{"$addFields": {path: {"$literal": value}}}], plain_paths, small
    ),
    st.builds(lambda path: [{"$unset": [path]}], plain_paths),
    st.builds(lambda name: [{"$replaceRoot": {"newRoot": f"${name}"}}], names),
    st.sampled_from([[{"$match": {}}], [{"$set": {"_id": 9}}], [{"$project": {"_id": 0}}], [{}]]),
)
updates: Value = modifications | modifications | modifications | replacements | pipelines

element_filters: Documents = st.one_of(
    st.builds(lambda condition: {"i": condition}, conditions(0) | operands),
    st.builds(lambda name, condition: {f"i.{name}": condition}, names, conditions(0) | operands),
    st.sampled_from([{"j": 1}, {"$or": [{"i": 1}, {"i.a": 1}]}, {}, {"i": 1, "j": 2}]),
)


def uses_array_filter(update: Any) -> bool:
    """Return whether an update names the array filter `i`."""
    return "$[i]" in repr(update)
