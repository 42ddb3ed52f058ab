"""Calls of every expression operator with faults in several arguments at once.

Which of the errors comes first shows in what order a server reads, folds and evaluates the arguments. Each position
has failures of its own, so that the code tells which one was met.
"""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from adapters.query.expression.signatures import SIGNATURES, Positional

Expression = Any

DOCUMENT: Final[Mapping[str, Any]] = {
    "_id": 1,
    "i": 1,
    "z": 0,
    "f": 2.5,
    "s": "x",
    "t": [1, 2],
    "e": [],
    "o": {"x": 1},
    "n": None,
    "d": DatetimeMS(1_600_000_000_000),
    "b": True,
    "p": [["a", 1]],
    "unit": "day",
    "zone": "UTC",
    "form": "%Y",
    "ts": Timestamp(5, 1),
    "dec": Decimal128("1.5"),
}
"""What the calls are evaluated on."""

_FIELDS: Final = [f"${name}" for name in (*DOCUMENT, "nope")]
_UNREADABLE: Final[list[Expression]] = [
    {"$foo": 1},
    "$$undefined",
    {"$abs": [1, 2]},
    "$a..b",
    "$",
    {"$abs": 1, "$ln": 1},
    "$a.",
    {"$ifNull": [1]},
]
_FAILING: Final[list[Expression]] = [
    {"$toInt": "$s"},
    {"$abs": "$s"},
    {"$size": "$n"},
    {"$concat": ["$i"]},
    {"$toUpper": "$o"},
    {"$ln": "$z"},
    {"$arrayToObject": "$t"},
    {"$mod": ["$i", "$z"]},
]
_FAILING_WHEN_FOLDED: Final[list[Expression]] = [
    {"$toInt": "x"},
    {"$abs": "x"},
    {"$size": "x"},
    {"$concat": [1]},
    {"$toUpper": [{"$literal": {"a": 1}}]},
    {"$ln": 0},
    {"$arrayToObject": {"$literal": [1]}},
    {"$mod": [1, 0]},
]
_NEVER_FOLDED: Final[list[Expression]] = [
    {"$firstN": {"input": [1], "n": 0}},
    {"$firstN": {"input": [1], "n": "x"}},
    {"$regexMatch": {"input": 1, "regex": "a"}},
    {"$replaceOne": {"input": 1, "find": "a", "replacement": "b"}},
    {"$zip": {"inputs": [1]}},
    {"$setEquals": [[1], "$s"]},
    {"$firstN": {"input": 1, "n": 1}},
    {"$sortArray": {"input": 1, "sortBy": 1}},
]
_CONSTANTS: Final[list[Expression]] = [
    *(1, 0, -1, 2.5, 100, Decimal128("1"), True, None),
    *("x", "", "day", "week", "UTC", "Mars", "%Y", "%q", "monday", "2020-01-01"),
    *([1, 2], [], {"$literal": {"x": 1}}, {"$literal": [[1], [2]]}),
    *(DatetimeMS(0), Timestamp(5, 1), Regex("x"), ObjectId("0" * 24)),
]
_FITTING: Final[Mapping[str, list[Expression]]] = {
    "amount": ["$i", 1],
    "binSize": [1, "$i"],
    "date": ["$d", DatetimeMS(0)],
    "dateString": ["2020-01-01", "$s"],
    "endDate": ["$d", DatetimeMS(0)],
    "field": ["x"],
    "format": ["$form", "%Y"],
    "input": ["$s", "$t", "$o"],
    "inputs": [["$t"], ["$e", "$t"]],
    "iso8601": [True, "$b"],
    "n": [1, "$i"],
    "options": ["i"],
    "regex": ["x", "$s"],
    "sortBy": [1, -1, {"x": 1}],
    "startDate": ["$d", DatetimeMS(0)],
    "startOfWeek": ["monday"],
    "timezone": ["$zone", "UTC", "$nope"],
    "to": ["int", "string"],
    "unit": ["$unit", "day", "week"],
    "useLongestLength": [True, False],
}
"""By parameter: without a few right arguments nothing behind them would be looked at."""


def _argument(random: Random, position: int, name: str = "") -> Expression:
    own = position % len(_FAILING)
    chance = random.random()
    if chance < 0.1:
        return _UNREADABLE[own]
    if chance < 0.3:
        return random.choice((_FAILING, _FAILING, _FAILING_WHEN_FOLDED, _NEVER_FOLDED))[own]
    if chance < 0.75 and name in _FITTING:
        return random.choice(_FITTING[name])
    return random.choice(_FIELDS if chance < 0.65 else _CONSTANTS)


def _named(random: Random, parameters: tuple[str, ...]) -> Expression:
    """Return arguments by name: in any order, one may be left out, one may be unknown."""
    given = [
        (name, _argument(random, at, name))
        for at, name in enumerate(parameters)
        if random.random() < 0.9
    ]
    if random.random() < 0.1:
        given.append(("bogus", 1))
    random.shuffle(given)
    return dict(given)


def _switch(random: Random) -> Expression:
    branches = [
        {"case": _argument(random, 2 * at), "then": _argument(random, 2 * at + 1)}
        for at in range(random.randint(1, 2))
    ]
    default = {"default": _argument(random, 4)} if random.random() < 0.7 else {}
    return {"branches": branches, **default}


def _zip(random: Random) -> Expression:
    count = random.randint(1, 3)
    inputs = [
        random.choice(("$t", "$e", _argument(random, at), _argument(random, at)))
        for at in range(count)
    ]
    given: dict[str, Any] = {"inputs": inputs}
    if random.random() < 0.6:
        given["useLongestLength"] = random.choice((True, True, False, 1, None))
    if random.random() < 0.5:
        given["defaults"] = [_argument(random, 4 + at) for at in range(random.choice((1, count)))]
    return given


def _let(random: Random) -> Expression:
    bound = {"u": _argument(random, 0), "w": _argument(random, 1)}
    return {"vars": bound, "in": random.choice((_argument(random, 2), {"$add": ["$$u", "$$w"]}))}


def _date_from_parts(random: Random) -> Expression:
    date = random.choice((("year", "month", "day"), ("isoWeekYear", "isoWeek", "isoDayOfWeek")))
    return _named(random, (*date, "hour", "minute", "second", "millisecond", "timezone"))


_FORMS: Final[Mapping[str, Callable[[Random], Expression]]] = {
    "$cond": lambda random: _named(random, ("if", "then", "else")),
    "$dateFromParts": _date_from_parts,
    "$filter": lambda random: _named(random, ("input", "cond", "limit")),
    "$let": _let,
    "$map": lambda random: _named(random, ("input", "as", "in")),
    "$reduce": lambda random: _named(random, ("input", "initialValue", "in")),
    "$sortArray": lambda random: _named(random, ("input", "sortBy")),
    "$switch": _switch,
    "$zip": _zip,
}
OPERATORS: Final = sorted({*SIGNATURES, *_FORMS})


def call(random: Random, operator: str) -> Expression:
    """Return a call of an operator, most often with several faults."""
    if operator in _FORMS:
        return {operator: _FORMS[operator](random)}
    signature = SIGNATURES[operator]
    if not isinstance(signature, Positional):
        return {operator: _named(random, signature.parameters)}
    most = 4 if signature.most is None else signature.most
    count = random.randint(signature.least, most)
    return {operator: [_argument(random, at) for at in range(count)]}
