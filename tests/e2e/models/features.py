"""Calls for each feature, by hand: on the models of `node/models/features.mjs`."""

from collections.abc import Iterator
from typing import Any, Final

from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from tests.e2e.models.twin import Call

ONE, TWO, THREE = (ObjectId(f"{digit}" * 24) for digit in "123")
BEFORE: Final = DatetimeMS(1_600_000_000_000)


def _each(path: str, *values: Any) -> list[dict[str, Any]]:
    """Return a document for each value of a path."""
    return [{path: value} for value in values]


KINDS: Final[tuple[dict[str, Any], ...]] = (
    {},
    *_each("text", "a", 5, 1.5, 1e21, 1e-7, True, ONE, {"_id": "x"}, {}, [], ["a"], Decimal128("1.50")),
    *_each("number", "5", " 7 ", "", "0x10", "1e3", "x", True, 2**40, 1.5, [], [1], {}, BEFORE, Decimal128("2.5")),
    *_each("flag", "true", "yes", "1", "no", "on", 1, 0, 2, "", {}, []),
    *_each("when", 0, 1.5, "1600000000000", "2020", "2020-02", "2020-02-03", "2020-02-03T04:05Z", "2020-02-03T04:05:06.7+02:00", "2020-13-01", "x", "", True, {}, [], 9e15, BEFORE),
    *_each("id", ONE, str(ONE), {"_id": ONE}, {"_id": str(TWO)}, "x", "123456789012", "", 5, {}, [], [ONE]),
    *_each("any", 5, 2**40, 1.5, {"a": {}}, {"a": {"b": []}}, [], [{}], None, "x", {}),
    *_each("bytes", "x", Binary(b"y"), [1, 2], 5, True, {}, ""),
    *_each("exact", "1.50", 1.5, 7, Decimal128("1E+3"), "x", True, []),
    *_each("big", "12", 12, Int64(2**40), 1.5, "x", True, "", {}),
    *_each("double", 1, "2", 1.5, "", "x", True),
    *_each("int", 1, "2", 1.5, "", "x", True, 2**40),
    *_each("unique", "7467a379-cc73-48a7-a12f-6cc9c272c2c9", "x", 5),
    *_each("texts", ["a", 1], "a", [], None, [None], [{}], {}, [["a"]], ["b", [1], {}]),
    *_each("numbers", ["1", 2], "7", ["x"], [1, "x", "y"], [[1]]),
    {"flags": ["yes", 0]}, {"flags": ["maybe"]}, {"dates": ["2020", BEFORE]}, {"dates": ["x"]},
    {"ids": [ONE, str(TWO)]}, {"ids": ["x"]}, {"ids": ONE}, {"anything": 5}, {"anything": [1, {"a": {}}, {}]},
    *_each("tables", [["1"], [2]], 5, [5], [[1], ["x"]]),
    *_each("byName", {"a": "1"}, {}, {"a": "x"}, {"a": None}, 5, [], {"a.b": 1}, {"$a": 1}),
    *_each("partsByName", {"a": {"size": "2"}}, {"a": {"size": 0}}, {"a": {"size": "x"}}, {"a": 5}),
    *_each("nested", {"text": 5}, {"deeper": {"number": "7", "other": 1}}, {}, None, 5, "x", [], {"text": {}}, {"deeper": 5}, {"deeper": None}, {"other": 1}),
    {"nested.text": "x"}, {"nested.deeper.number": "7", "nested.text": 1}, {"nested": {"text": "x"}, "nested.text": "y"},
    *_each("part", {"text": "x"}, {}, None, 5, [], "x", {"text": {}}, {"text": "x", "_id": ONE, "other": 1}),
    {"part.text": "x"},
    *_each("parts", [{"text": " a "}], {"text": "a"}, [None], [5], "x", "", [0], [], None, [[]], [{"number": "x"}, {"number": 10}], [{"inner": 5}], [{"inner": {"flag": "x"}}], [{"_id": ONE, "other": 1}]),
    {"unknown": 1, "text": "x"}, {"unknown.deep": 1}, {"_id": ONE}, {"_id": str(TWO)}, {"_id": "x"}, {"_id": None}, {"__v": 7},
    {"text": "first", "_id": THREE, "zebra": 1, "any": {"b": 1, "a": 2}, "number": 1},
)  # fmt: skip


