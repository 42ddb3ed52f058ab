"""A projection of `find` as a tree.

Source: MongoDB manual, "Project Fields to Return from Query", "Projection Operators".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from adapters.query.expression import Expression
from adapters.query.filter import ElementMatches, ElementSatisfies
from adapters.query.paths import Path


class Mode(StrEnum):
    """What happens to fields that the projection does not name."""

    INCLUSION = "inclusion"
    """They are left out."""
    EXCLUSION = "exclusion"
    """They stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """The field as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclude:
    """Not the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """The value of an expression, at the end of the document unless the field is there."""

    expression: Expression


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """`$slice`: so many elements from `skip` on, which counts from the end if negative.

    Without `skip` (None) a negative limit takes the last elements.
    """

    skip: int | None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstElement:
    """`$elemMatch`: an array of the first element that matches, or no field."""

    condition: ElementMatches | ElementSatisfies


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """What happens below a field, by name, in the order of the projection."""

    children: "Mapping[str, Node]"


Node = Include | Exclude | Computed | Slice | FirstElement | Branch


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """A projection; `positional` is the path of `.$`, None without one."""

    mode: Mode
    root: Branch
    positional: Path | None = None


WHOLE = Projection(mode=Mode.EXCLUSION, root=Branch(children={}))
"""The projection that leaves a document as it is."""
