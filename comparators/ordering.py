"""What is fixed of a result: which documents, in which order, and what is left to chance.

Sorting fixes an order, cutting a result makes it count, and what the projection hides of it cannot be compared.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Final

from bson.decimal128 import Decimal128

from comparators.order import SIMPLE, ValueOrder

LARGEST: Final = 2**63 - 1
NO_ORDER: Final = "limit or skip without an order that fixes the documents"
TIES: Final = "ties at the cut of limit or skip"
HIDDEN: Final = "the projection hides the sort key"
COLLATION: Final = "a collation decides the order"
SCORE: Final = "a score decides the order"
RANDOM: Final = "the documents are chosen at random"
INPUT_ORDER: Final = "an accumulator depends on the order of its input"
FIELD_ORDER: Final = "fields have an order of the server's own"
NOWHERE: Final = "\0\0"
"""A path that no field has: whoever reads it reads the whole document."""
ARRAY_ORDER: Final = "an array has an order of the server's own"
TIES_INSIDE: Final = "ties among documents inside a document"
UNKNOWN_STAGE: Final = "a stage whose effect on the order is not known"


class Rows(StrEnum):
    """What fixes which documents are in the result."""

    FIXED = "fixed"
    TIES = "ties"
    """All but those that tie with the last one inside or the first one outside."""
    ANY = "any"
    """Their number alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ordering:
    """What is fixed. `sort` is the leading part of the sort that can be seen in the result."""

    sort: Mapping[str, Any] = field(default_factory=dict)
    values: ValueOrder = SIMPLE
    """The order of values by which it sorts."""
    is_sorted: bool = False
    hidden: str | None = None
    """Why the rest of the sort cannot be seen; None when all of it can."""
    rows: Rows = Rows.FIXED
    skips: bool = False
    limit: int = 0
    """0 without a limit at the end."""
    sample: int = 0
    """How many documents were asked for at random, 0 where the result shows that no more: with fewer
    in the result, all there are must be in it."""
    arbitrary: str | None = None
    """Why the whole result may differ; None when it may not."""
    loose: Mapping[str, str | None] = field(default_factory=dict)
    """Fields whose arrays have no fixed order: None when it never counts, else why nobody can tell.

    The empty path stands for every array."""
    vague: Mapping[str, str] = field(default_factory=dict)
    """Fields whose value is left to chance, and why."""
    unique: bool = True
    """Whether each `_id` occurs once."""
    sequences: bool = False
    """Whether documents of one `_id` keep their order among themselves."""
    single: bool = False
    """Whether there is one document whatever the order of the input."""
    scattered: frozenset[str] = frozenset()
    """Fields that come in no order among themselves, and differently each time."""
    facets: Mapping[str, "Ordering"] | None = None
    """For the one document of `$facet`, what is fixed of each of its arrays."""

    @property
    def is_total(self) -> bool:
        """Return whether no two documents tie."""
        if not self.unique or "_id" not in self.sort or not self.values.is_simple:
            return False
        return self.is_sorted and self.hidden is None


def sorted_by(ordering: Ordering, sort: Any, *, values: ValueOrder | None) -> Ordering:
    if not isinstance(sort, Mapping) or not sort or "$natural" in sort:
        return ordering
    rows = Rows.FIXED if ordering.rows is Rows.FIXED else Rows.ANY
    ordering = replace(
        ordering, is_sorted=True, hidden=None, sort={}, rows=rows, skips=False, limit=0, sample=0
    )
    if values is None:
        return replace(ordering, hidden=COLLATION)
    ordering = replace(ordering, values=values)
    seen: dict[str, Any] = {}
    for path, direction in sort.items():
        if isinstance(direction, Mapping):
            return replace(ordering, sort=seen, hidden=SCORE)
        if path in ordering.vague:
            return replace(ordering, sort=seen, hidden=ordering.vague[path])
        seen[path] = direction
    return replace(ordering, sort=seen, sequences=False)


def skipped(ordering: Ordering, skip: Any) -> Ordering:
    return replace(_cut(ordering), skips=True) if skip else ordering


def limited(ordering: Ordering, limit: Any) -> Ordering:
    if not limit:
        return ordering
    smaller = whole(limit) if not ordering.limit else min(whole(limit), ordering.limit)
    return replace(_cut(ordering), limit=smaller)


def whole(count: Any) -> int:
    exact = count.to_decimal() if isinstance(count, Decimal128) else count
    return LARGEST if exact > LARGEST else int(exact) if exact == exact else 0  # noqa: PLR0124 - NaN


def _cut(ordering: Ordering) -> Ordering:
    if ordering.is_total or ordering.rows is Rows.ANY:
        return replace(ordering, sample=0)
    return replace(ordering, rows=Rows.TIES if ordering.is_sorted else Rows.ANY)


def seen_through(ordering: Ordering, shows: Callable[[str], bool]) -> Ordering:
    seen: dict[str, Any] = {}
    for path, direction in ordering.sort.items():
        if not shows(path):
            return replace(ordering, sort=seen, hidden=ordering.hidden or HIDDEN)
        seen[path] = direction
    return ordering
