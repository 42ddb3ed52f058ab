"""A plan: which documents SQL selects, what is left to do in memory, and why.

SQL may select more than the operation asks for, never less; the residual then finishes. Only where SQL
alone is exact may it also order by `_id`, skip and limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from adapters.query.sort import Sort
from comparators.outcome import Answered


class Residual(StrEnum):
    """What is done in memory with the documents that SQL selected."""

    FILTER = "filter"
    SORT = "sort"
    SKIP = "skip"
    LIMIT = "limit"
    PROJECTION = "projection"
    PIPELINE = "pipeline"


class Order(StrEnum):
    """The order in which SQL returns documents."""

    NATURAL = "natural"
    """As inserted: what MongoDB does with a collection scan."""
    ID = "id"
    ID_DESCENDING = "id descending"
    NONE = "none"


_ID_ORDERS: Final[Mapping[int, Order]] = {1: Order.ID, -1: Order.ID_DESCENDING}


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A superset of the documents that a filter matches.

    `ids` are keys of `_id`, one of which a document must have; `least` and `most` bound the key.
    `path` is a predicate over the body in the language of the database, `indexed` whether its index on
    bodies serves it. Each None asks for nothing. `exact` says that nothing but matches is selected.
    """

    ids: tuple[Any, ...] | None = None
    least: bytes | None = None
    below: bytes | None = None
    path: Any | None = None
    indexed: bool = False
    exact: bool = False
    why: tuple[str, ...] = ()


EVERYTHING = Selection(exact=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one read of one collection is run."""

    selection: Selection
    order: Order = Order.NATURAL
    skip: int = 0
    limit: int | None = None
    residual: tuple[Residual, ...] = ()
    why: tuple[str, ...] = field(default=())

    @property
    def answered(self) -> Answered:
        """How the documents are found."""
        if self.selection.exact:
            return Answered.PUSHED_DOWN
        selection = self.selection
        limits = (selection.ids, selection.least, selection.below, selection.path)
        unlimited = all(each is None for each in limits)
        return Answered.SCANNED if unlimited else Answered.NARROWED

    def describe(self) -> str:
        """Return what SQL does, what the residual does, and why, a line each."""
        lines = [f"sql: {_selected(self.selection)}, order {self.order}"]
        if self.skip:
            lines[0] += f", skip {self.skip}"
        if self.limit is not None:
            lines[0] += f", limit {self.limit}"
        lines.append(f"residual: {', '.join(self.residual) or 'nothing'}")
        lines += [f"because {reason}" for reason in (*self.selection.why, *self.why)]
        return "\n".join(lines)


def _selected(selection: Selection) -> str:
    parts = []
    if selection.ids is not None:
        parts.append(f"{len(selection.ids)} by id")
    if selection.least is not None or selection.below is not None:
        parts.append("a range of ids")
    if selection.path is not None:
        where = "index on bodies" if selection.indexed else "bodies"
        parts.append(f"{where}: {selection.path}")
    found = " and ".join(parts) or "every document"
    return found if selection.exact else f"{found} (a superset)"


def natural_order(selection: Selection) -> Order:
    """Return the order that MongoDB gives where none is asked for.

    A condition on `_id` makes it walk that index, anything else the collection; of other indexes, which
    have orders of their own, nothing is known here.
    """
    if selection.ids is not None:
        return Order.NONE if len(selection.ids) == 1 else Order.ID
    if selection.least is not None or selection.below is not None:
        return Order.ID
    return Order.NATURAL


def order_of(sort: Sort) -> Order | None:
    """Return the order that SQL can give for a sort, None when it cannot."""
    if not sort:
        return Order.NATURAL
    return _ID_ORDERS.get(sort["_id"]) if list(sort) == ["_id"] else None


def plan_read(
    selection: Selection,
    *,
    order: Order | None,
    skip: int,
    limit: int | None,
    projection: bool,
    portion: int | None = None,
) -> Plan:
    """Return the plan of a read. `order` is None for a sort that only the residual can do; `portion` limits the rows whatever is left to do."""
    residual: list[Residual] = []
    why: list[str] = []
    if not selection.exact:
        residual.append(Residual.FILTER)
    if order is None:
        residual.append(Residual.SORT)
        why.append("SQL sorts by `_id` only")
    alone = not residual
    if not alone:
        residual += [Residual.SKIP] * bool(skip) + [Residual.LIMIT] * (limit is not None)
    if projection:
        residual.append(Residual.PROJECTION)
    by_one_id = selection.ids is not None and len(selection.ids) == 1
    cut = limit if alone and not by_one_id else None
    return Plan(
        selection=selection,
        order=order if order not in {None, Order.NATURAL} else natural_order(selection),
        skip=skip if alone else 0,
        limit=cut if portion is None else portion,
        residual=tuple(residual),
        why=tuple(why),
    )
