from typing import Any

import pytest
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex
from hypothesis import given
from hypothesis import strategies as st

from comparators.operation import Kind, Operation
from comparators.shape import MAX_TEXT, shape_of
from tests.unit.comparators.strategies import values

SECRET = "hunter2-is-my-passphrase"


def operation(kind: Kind, **arguments: Any) -> Operation:
    return Operation(database="app", collection="users", kind=kind, arguments=arguments)


def text(kind: Kind, **arguments: Any) -> str:
    return shape_of(operation(kind, **arguments)).text


def test_a_find_shows_fields_operators_and_directions() -> None:
    shape = text(
        Kind.FIND,
        filter={"email": "a@b", "createdAt": {"$gt": 1}},
        sort={"createdAt": -1},
        limit=10,
        projection={"name": 1},
    )

    assert shape == (
        "users.find filter{email:=,createdAt:{$gt}} sort{createdAt:-1} limit projection{name:1}"
    )


@pytest.mark.parametrize(
    ("kind", "arguments", "expected"),
    [
        (Kind.INSERT, {"documents": [{"a": 1}], "ordered": True}, "users.insert 1"),
        (Kind.INSERT, {"documents": [{}, {}], "ordered": False}, "users.insert many unordered"),
        (Kind.DISTINCT, {"key": "tags.name", "query": {}}, "users.distinct key:tags.name"),
        (Kind.DELETE, {"deletes": [{"q": {"a": 1}, "limit": 1}]}, "users.delete filter{a:=} one"),
        (
            Kind.UPDATE,
            {"updates": [{"q": {"_id": 1}, "u": {"$set": {"a.3.b": 1}}, "upsert": True}]},
            "users.update filter{_id:=} update{$set:{a.*.b}} upsert",
        ),
        (
            Kind.UPDATE,
            {"updates": [{"q": {"_id": 1}, "u": {"name": SECRET}}]},
            "users.update filter{_id:=} replace",
        ),
        (
            Kind.FIND_AND_MODIFY,
            {"query": {"a": 1}, "update": {"$push": {"m": {"$each": [1], "$slice": -2}}}, "new": 1},
            "users.find_and_modify filter{a:=} update{$push:{m{$each,$slice}}} new",
        ),
        (
            Kind.AGGREGATE,
            {"pipeline": [{"$group": {"_id": "$user", "n": {"$sum": 1}}}, {"$limit": 3}]},
            "users.aggregate [$group{_id:$user,n:{$sum:?}},$limit]",
        ),
        (
            Kind.CREATE_INDEXES,
            {"indexes": [{"key": {"email": 1}, "unique": True, "name": "email_1"}]},
            "users.create_indexes indexes[unique {email:1}]",
        ),
        (Kind.OTHER, {"mapReduce": "users", "out": SECRET}, "users.mapReduce out"),
    ],
    ids=str,
)
def test_each_kind_has_its_text(kind: Kind, arguments: dict[str, Any], expected: str) -> None:
    assert text(kind, **arguments) == expected


LITERALS_EVERYWHERE: list[tuple[Kind, dict[str, Any]]] = [
    (Kind.FIND, {"filter": {"a": SECRET}}),
    (Kind.FIND, {"filter": {"a": {"$in": [SECRET, {"b": SECRET}]}}}),
    (Kind.FIND, {"filter": {"a": Regex(SECRET, "i")}}),
    (Kind.FIND, {"filter": {"a": {"$regex": SECRET, "$options": SECRET}}}),
    (Kind.FIND, {"filter": {"a": {"$not": {"$elemMatch": {"b": SECRET}}}}}),
    (
        Kind.FIND,
        {"filter": {"a": {"$type": SECRET, "$all": [SECRET, {"$elemMatch": {"q": SECRET}}]}}},
    ),
    (
        Kind.FIND,
        {"filter": {"$expr": {"$eq": ["$a", SECRET]}, "$comment": SECRET, "$where": SECRET}},
    ),
    (Kind.FIND, {"filter": {"$text": {"$search": SECRET}}, "comment": SECRET, "hint": SECRET}),
    (Kind.FIND, {"filter": {}, "let": {"x": SECRET}, "collation": {"locale": SECRET}}),
    (Kind.FIND, {"projection": {"a": {"$literal": SECRET}, "b": {"$cond": ["$c", SECRET, 1]}}}),
    (Kind.FIND, {"projection": {"a": {"$elemMatch": {"b": SECRET}}}}),
    (Kind.INSERT, {"documents": [{"a": SECRET}]}),
    (Kind.UPDATE, {"updates": [{"q": {"a": SECRET}, "u": {"$set": {"a": SECRET}}}]}),
    (Kind.UPDATE, {"updates": [{"q": {}, "u": {"$pull": {"a": {"b": SECRET}}}}]}),
    (Kind.UPDATE, {"updates": [{"q": {}, "u": {"$set": {"a": {"$dollar": SECRET}}}}]}),
    (Kind.UPDATE, {"updates": [{"q": {}, "u": [{"$set": {"a": SECRET}}]}]}),
    (
        Kind.UPDATE,
        {"updates": [{"q": {}, "u": {"$set": {"a.$[e]": 1}}, "arrayFilters": [{"e.b": SECRET}]}]},
    ),
    (
        Kind.DELETE,
        {"deletes": [{"q": {"a": SECRET}, "limit": 0}, {"q": {"b": SECRET}, "limit": 1}]},
    ),
    (Kind.AGGREGATE, {"pipeline": [{"$match": {"a": SECRET}}, {"$addFields": {"b": SECRET}}]}),
    (Kind.AGGREGATE, {"pipeline": [{"$project": {"a": {"$concat": ["$b", SECRET]}}}]}),
    (Kind.AGGREGATE, {"pipeline": [{"$facet": {"x": [{"$match": {"a": SECRET}}]}}]}),
    (
        Kind.AGGREGATE,
        {
            "pipeline": [
                {"$lookup": {"from": "c", "as": "c", "pipeline": [{"$match": {"a": SECRET}}]}}
            ]
        },
    ),
    (Kind.AGGREGATE, {"pipeline": [{"$bucket": {"groupBy": "$a", "boundaries": [SECRET]}}]}),
    (Kind.OTHER, {"mapReduce": "users", "map": SECRET}),
]