def _fitting(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """Return documents with what Limits requires."""
    return [{"required": "a", "told": 1, "nested": {"needed": 1}, **each} for each in more]


LIMITS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"required": "", "told": "x", "kind": "three", "level": 3, "short": "x", "code": "A1 ", "list": None, "flag": None},
    *_fitting(
        {}, {"level": 7}, {"level": -1}, {"level": "2"}, {"level": None}, {"kind": None}, {"kind": ""}, {"kind": "ONE"},
        {"short": "xxxxx"}, {"short": ""}, {"short": "\U0001f600"}, {"short": "\U0001f600\U0001f600\U0001f600"},
        {"code": " AB1 "}, {"code": "aa"}, {"code": ""}, {"code": "a1\n"}, {"loud": "straße"},
        {"since": "2021-01-01"}, {"since": 0}, {"since": "2024-01-02"}, {"since": None}, {"list": [""]}, {"list": []},
        {"kinds": ["one", "three"]}, {"kinds": [None]}, {"kinds": "two"}, {"flag": ""}, {"fixed": "f", "hidden": "h"},
        {"createdAt": BEFORE, "updatedAt": BEFORE}, {"createdAt": None}, {"createdAt": "x"}, {"nested": None}, {"nested": {}},
    ),
)  # fmt: skip


