"""Documents that a map mostly expects, filters over its paths, and the map: a column of each type."""

from typing import Any, Final

from bson.binary import UUID_SUBTYPE, Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from hypothesis import strategies as st

from adapters.entities.entity import (
    Child,
    Column,
    ColumnType,
    EntityMap,
    Identity,
    IdentityType,
)
from adapters.query.paths import split_path
from tests.differential.grammar.filters import filters as any_filters
from tests.differential.grammar.values import Documents, Value, values

EARLIER: Final = ObjectId("0" * 23 + "1")
LATER: Final = ObjectId("f" * 24)


def column(path: str, kind: ColumnType, **more: Any) -> Column:
    return Column(name=path.replace(".", "_"), path=split_path(path), type=kind, **more)


COLUMNS: Final = (
    column("t", ColumnType.TEXT),
    column("v", ColumnType.VARCHAR, length=3),
    column("e", ColumnType.TEXT, allowed=("a", "b")),
    column("i", ColumnType.INTEGER),
    column("l", ColumnType.BIGINT),
    column("d", ColumnType.DOUBLE),
    column("n", ColumnType.NUMERIC),
    column("f", ColumnType.BOOLEAN),
    column("w", ColumnType.TIMESTAMPTZ),
    column("u", ColumnType.UUID),
    column("o", ColumnType.OBJECTID),
    column("y", ColumnType.BYTEA),
    column("j", ColumnType.JSONB),
    column("ta", ColumnType.TEXT, array=True),
    column("ia", ColumnType.INTEGER, array=True),
    column("da", ColumnType.DOUBLE, array=True),
    column("fa", ColumnType.BOOLEAN, array=True),
    column("oa", ColumnType.OBJECTID, array=True),
    column("s.t", ColumnType.TEXT),
    column("s.i", ColumnType.INTEGER),
    column("s.s.j", ColumnType.JSONB),
)


CHILDREN: Final = (
    Child(
        table="things r",
        path=("r",),
        columns=(
            column("t", ColumnType.TEXT),
            column("i", ColumnType.INTEGER),
            column("f", ColumnType.BOOLEAN),
            column("j", ColumnType.JSONB),
            column("ta", ColumnType.TEXT, array=True),
            column("s.t", ColumnType.VARCHAR, length=2),
        ),
    ),
    Child(table="things s", path=("s", "r"), columns=(column("t", ColumnType.TEXT),)),
)


def entity(identity: IdentityType) -> EntityMap:
    """Return the map, with a primary key of a type."""
    return EntityMap(
        collection="things",
        table="things",
        identity=Identity(type=identity, name="key"),
        columns=COLUMNS,
        children=CHILDREN,
    )


texts: Value = st.sampled_from(["", "a", "b", "ab", "abc", "B", "é", "k", "\u212a", "a\nb", "a\0b"])
ints: Value = st.sampled_from([0, 1, 2, -1, 7, 2**31 - 1, -(2**31)])
longs: Value = st.sampled_from([0, 1, -5, 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]).map(Int64)
doubles: Value = st.sampled_from(
    [0.0, -0.0, 1.0, 2.5, -1.5, 3e9, 2.0**53, 1e300, float("inf"), -float("inf"), float("nan")]
)
decimals: Value = st.sampled_from(
    ["0", "1", "1.00", "2.5", "0.1", "-7", "1E+3", "Infinity", "NaN", "9007199254740993", "1E+400"]
).map(Decimal128)
numbers: Value = st.one_of(ints, ints, longs, doubles, decimals)
dates: Value = st.sampled_from([0, 1, -1, 1_700_000_000_123, 2**62, -(2**62)]).map(DatetimeMS)
objectids: Value = st.sampled_from([EARLIER, LATER, ObjectId("65543210aabbccddeeff0011")])
binaries: Value = st.sampled_from(
    [
        b"",
        b"\x01",
        b"\x02\x03",
        Binary(b"\x01", 5),
        Binary(b"0123456789abcdef", UUID_SUBTYPE),
        Binary(b"abcdef0123456789", UUID_SUBTYPE),
        Binary(b"0123456789abcdef", 3),
    ]
)
large: Value = st.sampled_from([{"a": Int64(2**53 + 1)}, [Int64(2**53 + 3)], {"a": 1e300}])
inside: Value = st.one_of(values(2), values(1), large)

