"""`min` and `max` of `find`: the part of an index that MongoDB reads.

Source: MongoDB manual, "cursor.min()", "cursor.max()"; the refusals were observed on a server 6.0.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final

from bson.dbref import DBRef

from adapters.operations.hints import hinted_index
from adapters.operations.indexes import Index
from adapters.operations.session import Session
from adapters.operations.storage import Found
from adapters.query.failures import CommandFailure
from comparators.order import ValueOrder

NO_PLAN: Final = 291
WITHOUT_HINT: Final = 51173
OF_ANOTHER_INDEX: Final = 51174
NOTHING_BETWEEN: Final = 51175
OTHER_FIELDS: Final = 51176
MAY_HOLD_TEXT: Final = (str, Mapping, list, DBRef)
"""What a collation may order otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A part of an index, as ranks of its keys: from the first one, and up to the one beyond it."""

    index: Index
    first: bytes | None
    beyond: bytes | None

    def within(self, found: Iterable[Found]) -> list[Found]:
        """Return the documents that have a key there, in the order of the index."""
        ranked = [(self._rank(each.document), each) for each in found]
        there = [(rank, each) for rank, each in ranked if rank is not None]
        return [each for _rank, each in sorted(there, key=itemgetter(0))]

    def _rank(self, document: dict[str, Any]) -> bytes | None:
        ranks = map(self.index.rank, self.index.keys_of(document))
        return min(filter(self._holds, ranks), default=None)

    def _holds(self, rank: bytes) -> bool:
        return (self.first is None or self.first <= rank) and (
            self.beyond is None or rank < self.beyond
        )


def check_bounds(arguments: Mapping[str, Any]) -> None:
    """Refuse a pair that speaks about different fields: MongoDB does so before it reads the rest."""
    low, high = arguments.get("min"), arguments.get("max")
    if low and high and list(low) != list(high):
        raise CommandFailure(OTHER_FIELDS, "min and max must have the same field names")


def bounds_of(session: Session, order: ValueOrder) -> Bounds | None:
    """Return the part of the hinted index to read; None for all of it."""
    arguments = session.operation.arguments
    low, high = arguments.get("min") or {}, arguments.get("max") or {}
    if not (low or high) or not session.exists:
        return None
    hint = arguments.get("hint")
    if not hint:
        raise CommandFailure(WITHOUT_HINT, "When using min()/max() a hint of which index to use")
    index = hinted_index(session, hint)
    if index is None:
        raise CommandFailure(
            NO_PLAN, "min and max go by an index", code_name="NoQueryExecutionPlans"
        )
    return _between(index, low, high, order)


def _between(
    index: Index, low: Mapping[str, Any], high: Mapping[str, Any], order: ValueOrder
) -> Bounds:
    values = (*low.values(), *high.values())
    if (
        index.order is not order and any(isinstance(each, MAY_HOLD_TEXT) for each in values)
    ) or any(list(each) != list(index.paths) for each in (low, high) if each):
        raise CommandFailure(OF_ANOTHER_INDEX, "The index chosen is not compatible with min/max")
    first, beyond = (index.rank(tuple(each.values())) if each else None for each in (low, high))
    if first is not None and beyond is not None and first >= beyond:
        raise CommandFailure(NOTHING_BETWEEN, "The value provided for min() is not less than max()")
    return Bounds(index=index, first=first, beyond=beyond)