@pytest.mark.parametrize(("kind", "arguments"), LITERALS_EVERYWHERE, ids=str)
def test_no_literal_reaches_the_shape(kind: Kind, arguments: dict[str, Any]) -> None:
    assert SECRET not in text(kind, **arguments)


@pytest.mark.parametrize(
    "key",
    [
        "64f0c1a2b3d4e5f6a7b8c9d0",
        "123e4567-e89b-12d3-a456-426614174000",
        "20240131",
        "7",
        "ann@example",
        "two words",
        "V1StGXR8_Z5jdHi6B-myT",
        "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo012345",
        "9e107d9d372bb6826bd81d3542a419d6",
        "x" * 65,
        "",
    ],
)
def test_keys_that_look_like_values_are_hidden(key: str) -> None:
    assert text(Kind.FIND, filter={f"votes.{key}.n": 1}) == "users.find filter{votes.*.n:=}"


@pytest.mark.parametrize(
    "name",
    ["_id", "__v", "createdAt", "größe", "kebab-case", "sha256", "oauth2Token", "facebookId"],
)
def test_ordinary_names_stay(name: str) -> None:
    assert text(Kind.FIND, filter={name: 1}) == f"users.find filter{{{name}:=}}"


def test_lists_collapse_to_their_distinct_shapes() -> None:
    few = [{"q": {"_id": n}, "u": {"$set": {"a": n}}} for n in range(2)]
    many = [{"q": {"_id": n}, "u": {"$set": {"a": n}}} for n in range(1000)]

    assert text(Kind.UPDATE, updates=few) == "users.update many[filter{_id:=} update{$set:{a}}]"
    assert text(Kind.UPDATE, updates=many).startswith(
        "users.update many[filter{_id:=} update{$set:{a}}"
    )


def test_the_text_is_bounded_and_keeps_its_identity() -> None:
    wide = {
        f"field_{chr(97 + n // 26)}{chr(97 + n % 26)}": {"$gt": 1, "$lt": 2} for n in range(500)
    }
    other = dict(reversed(wide.items()))

    first = shape_of(operation(Kind.FIND, filter=wide, sort=dict.fromkeys(wide, 1)))
    second = shape_of(operation(Kind.FIND, filter=other, sort=dict.fromkeys(wide, 1)))

    assert len(first.text) < MAX_TEXT + 20
    assert first.id != second.id


def test_the_type_and_number_of_literals_do_not_matter() -> None:
    shapes = {
        shape_of(operation(Kind.FIND, filter={"a": {"$in": items}, "b": value}))
        for items in ([], [1], [1, "x", None])
        for value in (1, Int64(1), None, ObjectId(), [1], {"x": 1})
    }

    assert len(shapes) == 1


def test_identity_is_the_same_in_every_process() -> None:
    assert shape_of(operation(Kind.FIND, filter={"_id": 1})).id == "dd91ba49b310"


@given(value=values())
def test_every_value_makes_a_shape_of_itself_in_every_place(value: Any) -> None:
    for kind, arguments in (
        (Kind.FIND, {"filter": value, "sort": value, "projection": value}),
        (Kind.AGGREGATE, {"pipeline": [{"$match": value}, {"$group": value}, value]}),
        (Kind.UPDATE, {"updates": [{"q": value, "u": value}, value]}),
        (Kind.CREATE_INDEXES, {"indexes": [{"key": value}, value]}),
    ):
        assert len(shape_of(operation(kind, **arguments)).text) < MAX_TEXT + 20


@given(number=st.integers(min_value=100_000))
def test_no_long_number_survives_in_a_name(number: int) -> None:
    assert str(number) not in text(Kind.FIND, filter={f"at{number}": 1, str(number): 1})