KINDS: Final[dict[str, Value]] = {
    "t": texts,
    "v": texts,
    "e": texts,
    "i": ints,
    "l": longs,
    "d": st.one_of(ints, doubles),
    "n": st.one_of(decimals, ints),
    "f": st.booleans(),
    "w": dates,
    "u": binaries,
    "o": objectids,
    "y": binaries,
    "j": inside,
    "ta": st.lists(texts, max_size=3),
    "ia": st.lists(ints, max_size=3),
    "da": st.lists(st.one_of(ints, doubles), max_size=3),
    "fa": st.lists(st.booleans(), max_size=2),
    "oa": st.lists(objectids, max_size=2),
}
scalars: Value = st.one_of(
    numbers, texts, dates, objectids, binaries, st.booleans(), st.none(), values(0)
)
anything: Value = st.one_of(
    scalars, scalars, st.lists(scalars, max_size=2), st.lists(texts, max_size=2), values(1)
)


def _usually(kind: Value) -> Value:
    return st.one_of(kind, kind, kind, kind, st.none(), numbers, anything)


_rows: Value = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "t": _usually(texts),
            "i": _usually(ints),
            "f": st.booleans(),
            "j": inside,
            "ta": st.lists(texts, max_size=2),
            "s": st.fixed_dictionaries({}, optional={"t": texts, "x": anything}),
            "x": scalars,
        },
    ),
    max_size=3,
)
_inner: Documents = st.fixed_dictionaries(
    {},
    optional={
        "r": st.one_of(_rows, _rows, anything),
        "t": _usually(texts),
        "i": _usually(numbers),
        "x": anything,
        "s": st.one_of(st.fixed_dictionaries({}, optional={"j": inside, "x": anything}), anything),
    },
)
documents: Documents = st.fixed_dictionaries(
    {},
    optional={
        **{name: _usually(kind) for name, kind in KINDS.items()},
        "r": st.one_of(_rows, _rows, _rows, _rows, st.none(), anything, st.lists(anything)),
        "s": st.one_of(_inner, _inner, _inner, st.lists(_inner, max_size=2), anything),
        "x": anything,
    },
)
identifiers: Value = st.one_of(
    objectids, objectids, texts, texts, numbers, dates, st.none(), st.just({"a": 1})
)

PATHS: Final = (
    *KINDS,
    *KINDS,
    *("s.t", "s.i", "s.s.j", "s.s", "s", "x", "t.x", "i.0", "s.t.x"),
    *(
        "r",
        "r",
        "r.t",
        "r.t",
        "r.i",
        "r.f",
        "r.j",
        "r.j.a",
        "r.ta",
        "r.ta.0",
        "r.s.t",
        "r.s",
        "r.x",
    ),
    *("r.0", "r.0.t", "r.t.x", "r.1.i", "s.r", "s.r.t"),
    *("ta.0", "ta.1", "ia.0", "ta.x", "da.1", "j.a", "j.0", "j.a.b", "s.s.j.a", "_id", "_id.a"),
)
paths = st.sampled_from(PATHS)
bounds: Value = st.one_of(scalars, scalars, st.sampled_from([MinKey(), MaxKey()]), anything)
patterns: Value = st.builds(
    Regex,
    st.sampled_from(
        ["a", "^a", "^ab", "b$", "", "^", "A", "k", "^K", "a.b", "a|b", "ab*", "^a\\.", "é"]
    ),
    st.sampled_from(["", "", "i", "m", "x"]),
)
memberships: Documents = st.builds(
    lambda operator, items: {operator: items},
    st.sampled_from(["$in", "$nin", "$in", "$all"]),
    st.lists(st.one_of(bounds, bounds, patterns), max_size=3),
)
comparisons: Documents = st.builds(
    lambda operator, operand: {operator: operand},
    st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]),
    bounds,
)
tests: Documents = st.one_of(
    st.builds(lambda value: {"$exists": value}, st.booleans()),
    st.builds(
        lambda value: {"$type": value},
        st.lists(
            st.sampled_from(
                "int long double decimal number string object array null bool date objectId binData".split()
            ),
            min_size=1,
            max_size=2,
        ),
    ),
    st.builds(lambda value: {"$size": value}, st.integers(0, 2)),
    st.builds(
        lambda divisor, rest: {"$mod": [divisor, rest]},
        st.sampled_from([2, -3, Int64(2**40), Int64(-(2**63))]),
        st.integers(-1, 1),
    ),
    st.builds(
        lambda operator, operand: {operator: operand},
        st.sampled_from(["$bitsAllSet", "$bitsAllClear", "$bitsAnySet", "$bitsAnyClear"]),
        st.sampled_from([0, 1, [0, 1], [63], [70], [], [31], Int64(2**40)]),
    ),
)
plain: Documents = st.one_of(comparisons, comparisons, memberships, tests)


