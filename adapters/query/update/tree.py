"""An update as a tree.

The changes of an update form one tree by path, so that they apply in MongoDB's order (fields in
lexicographic order, numbers by value), whatever the order in which the operators were given.
Changes that compare values say in which order (`comparing`).
Source: MongoDB manual, "Update Operators", "Update Operators Behavior".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from adapters.query.element_order import ElementOrder
from adapters.query.filter import Filter
from adapters.query.paths import Path
from adapters.query.pipeline import Stage
from comparators.order import SIMPLE, ValueOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class SetTo:
    """`$set`, and `$setOnInsert` where `on_insert` is true."""

    value: Any
    on_insert: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Unset:
    """`$unset`."""


class Arithmetic(StrEnum):
    """The operations on numbers."""

    INC = "$inc"
    MUL = "$mul"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calculate:
    """`$inc` and `$mul`."""

    operation: Arithmetic
    operand: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """`$min`, and `$max` where `upper` is true."""

    value: Any
    upper: bool
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveFrom:
    """`$rename`, at the path of its target."""

    source: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveAway:
    """`$rename`, at the path of its source: only holds the place against other changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentDate:
    """`$currentDate`: the server's clock, as a date or as a timestamp."""

    timestamp: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """`$push`; modifiers that were left out are None."""

    values: tuple[Any, ...]
    position: int | None = None
    order: ElementOrder | None = None
    keep: int | None = None
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class AddToSet:
    """`$addToSet`."""

    values: tuple[Any, ...]
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class PullMatching:
    """`$pull` of elements that a condition holds for.

    With `documents` the condition is a filter of elements that are documents; else it is of the one
    field with the empty name, which stands for the element.
    """

    condition: Filter
    documents: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PullAll:
    """`$pullAll`, and `$pull` of a plain value."""

    values: tuple[Any, ...]
    comparing: ValueOrder = SIMPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Pop:
    """`$pop` of the last element, or of the first."""

    first: bool


class BitOperation(StrEnum):
    """The operations of `$bit`."""

    AND = "and"
    OR = "or"
    XOR = "xor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeBits:
    """`$bit`: the operations in their order."""

    operations: tuple[tuple[BitOperation, int], ...]


Change = (
    SetTo
    | Unset
    | Calculate
    | Bound
    | MoveFrom
    | MoveAway
    | CurrentDate
    | Push
    | AddToSet
    | PullMatching
    | PullAll
    | Pop
    | ChangeBits
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """What happens below the fields of a document or at positions of an array, in order.

    `matched` is what happens at the position that the filter has matched (`$`).
    """

    children: "tuple[tuple[str, Node], ...]" = ()
    matched: "Node | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """What happens to the elements that an array filter selects, by its name; "" is all of them."""

    children: "tuple[tuple[str, Node], ...]"


Node = Change | Fields | Elements


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """An update by operators."""

    root: Fields
    array_filters: Mapping[str, Filter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A document that takes the place of another, which keeps its `_id`."""

    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineUpdate:
    """Stages that make the new document of the old."""

    stages: tuple[Stage, ...]


Update = Modification | Replacement | PipelineUpdate
