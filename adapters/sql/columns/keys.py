"""The leaves of a filter on `_id`, which is the primary key.

Equality is certain even for an `_id` that has drifted: its key is a hash. Order and type are not.
"""

from typing import Any, Final

from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId
from bson.regex import Regex

from adapters.entities.entity import Identity, IdentityType
from adapters.entities.identity import identity_key
from adapters.query.filter import Comparator, Comparison, Exists, In, Leaf
from adapters.sql.columns.condition import (
    EVERYTHING,
    NOTHING,
    Among,
    Compared,
    Condition,
    Constant,
    Sign,
    Whole,
    all_of,
)
from adapters.sql.columns.parameters import (
    UNSAID,
    Parameters,
    Part,
    any_part,
    exactly,
    roughly,
)
from adapters.sql.columns.places import IDENTITY_TYPES
from adapters.sql.columns.scalars import Spot, scalar_part
from adapters.sql.keys import LONGEST_EXACT, class_bounds, key_of

ABOVE_HASH: Final = b"\xff" * 33
ORDERED: Final = frozenset({str, int, Int64, float, Decimal128, DatetimeMS, ObjectId})


def key_part(leaf: Leaf, identity: Identity, parameters: Parameters) -> Part:
    """Return the condition for a leaf on `_id`."""
    match leaf:
        case Exists():
            return exactly(EVERYTHING)
        case Comparison(comparator=Comparator.EQ, value=value):
            return _equal((value,), identity, parameters)
        case In(values=values, patterns=()):
            return _equal(values, identity, parameters)
        case In(values=values):
            patterns = In(path=leaf.path, values=(), patterns=leaf.patterns)
            return any_part(
                [
                    _equal(values, identity, parameters),
                    key_part_by_order(patterns, identity, parameters),
                ]
            )
        case _:
            return key_part_by_order(leaf, identity, parameters)


def _equal(values: tuple[Any, ...], identity: Identity, parameters: Parameters) -> Part:
    if any(isinstance(value, DBRef) for value in values):
        return UNSAID
    # No `_id` is an array or a regular expression.
    keys = sorted(
        {identity_key(identity, value).value for value in values if not _is_refused(value)}
    )
    place = Whole(column=identity.name, certain=True)
    if not keys:
        return exactly(NOTHING)
    if len(keys) == 1:
        return exactly(Compared(place=place, sign=Sign.EQUAL, parameter=parameters.take(keys[0])))
    return exactly(Among(place=place, parameter=parameters.take(keys)))


def _is_refused(value: Any) -> bool:
    return isinstance(value, list | Regex)


def key_part_by_order(leaf: Leaf, identity: Identity, parameters: Parameters) -> Part:
    """Return the condition for a leaf that asks for the order or type of `_id`."""
    if identity.type is IdentityType.KEY:
        if isinstance(leaf, Comparison):
            return _range(leaf.comparator, leaf.value, identity, parameters)
        return UNSAID
    spot = Spot(
        column=identity.name,
        kind=IDENTITY_TYPES[identity.type],
        place=Whole(column=identity.name),
        absent=Constant(column=identity.name, holds=False),
        present=Constant(column=identity.name, holds=True),
        null=Constant(column=identity.name, holds=False),
    )
    return scalar_part(leaf, spot, parameters)


def _range(comparator: Comparator, value: Any, identity: Identity, parameters: Parameters) -> Part:
    """Return the keys between which those of a range lie: its class, up to the value."""
    if type(value) not in ORDERED or value != value:  # noqa: PLR0124 - NaN compares with NaN only
        return UNSAID
    first, beyond = class_bounds(value)
    # What follows LONGEST_EXACT is a hash, which has no order.
    key = key_of(value)[:LONGEST_EXACT]
    upward = comparator in {Comparator.GT, Comparator.GTE}
    place = Whole(column=identity.name, certain=True)
    least, below = (key, beyond) if upward else (first, key + ABOVE_HASH)
    parts: list[Condition] = [
        Compared(place=place, sign=Sign.AT_LEAST, parameter=parameters.take(least)),
        Compared(place=place, sign=Sign.BELOW, parameter=parameters.take(below)),
    ]
    return roughly(all_of(parts))