def _joined(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return {name: value for part in parts for name, value in part.items()}


conditions: Documents = st.one_of(
    plain,
    plain,
    st.lists(plain, min_size=2, max_size=2).map(_joined),
    st.builds(lambda inner: {"$not": inner}, st.one_of(plain, patterns)),
    st.builds(lambda inner: {"$elemMatch": inner}, plain),
    st.builds(
        lambda inner: {"$elemMatch": inner}, st.lists(plain, min_size=2, max_size=2).map(_joined)
    ),
    st.builds(lambda inner: {"$elemMatch": {"$not": inner}}, plain),
    st.builds(lambda inner: {"$elemMatch": inner}, any_filters(0)),
)
_of_element: Documents = st.dictionaries(
    st.sampled_from(["t", "i", "f", "j", "ta", "s.t", "x", "j.a"]),
    st.one_of(bounds, conditions),
    min_size=1,
    max_size=2,
)
_of_some_element: Documents = st.one_of(
    _of_element,
    st.builds(
        lambda operator, parts: {operator: parts},
        st.sampled_from(["$or", "$nor", "$and"]),
        st.lists(_of_element, min_size=1, max_size=2),
    ),
)
leaves: Documents = st.one_of(
    *[
        st.builds(
            lambda path, condition: {path: condition},
            paths,
            st.one_of(bounds, conditions, conditions, conditions, patterns),
        )
    ]
    * 5,
    st.builds(lambda inner: {"r": {"$elemMatch": inner}}, _of_some_element),
    st.builds(lambda inner: {"r": {"$not": {"$elemMatch": inner}}}, _of_some_element),
)


_compared: Documents = st.builds(
    lambda operator, name, value, mirrored: {
        operator: [value, f"${name}"] if mirrored else [f"${name}", value]
    },
    st.sampled_from(["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"]),
    st.sampled_from([*KINDS, "s.t", "s.i", "x"]),
    scalars.filter(lambda value: not isinstance(value, str) or not value.startswith("$")),
    st.booleans(),
)
expressions: Documents = st.builds(
    lambda inner: {"$expr": inner},
    st.one_of(
        _compared,
        st.builds(
            lambda operator, parts: {operator: parts},
            st.sampled_from(["$and", "$or"]),
            st.lists(_compared, min_size=1, max_size=2),
        ),
        st.builds(lambda inner: {"$not": [inner]}, _compared),
    ),
)


def filters(depth: int = 2) -> Documents:
    """Give filters over the paths of the map."""
    if depth == 0:
        return leaves
    inner = filters(depth - 1)
    return st.one_of(
        leaves,
        leaves,
        expressions,
        st.lists(leaves, min_size=2, max_size=2).map(_joined),
        st.builds(
            lambda operator, parts: {operator: parts},
            st.sampled_from(["$and", "$or", "$nor"]),
            st.lists(inner, min_size=1, max_size=3),
        ),
    )


sorts: Documents = st.dictionaries(
    st.sampled_from([*KINDS, "_id", "s.t", "s.i", "x", "s"]),
    st.sampled_from([1, -1]),
    min_size=1,
    max_size=2,
)

NATURAL: Final[dict[str, Value]] = {
    "t": st.sampled_from(["", "a", "ab", "é"]),
    "v": st.sampled_from(["", "a", "abc"]),
    "e": st.sampled_from(["a", "b"]),
    "i": ints,
    "l": longs,
    "d": st.one_of(ints, st.sampled_from([2.5, -1.5, 3e9, float("inf")])),
    "n": st.sampled_from(["1", "1.00", "2.5"]).map(Decimal128),
    "f": st.booleans(),
    "w": st.sampled_from([0, 1_700_000_000_123]).map(DatetimeMS),
    "u": st.just(Binary(b"0123456789abcdef", UUID_SUBTYPE)),
    "o": objectids,
    "y": st.sampled_from([b"", b"\x01"]),
    "j": st.sampled_from([{"a": 1}, [1, 2.5], "x", {"b": {"c": [True, None]}}]),
    "ta": st.lists(st.sampled_from(["a", "b"]), max_size=3),
    "ia": st.lists(ints, max_size=3),
    "da": st.lists(st.sampled_from([1, 2.5]), max_size=3),
    "fa": st.lists(st.booleans(), max_size=2),
    "oa": st.lists(objectids, max_size=2),
    "s": st.fixed_dictionaries({"t": texts, "i": ints}),
}
as_expected: Documents = st.fixed_dictionaries(NATURAL)
"""Documents of which every field fits its column."""

_values_of_columns = {
    name: st.one_of(kind, kind, kind, KINDS.get(name, kind), anything)
    for name, kind in NATURAL.items()
}


def _of_elements(operator: str) -> Documents:
    """Give an operator on an array, with an element that mostly fits."""
    return st.sampled_from([*_elements]).flatmap(
        lambda name: st.builds(
            lambda value: {operator: {name: value}},
            st.one_of(_elements[name], _elements[name], _elements[name], scalars),
        )
    )


def _change(operator: str, names: list[str], operand: Value | None = None) -> Documents:
    """Give an operator on one of the columns, with an operand that mostly fits."""
    return st.sampled_from(names).flatmap(
        lambda name: st.builds(
            lambda value: {operator: {name: value}},
            _operand(name) if operand is None else operand,
        )
    )


def _operand(name: str) -> Value:
    if name in {"s.t", "s.i"}:
        return texts if name == "s.t" else ints
    return _values_of_columns.get(name, anything)


_elements = {
    "ta": st.sampled_from(["a", "b", "c"]),
    "ia": ints,
    "da": st.sampled_from([1, 2.5, 7]),
    "fa": st.booleans(),
    "oa": objectids,
}
_changes: Documents = st.one_of(
    *[_change("$set", [*KINDS, "s.t", "s.i", "x"])] * 4,
    _change("$unset", [*KINDS, "s.t"]),
    *[
        _change(
            "$inc",
            ["i", "l", "d", "d", "n", "s.i"],
            st.one_of(st.sampled_from([1, -1, 7, 2.5, 0.5, 0]), numbers),
        )
    ]
    * 2,
    _change("$max", ["i", "l", "d", "t", "w", "f", "o"]),
    _change("$min", ["i", "l", "d", "t", "w"]),
    _of_elements("$push"),
    _of_elements("$addToSet"),
    _of_elements("$pull"),
    st.builds(lambda kind: {"$currentDate": {"w": kind}}, st.just(True)),
    st.builds(lambda value: {"$setOnInsert": {"t": value}}, texts),
)


def _merged_operators(parts: list[dict[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for part in parts:
        for operator, fields in part.items():
            merged.setdefault(operator, {}).update(fields)
    return merged


updates: Documents = st.lists(_changes, min_size=1, max_size=2).map(_merged_operators)

_keys: Value = st.sampled_from(
    [
        None,
        "$t",
        "$e",
        "$f",
        "$i",
        "$l",
        "$d",
        "$w",
        "$o",
        "$s.t",
        "$_id",
        "$n",
        {"a": "$t", "b": "$f"},
        {"$ifNull": ["$t", "none"]},
        {"$dateToString": {"date": "$w", "format": "%Y-%m-%d"}},
        {"$gt": ["$i", 0]},
    ]
)
_accumulations: Documents = st.one_of(
    st.sampled_from([{"$sum": 1}, {"$sum": Int64(2)}, {"$count": {}}]),
    st.builds(
        lambda operator, name: {operator: f"${name}"},
        st.sampled_from(["$sum", "$avg", "$min", "$max"]),
        st.sampled_from(["i", "l", "d", "d", "t", "w", "s.i"]),
    ),
)
groups: Documents = st.builds(
    lambda key, accumulations: {"_id": key, **accumulations},
    _keys,
    st.dictionaries(st.sampled_from(["x", "y", "z"]), _accumulations, max_size=3),
)
"""The operands of `$group`."""
