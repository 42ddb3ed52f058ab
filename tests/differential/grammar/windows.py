"""Random documents for `$setWindowFields`, `$fill` and `$densify`; some of what they hold does not go together."""

from typing import Any

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from hypothesis import strategies as st

Windows = st.SearchStrategy[dict[str, Any]]

paths = st.sampled_from(["$a", "$b", "$s", "$t", "$o.x", "$nope"])
numbers = st.one_of(
    st.sampled_from(["$a", "$b", "$_id"]),
    st.builds(
        lambda path, by: {"$divide": [path, by]}, st.sampled_from(["$b", "$_id"]), st.just(3)
    ),
)


def windows() -> Windows:
    """Give what one `$setWindowFields` may be told: one field, for the order of several is no one's."""
    return st.fixed_dictionaries(
        {
            "sortBy": st.sampled_from([{"_id": 1}, {"_id": 1}, {"_id": -1}, {"a": 1, "_id": 1}]),
            "output": st.builds(lambda item: {"n": item}, st.one_of(_bounded(), _whole())),
        },
        optional={"partitionBy": st.sampled_from(["$s", {"$type": "$a"}])},
    )


def _bounded() -> Windows:
    """Give an operator over a window, or over the whole partition."""
    return st.builds(
        lambda item, bounds: {**item, **bounds},
        _over(),
        st.one_of(st.just({}), _bounds("documents"), _bounds("documents"), _bounds("range")),
    )


def _bounds(kind: str) -> Windows:
    low = st.sampled_from(["unbounded", "current", -1, -1, -2, 0, 1])
    high = st.sampled_from(["current", "current", "unbounded", 0, 1, 2, -1])
    return st.builds(lambda *pair: {"window": {kind: list(pair)}}, low, high)


def _over() -> Windows:
    names = "$min $max $first $last $push $addToSet $sum $avg"
    sums = "$sum $avg $stdDevPop $stdDevSamp"
    return st.one_of(
        _calls(names, paths),
        _calls(sums, numbers),
        _calls("$covariancePop $covarianceSamp", st.lists(numbers, min_size=2, max_size=2)),
        _calls("$integral $derivative", st.fixed_dictionaries({"input": numbers})),
        _calls(
            "$firstN $lastN $minN $maxN",
            st.fixed_dictionaries({"input": paths, "n": st.integers(1, 3)}),
        ),
        _calls(
            "$top $bottom",
            st.fixed_dictionaries({"sortBy": st.just({"b": 1, "_id": 1}), "output": paths}),
        ),
        st.just({"$count": {}}),
    )


def _whole() -> Windows:
    """Give an operator that takes no window."""
    return st.one_of(
        st.sampled_from([{"$documentNumber": {}}, {"$rank": {}}, {"$denseRank": {}}]),
        _calls("$locf", paths),
        _calls("$linearFill", numbers),
        _calls(
            "$shift",
            st.fixed_dictionaries(
                {"output": paths, "by": st.integers(-2, 2)}, optional={"default": st.just("none")}
            ),
        ),
        _calls("$expMovingAvg", st.fixed_dictionaries({"input": numbers, "N": st.integers(1, 3)})),
    )


def _calls(names: str, arguments: st.SearchStrategy[Any]) -> Windows:
    return st.builds(
        lambda name, argument: {name: argument}, st.sampled_from(names.split()), arguments
    )


def fills() -> Windows:
    """Give what one `$fill` may be told: one field by a method, for the order of several is no one's."""
    names = st.sampled_from(["a", "b", "o.x", "s", "new"])
    by_method = st.builds(
        lambda name, method: {name: {"method": method}}, names, st.sampled_from(["linear", "locf"])
    )
    by_value = st.builds(lambda name, value: {name: {"value": value}}, names, paths | st.just(0))
    return st.fixed_dictionaries(
        {
            "sortBy": st.sampled_from([{"_id": 1}, {"_id": -1}]),
            "output": st.one_of(
                by_method, by_value, st.builds(lambda one, two: {**one, **two}, by_method, by_value)
            ),
        },
        optional={"partitionByFields": st.sampled_from([["s"], [], ["s", "b"]])},
    )


def sequences() -> Windows:
    """Give what one `$densify` may be told: steps that are large enough, so that few documents are made."""
    # `$b` reaches far: from its least to its greatest value are two thousand million.
    steps = st.sampled_from(
        [("_id", 1), ("_id", 0.5), ("a", 1), ("b", 2**29), ("b", Decimal128("1E+9")), ("n", 2)]
    )
    bounds = st.sampled_from(["full", "partition", [0, 4], [0, 5], [1, 1], [-1.0, 2.0], [2, 1]])
    by_numbers = st.builds(
        lambda step, bounds: {"field": step[0], "range": {"step": step[1], "bounds": bounds}},
        steps,
        bounds,
    )
    by_dates = st.builds(
        lambda unit, step, bounds: {
            "field": "d",
            "range": {"step": step, "unit": unit, "bounds": bounds},
        },
        st.sampled_from(["year", "quarter", "month"]),
        st.sampled_from([3, 5, 7.0]),
        st.sampled_from(["full", "partition", [DatetimeMS(0), DatetimeMS(10**12)], [1, 2]]),
    )
    partitions = st.sampled_from([["s"], ["s"], [], ["s", "o.x"], ["a"], ["o.y.z"]])
    return st.builds(
        lambda given, by: {**given, **by},
        st.one_of(by_numbers, by_numbers, by_dates),
        st.fixed_dictionaries({}, optional={"partitionByFields": partitions}),
    )
