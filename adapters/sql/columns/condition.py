"""Conditions on the columns of a mapped table, without their values: what statements are kept by.

A condition selects the rows for which SQL finds it true; unknown counts as false. All and any of such are such
again; the opposite of one is `IS NOT TRUE`, so that unknown never takes a row away from both sides.
A leaf says of which columns it speaks: it is right where none of them has drifted.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Sign(StrEnum):
    """How a value compares with a parameter."""

    EQUAL = "="
    BELOW = "<"
    AT_MOST = "<="
    ABOVE = ">"
    AT_LEAST = ">="


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """The value of a column. What is `certain` can be told of drifted values too: equality of primary keys."""

    column: str
    certain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """An element of an array column: at the position that a parameter holds, or (None) the one under test."""

    column: str
    position: str | None


Place = Whole | Element


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    """All hold; without parts it selects every row."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyOf:
    """One holds; without parts it selects no row."""

    parts: "tuple[Condition, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opposite:
    """The leaf is not true."""

    leaf: "Leaf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constant:
    """The same for all values that the column can hold; other values drift."""

    column: str
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The column is NULL: the field is missing or null; or it is not NULL."""

    column: str
    absent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplicitNull:
    """`_nulls` has a name, which a parameter holds: that of the column, where the field is there and null."""

    column: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A value compares with a parameter."""

    place: Place
    sign: Sign
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Among:
    """A value is one of a parameter's."""

    place: Place
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A boolean has this value, which is part of the shape: partial indexes ask for it."""

    place: Place
    value: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Contains:
    """An array contains all elements of a parameter."""

    column: str
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlaps:
    """An array has an element in common with a parameter."""

    column: str
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """The number of elements of an array compares with a parameter."""

    column: str
    sign: Sign
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeElement:
    """One element of an array satisfies a condition."""

    column: str
    condition: "Condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class SomeRow:
    """One row of a child table satisfies a condition on its columns. `column` is the name of the table."""

    column: str
    condition: "Condition"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowCount:
    """A child table has as many rows as a parameter says. `column` is its name."""

    column: str
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonPath:
    """A predicate in the language of jsonpath holds of a jsonb column."""

    column: str
    parameter: str
    indexed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """A whole number leaves a remainder."""

    place: Place
    divisor: str
    remainder: str


class BitRule(StrEnum):
    """What the bits under a mask must be."""

    ALL_SET = "all set"
    ANY_SET = "any set"
    ALL_CLEAR = "all clear"
    ANY_CLEAR = "any clear"


@dataclass(frozen=True, slots=True, kw_only=True)
class BitsUnder:
    """The bits of a whole number under a mask obey a rule."""

    place: Place
    rule: BitRule
    mask: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """A text holds another, anywhere or at its beginning; with `folded`, without regard to the case of ASCII."""

    place: Place
    parameter: str
    at_start: bool
    folded: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SumFits:
    """The sum of a column of integers and a parameter can be held by the column."""

    column: str
    parameter: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Drifted:
    """The column has drifted."""

    column: str


Leaf = (
    Constant
    | Absent
    | ExplicitNull
    | Compared
    | Among
    | Flag
    | Contains
    | Overlaps
    | Length
    | SomeElement
    | SomeRow
    | RowCount
    | JsonPath
    | Remainder
    | BitsUnder
    | Holds
    | SumFits
)
Condition = All | AnyOf | Opposite | Leaf | Drifted

EVERYTHING = All(parts=())
NOTHING = AnyOf(parts=())


def all_of(parts: "list[Condition]") -> "Condition":
    """Return the condition that all parts hold."""
    if not parts:
        return EVERYTHING
    return parts[0] if len(parts) == 1 else All(parts=tuple(parts))


def any_of(parts: "list[Condition]") -> "Condition":
    """Return the condition that one part holds."""
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else AnyOf(parts=tuple(parts))


def column_of(leaf: Leaf) -> str | None:
    """Return the column whose drift a leaf cannot see through, None where there is none."""
    if not isinstance(leaf, Compared | Among | Flag | Remainder | BitsUnder | Holds):
        return leaf.column
    place = leaf.place
    return None if isinstance(place, Whole) and place.certain else place.column


def negated(condition: Condition) -> Condition:
    """Return the condition that selects the other rows."""
    match condition:
        case All(parts=parts):
            return any_of([negated(part) for part in parts])
        case AnyOf(parts=parts):
            return all_of([negated(part) for part in parts])
        case Opposite(leaf=leaf):
            return leaf
        case Absent(column=column, absent=absent):
            return Absent(column=column, absent=not absent)
        case Constant(column=column, holds=holds):
            return Constant(column=column, holds=not holds)
        case Drifted():
            raise ValueError("drift is no part of a condition that is negated")
        case _:
            return Opposite(leaf=condition)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Give the leaves of a condition."""
    match condition:
        case All(parts=parts) | AnyOf(parts=parts):
            for part in parts:
                yield from leaves(part)
        case Opposite(leaf=leaf):
            yield leaf
        case Drifted():
            return
        case _:
            yield condition


def names_of(condition: Condition) -> Iterator[ExplicitNull]:
    """Give the leaves that look for a name in `_nulls`, those on rows of child tables among them."""
    for leaf in leaves(condition):
        if isinstance(leaf, ExplicitNull):
            yield leaf
        elif isinstance(leaf, SomeRow):
            yield from names_of(leaf.condition)


def columns_of(condition: Condition) -> tuple[str, ...]:
    """Return the columns that a condition speaks about, sorted."""
    found = {column_of(leaf) for leaf in leaves(condition)}
    return tuple(sorted(column for column in found if column is not None))


def relaxed(condition: Condition) -> Condition:
    """Return the condition without what it says of columns that have drifted.

    It selects all that the condition selects, and each row of which the condition cannot tell.
    """
    match condition:
        case All(parts=parts):
            return All(parts=tuple(relaxed(part) for part in parts))
        case AnyOf(parts=parts):
            return AnyOf(parts=tuple(relaxed(part) for part in parts))
        case Drifted():
            return condition
        case Opposite(leaf=leaf):
            return _or_drifted(condition, column_of(leaf))
        case _:
            return _or_drifted(condition, column_of(condition))


def _or_drifted(condition: Condition, column: str | None) -> Condition:
    if column is None:
        return condition
    return AnyOf(parts=(condition, Drifted(column=column)))
