"""A filter as a tree.

Every leaf has a path. The empty path stands for the value itself, inside `$elemMatch` and `$pull`. A
leaf holds if its test holds for one of the values that the path reaches, arrays included. Leaves that
compare say in which order; a collation is put there by `adapters.query.collated`.
Source: MongoDB manual, "Query and Projection Operators", "Query an Array".
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bson.regex import Regex

from adapters.query.expression import Expression
from adapters.query.filter.schema import Schema
from adapters.query.paths import Path
from adapters.query.text_index import TextIndex
from comparators.order import SIMPLE, ValueOrder


class Comparator(StrEnum):
    """The comparisons; all but EQ stay within one type of value."""

    EQ = "$eq"
    LT = "$lt"
    LTE = "$lte"
    GT = "$gt"
    GTE = "$gte"


class BitsTest(StrEnum):
    """What the bits at given positions must be."""

    ALL_SET = "$bitsAllSet"
    ALL_CLEAR = "$bitsAllClear"
    ANY_SET = "$bitsAnySet"
    ANY_CLEAR = "$bitsAnyClear"


@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    """All hold; without children it matches every document."""

    children: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    """One holds; without children it matches no document."""

    children: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nor:
    """None holds."""

    children: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """The child does not hold: `$not`, `$ne`, `$nin`, `$exists: false`."""

    child: "Filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`{path: value}`, `$eq`, `$lt`, `$lte`, `$gt`, `$gte`."""

    path: Path
    comparator: Comparator
    value: Any
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class In:
    """`$in`: equal to one of the values, or a string that one of the patterns finds."""

    path: Path
    values: tuple[Any, ...]
    patterns: tuple[Regex[str], ...] = ()
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PatternMatch:
    """A string that the pattern finds, or the same pattern as a value."""

    path: Path
    pattern: Regex[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exists:
    """The path reaches a value."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeIs:
    """A value of one of these types, by number."""

    path: Path
    types: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """An array with this many elements."""

    path: Path
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Modulo:
    """A number that leaves this remainder."""

    path: Path
    divisor: int
    remainder: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bits:
    """A whole number or binary whose bits at these positions pass the test."""

    path: Path
    test: BitsTest
    positions: frozenset[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementMatches:
    """`$elemMatch` with a query: one element of the array is a document (or array) that it matches."""

    path: Path
    query: "Filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementSatisfies:
    """`$elemMatch` with operators: one element of the array satisfies them all (their path is empty)."""

    path: Path
    conditions: "Filter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpressionHolds:
    """`$expr`: the expression gives a true value."""

    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaHolds:
    """`$jsonSchema`: the document is as a schema wants it."""

    schema: Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """`$text`: the words of the document that an index holds are those of a search.

    `language` is empty where the index gives it. Without an `index` it cannot be run.
    """

    search: str
    language: str
    case_sensitive: bool
    diacritic_sensitive: bool
    index: TextIndex | None = None


Leaf = (
    Comparison
    | In
    | PatternMatch
    | Exists
    | TypeIs
    | Size
    | Modulo
    | Bits
    | ElementMatches
    | ElementSatisfies
)
Filter = And | Or | Nor | Not | Leaf | ExpressionHolds | SchemaHolds | Text

EVERYTHING = And(children=())
NOTHING = Or(children=())