def _defaults(*given: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return documents of Defaults, each with an `_id`."""
    return [("Defaults", {"_id": f"d{at}", **each}) for at, each in enumerate(given)]


OTHERS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("Defaults", {}),
    *_defaults(
        {}, {"nested": None}, {"part": None, "list": None, "byName": None}, {"nested": {"text": "x"}}, {"nested": {}},
        {"part": {}, "parts": [{}], "byName": {"a": 1}}, {"part": {"flag": "no"}}, {"text": None, "late": None, "now": None},
        {"text": "", "late": "l", "now": BEFORE, "nothing": 0, "list": [], "none": [], "any": {"a": 1}, "uuid": "u"},
        {"nested": {"late": 1, "number": 2}}, {"nested.text": "x"}, {"part.flag": False}, {"text": {}, "nested": {"number": "x"}},
    ),
    ("Loose", {"a": 1, "nested": {"x": {}, "number": "3"}, "b": {}}),
    ("Loose", {"z": {"y": []}, "text": 5}),
    ("Loose", {"nested": {"number": "x"}}),
    ("Throwing", {"text": 1}),
    ("Throwing", {"a": 1}),
    ("Throwing", {"nested": {"x": 1}}),
    ("Watched", {"text": "a", "list": ["x"]}),
    ("Watched", {"made": BEFORE}),
    ("Stamped", {"text": "a", "parts": [{"text": "b"}, {}], "part": {"text": "c"}}),
    ("Stamped", {"parts": [{"createdAt": BEFORE}]}),
    ("Event", {"at": "2020"}),
    ("Click", {"at": "2020", "x": "5"}),
    ("Click", {}),
    ("Press", {"key": 7}),
    ("Press", {"key": 7, "kind": "Click"}),
)  # fmt: skip


def creations() -> Iterator[Call]:
    """Yield the creation of each document."""
    for model, given in (
        *(("Kinds", each) for each in KINDS),
        *(("Limits", each) for each in LIMITS),
        *OTHERS,
    ):
        yield {"model": model, "call": "create", "documents": [given]}


FILTERS: Final[tuple[dict[str, Any], ...]] = (
    {"text": 5}, {"text": ["5", "a"]}, {"text": {}}, {"text": {"$in": [5, None]}}, {"text": {"$gt": 1}}, {"text": {"$in": "a"}},
    {"text": {"$not": {"$eq": 5}}}, {"text": {"$exists": "true"}}, {"text": {"$exists": 0}}, {"text": {"$size": 1}}, {"text": {"$ne": None}},
    {"text": {"$regex": "^a", "$options": "i"}}, {"text": {"$type": "string"}}, {"text": {"$all": ["a"]}},
    {"number": "5"}, {"number": {"$gte": "2", "$lt": "9"}}, {"number": "x"}, {"number": {"$in": ["5", "x"]}}, {"number": {"$mod": [2, 1]}},
    {"number": {"$nin": []}}, {"number": {"$type": "number"}}, {"number": [5, 7]}, {"number": {}},
    {"flag": "yes"}, {"flag": "x"}, {"flag": {"$ne": "true"}}, {"when": "2020"}, {"when": {"$lt": "2021-01-01", "$gt": 0}}, {"when": "x"},
    {"id": str(ONE)}, {"id": {"$in": [str(ONE), TWO]}}, {"id": "x"}, {"id": {"_id": ONE}}, {"_id": str(THREE)}, {"_id": "x"}, {"_id": {"$ne": str(ONE)}},
    {"any": {"a": {}}}, {"any": []}, {"any": {"$in": [5, "x"]}}, {"any.a": 1}, {"bytes": "x"}, {"exact": "1.50"}, {"big": "12"}, {"double": "2"}, {"int": "1"},
    {"texts": "a"}, {"texts": ["a", "1"]}, {"texts": 1}, {"texts": {"$in": [1, "a"]}}, {"texts": {"$all": [1]}}, {"texts": {"$size": "2"}}, {"texts": {"$elemMatch": {"$eq": "a"}}},
    {"texts.0": 1}, {"texts": {"$ne": []}}, {"texts": {"$in": [["a", 1]]}}, {"numbers": {"$gt": "1"}}, {"numbers": "x"}, {"numbers.1": "2"}, {"ids": str(ONE)}, {"ids": {"$in": [str(TWO)]}}, {"ids": []},
    {"tables": 5}, {"byName.a": "1"}, {"byName.a": "x"}, {"byName": {"a": "1"}}, {"partsByName.a.size": "2"},
    {"nested.text": 5}, {"nested.deeper.number": "7"}, {"nested.deeper.number": "x"}, {"nested": {"text": "5"}}, {"nested.deeper": {"number": 7}}, {"nested.deeper.list": 5},
    {"part.text": "x"}, {"part.number": "x"}, {"part": {"text": "x"}}, {"part": {"$exists": True}}, {"part": 5},
    {"parts.text": " a "}, {"parts.number": "x"}, {"parts.0.number": "10"}, {"parts": {"$elemMatch": {"number": "10"}}}, {"parts": {"$elemMatch": {"number": "x"}}}, {"parts.inner.flag": "yes"}, {"parts._id": str(ONE)}, {"parts": {"$size": 1}},
    {"parts": []}, {"unknown": "5"}, {"unknown": {"$in": ["5"]}}, {"unknown.deep": {"$gt": 1}}, {"$or": [{"number": "5"}, {"text": 5}]}, {"$and": [{"number": {"$gt": "1"}}, {"$nor": [{"text": 5}]}]},
    {"$or": {"number": 1}}, {"$or": [1]}, {"$or": []}, {"number": {"$weird": 1}}, {"$comment": "c", "text": "a"}, {"text": {"$eq": 5}}, {"number": {"$ne": "x"}}, {"text": {"$in": [[]]}}, {"number": {"$not": {"$gt": "3"}}},
)  # fmt: skip


def finds() -> Iterator[Call]:
    """Yield a find for each filter, then what else reads."""
    for each in FILTERS:
        yield {
            "model": "Kinds",
            "call": "find",
            "filter": each,
            "sort": {"_id": 1},
            "projection": {"_id": 1},
        }
    for shown in (
        "text",
        "-text -any",
        "+hidden",
        "required",
        {"required": 1},
        {"nested": 0},
        "required +hidden",
        {"_id": 0},
        {"_id": 1},
        None,
    ):
        yield {"model": "Limits", "call": "find", "filter": {"fixed": "f"}, "projection": shown}
    yield {
        "model": "Limits",
        "call": "find",
        "filter": {},
        "sort": "-told short",
        "skip": 2,
        "limit": 3,
    }
    yield {"model": "Limits", "call": "distinct", "path": "level", "filter": {"told": "1"}}
    yield {"model": "Limits", "call": "count_documents", "filter": {"told": "1"}}
    for name in ("Event", "Click", "Press"):
        yield {"model": name, "call": "find", "filter": {}}
        yield {"model": name, "call": "count_documents", "filter": {}}
    yield {
        "model": "Click",
        "call": "update_many",
        "filter": {"x": "5"},
        "update": {"$inc": {"x": "1"}, "key": 1},
    }
    yield {"model": "Press", "call": "delete_one", "filter": {"key": "7"}}


UPDATES: Final[tuple[dict[str, Any], ...]] = (
    {"text": 5}, {"$set": {"text": 5, "unknown": 1}}, {"unknown": 1}, {}, {"$set": {}}, {"text": None}, {"text": {}},
    {"$set": {"number": "7"}, "number": "8"}, {"$inc": {"number": "2"}}, {"$inc": {"number": "x"}}, {"$inc": {"unknown": 1}}, {"$mul": {"number": "2"}},
    {"$min": {"number": "1"}}, {"$max": {"when": "2030"}}, {"$max": {"when": "2019"}}, {"$unset": {"text": 1}}, {"$unset": {"unknown": 1}}, {"$unset": {"nested.text": ""}},
    {"$push": {"texts": 5}}, {"$push": {"texts": {"$each": [1, "b"], "$slice": -2}}}, {"$push": {"texts": ["x", "y"]}}, {"$push": {"numbers": "x"}}, {"$push": {"numbers": {"$each": ["1", "x"]}}},
    {"$addToSet": {"texts": 5}}, {"$addToSet": {"ids": str(ONE)}}, {"$addToSet": {"ids": {"$each": [str(ONE), str(TWO)]}}}, {"$pull": {"texts": 5}}, {"$pull": {"texts": {"$in": [1, "b"]}}}, {"$pull": {"ids": str(ONE)}},
    {"$pullAll": {"numbers": ["1", 2]}}, {"$pop": {"texts": 1}}, {"$pop": {"texts": "-1"}},
    {"$push": {"parts": {"text": " p ", "other": 1, "number": "3"}}}, {"$push": {"parts": {"number": "x"}}}, {"$push": {"parts": 5}}, {"$push": {"parts": {"$each": [{"text": "q"}], "$position": 0}}}, {"$pull": {"parts": {"text": "q"}}}, {"$pull": {"parts": {"number": "3"}}}, {"$pull": {"parts": {"number": {"$gt": "2"}}}},
    {"$addToSet": {"parts": {"text": "r"}}}, {"parts": [{"text": " s "}, {"number": "1"}]}, {"parts.0.text": " t "}, {"parts.0.number": "x"}, {"parts.0.other": 1}, {"parts.0": {"text": " u ", "other": 1}}, {"parts": 5}, {"parts": {"text": "v"}},
    {"texts": "a"}, {"texts": [1, 2]}, {"texts.0": 9}, {"texts": None}, {"texts": ["b", {}]}, {"numbers": ["x"]}, {"tables": [["1"]]}, {"byName": {"a": "1"}}, {"byName.a": "2"}, {"byName.b": "x"},
    {"nested": {"text": 5, "other": 1}}, {"nested.text": 6}, {"nested.other": 1}, {"nested.deeper": {"number": "1", "other": 2}}, {"nested.deeper.number": "x"}, {"nested": {}}, {"nested": {"deeper": {}}}, {"nested": None}, {"nested.deeper.list": 5},
    {"part": {"text": 5, "other": 1}}, {"part": {}}, {"part.text": 6}, {"part.number": "x"}, {"part.other": 1}, {"part": None}, {"part": 5}, {"part": {"number": "x"}},
    {"any": {"a": {}}}, {"any.b": 2**40}, {"any": 5}, {"any.c": {}}, {"flag": "no"}, {"flag": "x"}, {"when": "2020-05-05"}, {"when": "x"}, {"id": str(TWO)}, {"id": "x"}, {"exact": "2.50"}, {"big": "7"}, {"double": 3}, {"bytes": "z"},
    {"$setOnInsert": {"text": 9}}, {"$currentDate": {"when": True}}, {"$rename": {"flag": "flags2"}}, {"$bit": {"int": {"or": 4}}}, {"$set": {"text": 1}, "$unset": {"number": 1}, "$inc": {"int": "1"}}, {"_id": TWO}, {"__v": 3},
)  # fmt: skip


def updates() -> Iterator[Call]:
    """Yield each update of one document, then upserts, and updates of what is stamped or fixed."""
    yield {"model": "Kinds", "call": "delete_many", "filter": {}}
    yield {
        "model": "Kinds",
        "call": "create",
        "documents": [
            {
                "_id": ONE,
                "text": "a",
                "number": 1,
                "texts": ["a"],
                "parts": [{"_id": ONE, "text": "a", "number": 3}],
                "nested": {"text": "n"},
                "int": 1,
            }
        ],
    }
    for each in UPDATES:
        yield {"model": "Kinds", "call": "update_one", "filter": {"_id": str(ONE)}, "update": each}
    yield {
        "model": "Kinds",
        "call": "update_one",
        "filter": {"_id": ONE, "parts._id": str(ONE)},
        "update": {"$set": {"parts.$.number": "4"}},
    }
    yield {
        "model": "Kinds",
        "call": "update_one",
        "filter": {"_id": ONE},
        "update": {"$set": {"parts.$[].number": "5"}},
    }
    yield {
        "model": "Kinds",
        "call": "update_one",
        "filter": {"_id": ONE},
        "update": {"$set": {"parts.$[].other": "5"}},
    }
    for at, given in enumerate((
        {}, {"text": "x"}, {"nested.text": "y"}, {"nested": {"text": "z"}}, {"part.flag": "no"}, {"$setOnInsert": {"text": 1}}, {"list": ["q"]}, {"$push": {"list": "r"}}, {"nested.number": 9}, {"$unset": {"text": 1}}, {"__v": 4},
    )):  # fmt: skip
        yield {
            "model": "Defaults",
            "call": "update_one",
            "filter": {"_id": f"u{at}"},
            "update": given,
            "upsert": True,
        }
        yield {
            "model": "Defaults",
            "call": "find_one_and_update",
            "filter": {"_id": f"f{at}", "nothing": "5"},
            "update": given,
            "upsert": True,
            "new": True,
        }
    for where in (
        {"$and": [{"nothing": "6"}]},
        {"text": {"$in": ["a"]}},
        {"nested.number": "8"},
        {"nothing": {"$gt": "7"}},
    ):
        yield {
            "model": "Defaults",
            "call": "find_one_and_update",
            "filter": {"_id": str(where), **where},
            "update": {"late": "x"},
            "upsert": True,
            "new": True,
        }
    stamped: tuple[dict[str, Any], ...] = (
        {"told": "2"}, {"fixed": "changed"}, {"$set": {"fixed": "x", "told": 3}}, {"$setOnInsert": {"fixed": "i"}}, {"createdAt": BEFORE}, {"updatedAt": BEFORE}, {"$unset": {"fixed": 1}},
        {"$set": {"createdAt": ""}}, {"$set": {"updatedAt": None}}, {"$setOnInsert": {"createdAt": BEFORE}}, {"kind": "three", "level": 99}, {"code": " UP "}, {"loud": "up"}, {}, {"hidden": 5}, {"unknown": 1},
    )  # fmt: skip
    for at, given in enumerate(stamped):
        yield {
            "model": "Limits",
            "call": "update_many",
            "filter": {"required": "a"},
            "update": given,
        }
        yield {
            "model": "Limits",
            "call": "find_one_and_update",
            "filter": {"short": f"n{at}"},
            "update": given,
            "upsert": True,
            "new": True,
        }
        yield {
            "model": "Limits",
            "call": "find_one_and_update",
            "filter": {"short": f"n{at}"},
            "update": given,
            "new": False,
            "projection": "short told",
            "sort": "told",
        }
    for model, given in (("Loose", {"x": {}, "nested.y": 1}), ("Throwing", {"x": 1}), ("Throwing", {"nested.x": 1}), ("Throwing", {"text": 5}), ("Watched", {"list": "x"}), ("Stamped", {"$push": {"parts": {"text": "p"}}}), ("Stamped", {"part": {"text": "q"}})):  # fmt: skip
        yield {"model": model, "call": "update_one", "filter": {}, "update": given}
        yield {
            "model": model,
            "call": "find_one_and_update",
            "filter": {"text": "new"},
            "update": given,
            "upsert": True,
            "new": True,
        }
    yield {
        "model": "Limits",
        "call": "find_one_and_delete",
        "filter": {"short": "n3"},
        "projection": "short",
    }


def hydrations() -> Iterator[Call]:
    """Yield finds of documents that are not lean: first of some that were stored past Mongoose."""
    yield {"model": "Loose", "call": "create", "documents": [{"text": "a"}]}
    for model in ("Defaults", "Kinds", "Limits"):
        yield {
            "model": model,
            "call": "find_one",
            "filter": {"_id": {"$exists": True}},
            "sort": {"_id": 1},
            "lean": False,
        }
    yield {
        "model": "Defaults",
        "call": "update_many",
        "filter": {},
        "update": {
            "$unset": {
                "text": 1,
                "list": 1,
                "nested": 1,
                "nothing": 1,
                "late": 1,
                "part.flag": 1,
                "parts": 1,
            }
        },
    }
    for shown in (None, "text", "-text -list", "nested", "nested.number late", {"_id": 0}):
        yield {
            "model": "Defaults",
            "call": "find_one",
            "filter": {"_id": "d5"},
            "projection": shown,
            "lean": False,
        }


def with_options() -> Iterator[Call]:
    """Yield updates by pipelines, without times, on elements of arrays, and validated."""
    yield {
        "model": "Limits",
        "call": "update_one",
        "filter": {"told": "3"},
        "update": [{"$set": {"told": 8}}],
    }
    yield {
        "model": "Limits",
        "call": "update_one",
        "filter": {"told": 8},
        "update": {"told": 9},
        "timestamps": False,
    }
    for filters in (
        [{"part.number": "5"}],
        [{"part._id": str(ONE)}],
        [{"part.number": {"$gte": "1"}, "part.text": 5}],
        [{"part.number": "x"}],
    ):
        change = {"$set": {"parts.$[part].text": " by filter "}}
        yield {
            "model": "Kinds",
            "call": "update_one",
            "filter": {"_id": ONE},
            "update": change,
            "array_filters": filters,
        }
    yield {
        "model": "Kinds",
        "call": "update_one",
        "filter": {"_id": ONE},
        "update": {"$set": {"texts.$[one]": 7}},
        "array_filters": [{"one": 9}],
    }
    limits: tuple[dict[str, Any], ...] = (
        {"kind": "three"}, {"kind": "one", "level": 9}, {"required": ""}, {"told": None}, {"$unset": {"required": 1}}, {"$unset": {"kind": 1}}, {"short": "x", "code": "bad"},
        {"nested": {"needed": None}}, {"nested.needed": None}, {"kinds": ["one", "three"]}, {"since": "1999-01-01"}, {"list": None}, {"$setOnInsert": {"level": 7}}, {"told": "x"}, {"$set": {"kind": "two"}, "$inc": {"level": 9}},
    )  # fmt: skip
    for given in limits:
        yield {
            "model": "Limits",
            "call": "update_one",
            "filter": {"short": "n0"},
            "update": given,
            "run_validators": True,
        }
    parts: tuple[dict[str, Any], ...] = (
        {"part": {"number": 1}},
        {"part.text": ""},
        {"parts": [{"number": 10}]},
        {"partsByName": {"a": {"size": 0}}},
    )
    for given in parts:
        yield {
            "model": "Kinds",
            "call": "update_one",
            "filter": {"_id": ONE},
            "update": given,
            "run_validators": True,
        }


REPLACEMENTS: Final[tuple[tuple[str, dict[str, Any], dict[str, Any]], ...]] = (
    ("Kinds", {"text": "a"}, {"number": "7", "unknown": 1, "texts": [1], "nested": {"deeper": {}}, "any": {}}),
    ("Kinds", {"number": "7"}, {"parts": [{"text": " p ", "number": "3"}], "part": {"text": 5}}),
    ("Kinds", {"_id": str(ONE)}, {"_id": str(ONE), "text": "b", "__v": 7}),
    ("Kinds", {"_id": ONE}, {"_id": TWO, "text": "c"}),
    ("Kinds", {"_id": ONE}, {"number": "x"}),
    ("Kinds", {"number": "x"}, {"text": "d"}),
    ("Kinds", {"_id": ONE}, {"part": {"number": 1}}),
    ("Kinds", {"text": "nobody"}, {"text": "d"}),
    ("Limits", {"_id": TWO}, {"required": "a", "told": "2", "nested": {"needed": 1}, "code": " UP "}),
    ("Limits", {"_id": TWO}, {"required": "", "kind": "three"}),
    ("Limits", {"_id": TWO}, {"required": "a", "nested": {"needed": 1}, "createdAt": BEFORE, "updatedAt": None}),
    ("Limits", {"_id": TWO}, {"required": "a", "nested": {"needed": 1}, "updatedAt": BEFORE}),
    ("Defaults", {"_id": "d5"}, {}),
    ("Defaults", {"_id": "d5"}, {"text": "x", "nested": {"number": 1}}),
    ("Loose", {}, {"z": {"y": {}}, "text": 5}),
    ("Throwing", {}, {"a": 1}),
    ("Watched", {"_id": ONE}, {"text": "r", "list": ["z"]}),
    ("Stamped", {}, {"parts": [{"text": "b"}, {"createdAt": BEFORE}, {"updatedAt": BEFORE}], "part": {}}),
    ("Click", {"x": 6}, {"x": "7", "at": "2020"}),
    ("Event", {}, {"at": "2021"}),
)  # fmt: skip


def bulk_writes() -> Iterator[Call]:
    """Yield each replacement, of what is there and as an upsert, then several writes at once."""
    for model, filter_, replacement in REPLACEMENTS:
        for more in ({}, {"upsert": True}):
            one = {"filter": filter_, "replacement": replacement, **more}
            yield {
                "model": model,
                "call": "bulk_write",
                "operations": [{"replaceOne": one}],
                "ordered": True,
            }
    several: list[dict[str, Any]] = [
        {"insertOne": {"document": {"_id": THREE, "text": 3}}},
        {"replaceOne": {"filter": {"_id": THREE}, "replacement": {"text": 4, "number": "4"}}},
        {"updateOne": {"filter": {"_id": THREE}, "update": {"$inc": {"number": "1"}}}},
        {"replaceOne": {"filter": {"text": "new"}, "replacement": {"text": 5}, "upsert": True}},
        {"deleteMany": {"filter": {"text": "5"}}},
    ]
    for ordered in (True, False):
        yield {
            "model": "Kinds",
            "call": "bulk_write",
            "operations": several,
            "ordered": ordered,
        }


def saves() -> Iterator[Call]:
    """Yield what is saved after it was read, with others who write meanwhile; then batches, and references."""
    yield {"model": "Watched", "call": "delete_many", "filter": {}}
    yield {"model": "Kinds", "call": "delete_many", "filter": {}}
    yield {"model": "Limits", "call": "delete_many", "filter": {}}
    owner = {
        "required": "a",
        "told": 1,
        "nested": {"needed": 1},
        "short": "own",
        "hidden": "h",
        "_id": TWO,
    }
    yield {"model": "Limits", "call": "create", "documents": [owner]}
    yield {
        "model": "Watched",
        "call": "create",
        "documents": [{"_id": ONE, "text": "a", "list": ["x"], "owner": TWO}],
    }
    yield {
        "model": "Kinds",
        "call": "create",
        "documents": [{"_id": ONE, "text": "a", "texts": ["a"], "number": 1}],
    }
    watched: tuple[tuple[dict[str, Any], dict[str, Any] | None], ...] = (
        ({"text": "b"}, None), ({"text": "b"}, None), ({"text": "c"}, {"$inc": {"version": 1}}), ({"list": ["y"]}, None), ({"text": {}}, None),
    )  # fmt: skip
    for changes, meanwhile in watched:
        yield {
            "model": "Watched",
            "call": "save",
            "identifier": ONE,
            "changes": changes,
            "meanwhile": meanwhile,
        }
    kinds: tuple[tuple[dict[str, Any], dict[str, Any] | None], ...] = (
        ({"text": "b"}, {"$inc": {"__v": 1}}), ({"texts": ["b"]}, None), ({"texts": ["c"]}, {"$inc": {"__v": 1}}), ({"number": "7", "unknown": 1}, None), ({"number": "x"}, None), ({"nested.text": "n"}, None), ({"part": {"text": "p"}}, None), ({"any": {"a": {}, "b": 1}}, None), ({"byName": {"a": 1}}, None), ({"text": None}, None),
    )  # fmt: skip
    for changes, meanwhile in kinds:
        yield {
            "model": "Kinds",
            "call": "save",
            "identifier": ONE,
            "changes": changes,
            "meanwhile": meanwhile,
        }
    yield {
        "model": "Limits",
        "call": "save",
        "identifier": TWO,
        "changes": {"fixed": "f", "told": 2, "createdAt": BEFORE},
        "meanwhile": None,
    }
    yield {
        "model": "Limits",
        "call": "save",
        "identifier": TWO,
        "changes": {"fixed": "g", "kind": "three"},
        "meanwhile": None,
    }
    for ordered in (True, False):
        documents: list[dict[str, Any]] = [{"text": "m"}, {"number": "x"}, {"text": "n"}]
        yield {"model": "Kinds", "call": "insert_many", "documents": documents, "ordered": ordered}
    yield {
        "model": "Kinds",
        "call": "insert_many",
        "documents": [{"_id": THREE}, {"_id": THREE}, {"text": "o"}],
        "ordered": True,
    }
    yield {"model": "Kinds", "call": "create", "documents": [{"_id": THREE}]}
    yield {"model": "Event", "call": "create", "documents": [{"owners": [TWO, ONE, str(TWO)]}]}
    yield {"model": "Watched", "call": "find", "filter": {}, "populate": ["owner"]}
    yield {"model": "Event", "call": "find", "filter": {"owners": str(TWO)}, "populate": ["owners"]}
    yield {
        "model": "Event",
        "call": "find_one",
        "filter": {"owners": TWO},
        "populate": [{"path": "owners", "select": "short -_id"}],
    }
    yield {
        "model": "Watched",
        "call": "find_one",
        "filter": {},
        "populate": [{"path": "owner", "select": "told +hidden"}],
        "projection": "owner",
    }
