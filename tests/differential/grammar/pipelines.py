"""Random pipelines over a few documents that hold every trap of the stages at once."""

from collections.abc import Iterator
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from hypothesis import strategies as st

from tests.differential.grammar.expressions import expressions
from tests.differential.grammar.windows import fills, sequences, windows

GIVEN: Final[list[dict[str, Any]]] = [
    {"_id": 1, "a": 1, "b": 2.5, "s": "x", "t": [1, 2, 3], "o": {"x": 1, "y": {"z": 2}}},
    {"_id": 2, "a": 1.0, "s": "y", "t": [], "o": {"x": [1, {"z": 5}]}, "d": DatetimeMS(5)},
    {"_id": 3, "a": None, "b": Int64(7), "s": "x", "t": None, "v": [{"k": 1}, {"k": 2}, 3]},
    {"_id": 4, "b": "text", "s": "", "t": "single", "v": {"k": [1, 2]}},
    {"_id": 5, "a": [1, 2], "b": -1, "o": [{"x": 1}, {"x": 2, "y": 3}, [{"x": 4}]], "t": [None]},
    {"_id": 6, "a": True, "b": 2**31 - 1, "d": DatetimeMS(1_700_000_000_123), "t": [[1], [2]]},
]
FOREIGN: Final[list[dict[str, Any]]] = [
    {"_id": 1, "k": 1},
    {"_id": 2, "k": [1, 2]},
    {"_id": 3},
    {"_id": 4, "k": None, "x": "x"},
    {"_id": 5, "k": {"z": 2}},
    {"_id": 6, "k": [], "x": "y"},
]

Stages = st.SearchStrategy[dict[str, Any]]

paths = st.sampled_from(["a", "b", "s", "t", "o", "v", "o.x", "o.y.z", "v.k", "t.x", "nope", "_id"])
fields = st.sampled_from(["a", "b", "t", "o", "o.x", "o.q", "n", "v.k"])
# A field that is dropped and made anew keeps its first place on the server, and goes to the end here:
# what is dropped is never made by another stage.
dropped = st.sampled_from(["_id", "d", "t.x", "o.y.z", "nope", "nope.x"])
small = st.integers(1, 4)


def pipelines(foreign: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Give up to four stages over documents in the order of `_id`."""
    return st.lists(_stages(foreign), min_size=1, max_size=4).map(
        lambda stages: [{"$sort": {"_id": 1}}, *_in_order(stages)]
    )


def _in_order(stages: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Give each grouping an order, which nobody else does."""
    for stage in stages:
        yield stage
        if stage.get("$group", {}).get("_id") is not None or "$sortByCount" in stage:
            yield {"$sort": {"_id": 1}}


def _stages(foreign: str) -> Stages:
    value = st.one_of(paths.map("${}".format), expressions())
    return st.one_of(
        _one("$match", _filters()),
        _one(
            "$project", st.dictionaries(paths, st.sampled_from([1, True]), min_size=1, max_size=3)
        ),
        _one("$project", st.dictionaries(dropped, st.just(0), min_size=1, max_size=3)),
        _one(
            "$project",
            st.dictionaries(fields, st.one_of(st.just(1), value), min_size=1, max_size=3),
        ),
        _one("$addFields", st.dictionaries(fields, value, min_size=1, max_size=2)),
        _one("$unset", st.lists(dropped, min_size=1, max_size=2)),
        _one("$unwind", paths.map("${}".format)),
        _one(
            "$unwind",
            st.fixed_dictionaries(
                {"path": paths.map("${}".format)},
                optional={
                    "preserveNullAndEmptyArrays": st.booleans(),
                    "includeArrayIndex": st.sampled_from(["i", "o.i"]),
                },
            ),
        ),
        _one("$match", value.map(lambda expression: {"$expr": expression})),
        _one("$group", _groups()),
        _one("$group", _keyed_groups()),
        _one("$group", _keyed_groups()),
        _one("$sortByCount", paths.map("${}".format)),
        _one("$bucket", _buckets()),
        _one(
            "$sort",
            st.dictionaries(paths, st.sampled_from([1, -1]), min_size=1, max_size=2).map(
                lambda sort: {**sort, "_id": 1}
            ),
        ),
        _one("$lookup", _piped_lookups(foreign)),
        _one("$unionWith", st.just(foreign)),
        _one(
            "$redact",
            st.sampled_from(
                [
                    "$$DESCEND",
                    {"$cond": [{"$isArray": "$t"}, "$$PRUNE", "$$DESCEND"]},
                    {"$cond": [{"$eq": ["$x", 1]}, "$$KEEP", "$$DESCEND"]},
                ]
            ),
        ),
        _one("$bucketAuto", _automatic_buckets()),
        _one("$setWindowFields", windows()),
        _one("$fill", fills()),
        _one("$densify", sequences()),
        _one("$sample", st.just({"size": 100})),
        _one("$limit", small),
        _one("$skip", small),
        _one("$count", st.just("n")),
        _one(
            "$replaceWith",
            st.sampled_from(["$o", {"q": "$a"}, {"$mergeObjects": ["$$ROOT", {"n": 1}]}]),
        ),
        _one("$lookup", _lookups(foreign)),
        _one("$unionWith", st.just({"pipeline": [{"$documents": [{"_id": 7, "a": 3}, {"b": 1}]}]})),
        _one("$graphLookup", _graphs(foreign)),
        _one(
            "$facet",
            st.fixed_dictionaries({"n": st.just([{"$count": "n"}]), "l": st.just([{"$limit": 2}])}),
        ),
    )


def _one(name: str, values: st.SearchStrategy[Any]) -> Stages:
    return values.map(lambda value: {name: value})


def _filters() -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda path, condition: {path: condition},
        paths,
        st.sampled_from(
            [1, None, {"$gt": 0}, {"$exists": True}, {"$in": [1, "x", None]}, {"$ne": 1}]
        ),
    )


