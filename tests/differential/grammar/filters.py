"""Filters, most of which a server accepts."""

from typing import Any

from bson.binary import Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.regex import Regex
from hypothesis import strategies as st

from tests.differential.grammar.values import Documents, Value, names, paths, small, values

operands = values(1)

patterns: Value = st.builds(
    Regex,
    st.sampled_from(
        ["a", "^a", "b$", "^$", "A", ".", "a.b", "[ab]", r"\w", "a|b", "^(a|ab)$", "(?i)a"]
    ),
    st.sampled_from(["", "i", "m", "s", "x", "im"]),
)
types: Value = st.sampled_from(
    [
        "int",
        "long",
        "double",
        "decimal",
        "number",
        "string",
        "object",
        "array",
        "null",
        "bool",
        "date",
        "objectId",
        "regex",
        "binData",
        "timestamp",
        "minKey",
        "maxKey",
        "javascript",
        1,
        2,
        3,
        4,
        10,
        16,
        18,
        -1,
        127,
        2.0,
    ]
)
bits: Value = st.sampled_from(
    [0, 1, 3, Int64(2**33), [0], [0, 1], [], [63], Binary(b"\x01"), 1.0, -1, 1.5, "a"]
)
wrong: Value = st.sampled_from([None, "a", 1, {}, [], [1], {"b": 1}, {"$gt": 1}, 1.5, -1])

comparisons: Documents = st.builds(
    lambda operator, operand: {operator: operand},
    st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]),
    operands,
)
# Several spellings of one value: the server takes a `$in` of them for an equality.
equals: Value = st.sampled_from([0, 0.0, -0.0, Int64(0), Decimal128("0"), Decimal128("0.00")])
memberships: Documents = st.builds(
    lambda operator, items: {operator: items},
    st.sampled_from(["$in", "$nin", "$in", "$all"]),
    st.lists(operands | patterns, max_size=3) | st.lists(equals, min_size=2, max_size=3),
)
tests: Documents = st.one_of(
    st.builds(lambda value: {"$exists": value}, st.sampled_from([True, False, 1, 0, None, "x"])),
    st.builds(lambda value: {"$type": value}, types | st.lists(types, min_size=1, max_size=2)),
    st.builds(lambda value: {"$size": value}, st.sampled_from([0, 1, 2, 2.0, Int64(3)])),
    st.builds(
        lambda divisor, rest: {"$mod": [divisor, rest]},
        st.sampled_from([2, 3, -2, 2.5, Int64(4), Decimal128("2")]),
        st.sampled_from([0, 1, -1, 1.9]),
    ),
    st.builds(
        lambda operator, operand: {operator: operand},
        st.sampled_from(["$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"]),
        bits,
    ),
    st.builds(lambda pattern: {"$regex": pattern}, patterns),
    st.builds(
        lambda pattern, options: {"$regex": pattern.pattern, "$options": options},
        patterns,
        st.sampled_from(["", "i", "m", "sx", "z"]),
    ),
)
mistakes: Documents = st.builds(
    lambda operator, operand: {operator: operand},
    st.sampled_from(
        [
            "$in",
            "$nin",
            "$all",
            "$size",
            "$mod",
            "$type",
            "$not",
            "$elemMatch",
            "$regex",
            "$foo",
            "$options",
            "$and",
            "$bitsAllSet",
            "$comment",
            "$expr",
        ]
    ),
    wrong,
)
plain_conditions = comparisons | memberships | tests | comparisons


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


def conditions(depth: int = 1) -> Documents:
    """Give operators of one value, as below a field or `$elemMatch`."""
    if depth == 0:
        return plain_conditions
    inner = conditions(depth - 1)
    return st.one_of(
        plain_conditions,
        plain_conditions,
        st.lists(plain_conditions, min_size=2, max_size=2).map(_joined),
        st.builds(lambda inside: {"$not": inside}, inner | patterns),
        st.builds(lambda inside: {"$elemMatch": inside}, inner | filters(depth - 1)),
        st.builds(
            lambda inside: {"$all": [{"$elemMatch": each} for each in inside]},
            st.lists(inner | filters(depth - 1), min_size=1, max_size=2),
        ),
        mistakes,
    )


def schemas(depth: int = 2) -> Documents:
    """Give schemas of `$jsonSchema`, each of a few keywords."""
    counts = st.sampled_from([0, 1, 2, 3, 2.0, -1])
    numbers = st.sampled_from([0, 1, 2.5, Int64(3), Decimal128("1.5"), "x"])
    keywords: dict[str, Value] = {
        "bsonType": types | st.lists(types, max_size=2),
        "type": st.sampled_from(["number", "string", "object", "array", "integer"]),
        "minimum": numbers,
        "maximum": numbers,
        "exclusiveMinimum": st.booleans(),
        "multipleOf": numbers,
        "minLength": counts,
        "maxItems": counts,
        "minProperties": counts,
        "pattern": st.sampled_from(["^a", "b$", "."]),
        "uniqueItems": st.booleans(),
        "required": st.lists(names, max_size=2),
        "enum": st.lists(operands, max_size=3),
    }
    if depth:
        inner = schemas(depth - 1)
        keywords |= {
            "properties": st.dictionaries(names, inner, max_size=2),
            "patternProperties": st.dictionaries(st.sampled_from(["a", "^b"]), inner, max_size=1),
            "additionalProperties": st.booleans() | inner,
            "items": inner | st.lists(inner, max_size=2),
            "additionalItems": st.booleans() | inner,
            "dependencies": st.dictionaries(names, inner | st.lists(names), max_size=1),
            "allOf": st.lists(inner, max_size=2),
            "oneOf": st.lists(inner, max_size=2),
            "not": inner,
        }
    return st.lists(st.sampled_from(sorted(keywords)), max_size=3, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: keywords[name] for name in chosen})
    )


def filters(depth: int = 2) -> Documents:
    """Give filters of documents."""
    leaf = st.builds(
        lambda path, condition: {path: condition},
        paths,
        st.one_of(operands, conditions(min(depth, 1)), patterns, conditions(min(depth, 1))),
    )
    if depth == 0:
        return leaf
    inner = filters(depth - 1)
    return st.one_of(
        leaf,
        leaf,
        st.lists(leaf, min_size=2, max_size=2).map(_joined),
        st.builds(
            lambda operator, parts: {operator: parts},
            st.sampled_from(["$and", "$or", "$nor"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
        expressions,
        st.builds(lambda schema: {"$jsonSchema": schema}, schemas()),
    )


expressions: Documents = st.builds(
    lambda operator, name, operand: {"$expr": {operator: [f"${name}", operand]}},
    st.sampled_from(["$eq", "$gt", "$lte"]),
    names,
    small,
)
