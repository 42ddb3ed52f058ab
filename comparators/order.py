"""MongoDB's order of values across types, and of documents under a sort.

Source: MongoDB manual, "Comparison/Sort Order". What the manual leaves open (an empty array sorts before
null, keys of one array belong together in a compound sort) was observed on a server and is pinned
by tests/differential/test_order.py.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from comparators.canonical import MISSING, Missing

OrderKey = tuple[Any, ...]
Collator = Callable[[str], bytes]
"""From a string to its sort key."""
Sort = Mapping[str, Any]
"""Paths to 1 or -1, in order of weight."""

_MIN, _UNDEFINED, _NULL, _NUMBER, _STRING, _OBJECT, _ARRAY = -1, 0, 5, 10, 15, 20, 25
_BINARY, _OBJECT_ID, _BOOL, _DATE, _TIMESTAMP, _REGEX = 30, 35, 40, 45, 47, 50
_CODE, _CODE_WITH_SCOPE, _MAX = 60, 65, 127

MOST_DIGITS: Final = 9
"""No array has elements at positions of more digits."""

_REGEX_FLAGS: Final = ((2, "i"), (4, "l"), (8, "m"), (16, "s"), (32, "u"), (64, "x"))


class ValueOrder:
    """The order of values under one way to compare strings: by their bytes, or by a collation.

    Only strings that are values are collated, also inside of documents and arrays; names of fields,
    code and patterns are not.
    """

    __slots__ = ("_keys", "is_simple")

    def __init__(self, collator: Collator | None = None) -> None:
        self.is_simple = collator is None
        self._keys = dict(_KEYS)
        self._keys[dict] = self._object_key
        self._keys[DBRef] = lambda value: self._object_key(value.as_doc())
        self._keys[list] = lambda value: (_ARRAY, tuple([self.key(item) for item in value]))
        if collator is not None:
            self._keys[str] = lambda value: (_STRING, collator(value))

    def key(self, value: Any, *, missing_first: bool = False) -> OrderKey:
        """Return a key that orders values of all types as MongoDB does.

        A missing value sorts as null, as in a query's sort; with `missing_first` it sorts before
        null, as in aggregation expressions. Raises TypeError for what no BSON value decodes to.
        """
        if value is MISSING:
            return (_UNDEFINED,) if missing_first else (_NULL,)
        key = self._keys.get(type(value))
        return key(value) if key is not None else self._key_of_subtype(value)

    def compare(self, a: Any, b: Any, *, missing_first: bool = False) -> int:
        """Return -1, 0 or 1 as `a` sorts before, with or after `b`."""
        left = self.key(a, missing_first=missing_first)
        right = self.key(b, missing_first=missing_first)
        return (left > right) - (left < right)

    def sort_key(self, document: Mapping[str, Any], sort: Sort) -> OrderKey:
        """Return the key by which a query with this sort orders the document.

        Of an array the smallest element counts in ascending order and the largest in descending;
        fields of one array are taken from the same element.
        """
        paths = [_Place(document, tuple(path.split("."))) for path in sort]
        descending = [direction == -1 for direction in sort.values()]
        return min(
            tuple(
                _Reversed(self.key(value)) if down else self.key(value)
                for value, down in zip(values, descending, strict=True)
            )
            for values in _combinations(paths)
        )

    def _object_key(self, value: Mapping[str, Any]) -> OrderKey:
        fields = []
        for name, item in value.items():
            key = self.key(item)
            fields.append((key[0], name, key))
        return (_OBJECT, tuple(fields))

    def _key_of_subtype(self, value: Any) -> OrderKey:
        for known, key in self._keys.items():
            if isinstance(value, known):
                return key(value)
        if isinstance(value, Mapping):
            return self._object_key(value)
        if isinstance(value, Sequence):
            return (_ARRAY, tuple([self.key(item) for item in value]))
        raise TypeError(f"{type(value).__name__} is no BSON value")


def unordered_key(value: Any) -> OrderKey:
    """Return a key that is equal for equal values, whatever the order of fields in documents."""
    if isinstance(value, DBRef):
        value = value.as_doc()
    if isinstance(value, Mapping):
        fields = [(name, unordered_key(item)) for name, item in value.items()]
        return (_OBJECT, frozenset(fields))
    if isinstance(value, list):
        return (_ARRAY, tuple(map(unordered_key, value)))
    return SIMPLE.key(value)


class _Reversed:
    """A key in descending order."""

    __slots__ = ("key",)

    def __init__(self, key: OrderKey) -> None:
        self.key = key

    def __lt__(self, other: "_Reversed") -> bool:
        return other.key < self.key

    def __gt__(self, other: "_Reversed") -> bool:
        return self.key < other.key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Reversed) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"_Reversed({self.key!r})"


class _Place:
    """A value on the way along a path; `rest` is what is left of the path.

    A place that is `done` is not expanded, even if it holds an array.
    """

    __slots__ = ("done", "rest", "value")

    def __init__(self, value: Any, rest: tuple[str, ...], *, done: bool = False) -> None:
        self.value = value
        self.rest = rest
        self.done = done


class _Undefined:
    """The key of an empty array: before null."""


_EMPTY_ARRAY: Final = _Undefined()


def _combinations(places: list[_Place]) -> list[tuple[Any, ...]]:
    """Return the tuples of values that an index over the paths would hold for the document."""
    walked = [place if place.done else _walk(place) for place in places]
    array = next((place.value for place in walked if not place.done), None)
    if array is None:
        return [tuple(place.value for place in walked)]
    found: list[tuple[Any, ...]] = []
    for element in array or [_EMPTY_ARRAY]:
        found += _combinations(
            [
                _into(element, place.rest) if not place.done and place.value is array else place
                for place in walked
            ]
        )
    return found


def _walk(place: _Place) -> _Place:
    """Follow the path to its end (done) or to an array that has to be expanded (not done)."""
    value, rest = place.value, place.rest
    while True:
        if isinstance(value, list):
            position = position_of(rest[0]) if rest else None
            if position is None or position >= len(value):
                return _Place(value, rest)
            value, rest = value[position], rest[1:]
            if not rest and value != []:
                # An element named by its position is a key as it stands, even if it is an array.
                return _Place(value, rest, done=True)
        elif not rest:
            return _Place(value, rest, done=True)
        elif isinstance(value, DBRef):
            value = value.as_doc()
        elif isinstance(value, Mapping):
            value, rest = value.get(rest[0], MISSING), rest[1:]
        else:
            return _Place(MISSING, (), done=True)


def position_of(segment: str) -> int | None:
    """Return the position of an element that a segment of a path names; with a zero in front it is a name."""
    if not (segment.isascii() and segment.isdecimal()) or len(segment) > MOST_DIGITS:
        return None
    return None if segment[0] == "0" and len(segment) > 1 else int(segment)


def _into(element: Any, rest: tuple[str, ...]) -> _Place:
    if not rest:
        return _Place(element, (), done=True)
    if isinstance(element, Mapping | DBRef):
        return _Place(element, rest)
    return _Place(MISSING, (), done=True)


def _number_key(value: float) -> OrderKey:
    # NaN is the lowest number; int and float compare exactly in Python.
    return (_NUMBER, 1, value) if value == value else (_NUMBER, 0)  # noqa: PLR0124


def _decimal_key(value: Decimal128) -> OrderKey:
    exact = value.to_decimal()
    return (_NUMBER, 0) if exact.is_nan() else (_NUMBER, 1, exact)


def _binary_key(value: bytes) -> OrderKey:
    return (_BINARY, len(value), value.subtype if isinstance(value, Binary) else 0, bytes(value))


def _regex_key(value: Regex[Any]) -> OrderKey:
    pattern = value.pattern
    text = pattern.decode() if isinstance(pattern, bytes) else pattern
    return (_REGEX, text, "".join(name for bit, name in _REGEX_FLAGS if value.flags & bit))


def _code_key(value: Code) -> OrderKey:
    if value.scope is None:
        return (_CODE, str(value))
    return (_CODE_WITH_SCOPE, str(value), SIMPLE.key(value.scope))


_KEYS: Final[Mapping[type, Callable[[Any], OrderKey]]] = {
    MinKey: lambda _: (_MIN,),
    _Undefined: lambda _: (_UNDEFINED,),
    Missing: lambda _: (_NULL,),
    type(None): lambda _: (_NULL,),
    # bool and Code stand before their base classes for `_key_of_subtype`.
    bool: lambda value: (_BOOL, value),
    int: lambda value: (_NUMBER, 1, value),
    Int64: lambda value: (_NUMBER, 1, value),
    float: _number_key,
    Decimal128: _decimal_key,
    Code: _code_key,
    str: lambda value: (_STRING, value),
    Binary: _binary_key,
    bytes: _binary_key,
    ObjectId: lambda value: (_OBJECT_ID, value.binary),
    DatetimeMS: lambda value: (_DATE, int(value)),
    Timestamp: lambda value: (_TIMESTAMP, value.time, value.inc),
    Regex: _regex_key,
    MaxKey: lambda _: (_MAX,),
}
"""The keys that depend on no other; those of documents and arrays belong to a `ValueOrder`."""

SIMPLE: Final = ValueOrder()
"""The order where no collation is asked for."""

order_key: Final = SIMPLE.key
compare: Final = SIMPLE.compare
sort_key: Final = SIMPLE.sort_key