def _groups() -> st.SearchStrategy[dict[str, Any]]:
    """One group takes everything, so that no order of groups has to agree."""
    accumulators = _accumulators()
    return st.fixed_dictionaries({"_id": st.just(None), "n": accumulators, "m": accumulators})


def _keyed_groups() -> st.SearchStrategy[dict[str, Any]]:
    keys = st.one_of(
        paths.map("${}".format),
        paths.map("${}".format),
        st.just({"a": "$a", "s": "$s"}),
        expressions(),
    )
    return st.fixed_dictionaries({"_id": keys, "n": _accumulators()})


def _accumulators() -> st.SearchStrategy[dict[str, Any]]:
    path = paths.map("${}".format)
    names = "$sum $avg $min $max $first $last $push $addToSet $stdDevPop $stdDevSamp $mergeObjects"
    ordered = st.fixed_dictionaries({"sortBy": st.just({"_id": -1}), "output": path})
    return st.one_of(
        *(_one(name, path) for name in names.split()),
        _one("$count", st.just({})),
        *(
            _one(name, st.fixed_dictionaries({"input": path, "n": small}))
            for name in ("$firstN", "$lastN", "$minN", "$maxN")
        ),
        _one("$top", ordered),
        _one("$bottom", ordered),
    )


def _buckets() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "groupBy": paths.map("${}".format),
            "boundaries": st.sampled_from(
                [[0, 1, 5], [-1, 2.5, 100], ["a", "x"], [1, "a"], [2, 1]]
            ),
        },
        optional={
            "default": st.sampled_from(["other", None, -5]),
            "output": st.fixed_dictionaries({"n": _accumulators()}),
        },
    )


def _piped_lookups(foreign: str) -> st.SearchStrategy[dict[str, Any]]:
    inner = st.sampled_from(
        [
            [{"$match": {"k": 1}}],
            [{"$match": {"$expr": {"$eq": ["$k", "$$a"]}}}],
            [{"$sort": {"_id": -1}}, {"$limit": 2}, {"$project": {"x": "$$a", "k": 1}}],
            [{"$group": {"_id": None, "n": {"$sum": 1}}}],
        ]
    )
    return st.fixed_dictionaries(
        {
            "from": st.just(foreign),
            "let": st.fixed_dictionaries({"a": paths.map("${}".format)}),
            "pipeline": inner,
            "as": st.sampled_from(["n", "o.q"]),
        },
        optional={"localField": st.just("a"), "foreignField": st.just("k")},
    )


def _automatic_buckets() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {"groupBy": paths.map("${}".format), "buckets": small},
        optional={
            "granularity": st.sampled_from(["R5", "E24", "1-2-5", "POWERSOF2"]),
            "output": st.just({"i": {"$push": "$_id"}}),
        },
    )


def _lookups(foreign: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "from": st.just(foreign),
            "localField": paths,
            "foreignField": st.sampled_from(["_id", "k", "x", "k.z"]),
            "as": st.sampled_from(["n", "o.q", "s"]),
        }
    )


def _graphs(foreign: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "from": st.just(foreign),
            "startWith": paths.map("${}".format),
            "connectFromField": st.sampled_from(["_id", "k", "k.z"]),
            "connectToField": st.sampled_from(["_id", "k", "x"]),
            "as": st.sampled_from(["n", "s"]),
        },
        optional={"maxDepth": st.integers(0, 2), "depthField": st.just("depth")},
    )
