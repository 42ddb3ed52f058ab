"""The plan of a read of a mapped table: what SQL does, what is left to do in memory, and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.query.sort import Sort
from adapters.sql.columns.condition import EVERYTHING, All, Compared, Place, Sign, Whole
from adapters.sql.columns.narrowing import Narrowing
from adapters.sql.columns.order import Term, terms_of
from adapters.sql.columns.places import Columns
from adapters.sql.columns.read import TableShape
from adapters.sql.cut import LIMIT, SKIP, limit_of
from adapters.sql.plan import Residual
from comparators.outcome import Answered


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnPlan:
    """How one read of one mapped table is run, as long as no row has drifted.

    If one has, filter, sort, skip and limit are done in memory on all rows that were read.
    """

    narrowing: Narrowing
    terms: tuple[Term, ...] = ()
    natural: bool = True
    skip: int = 0
    limit: int | None = None
    residual: tuple[Residual, ...] = ()
    why: tuple[str, ...] = ()

    @property
    def shape(self) -> TableShape:
        """The plan without its values."""
        return TableShape(
            condition=self.narrowing.condition,
            columns=self.columns,
            terms=self.terms,
            natural=self.natural,
            skip=bool(self.skip),
            limit=limit_of(self.limit, skip=self.skip),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that filter and sort speak about."""
        sorted_by = {term.column for term in self.terms}
        return tuple(sorted({*self.narrowing.columns, *sorted_by}))

    @property
    def values(self) -> Mapping[str, Any]:
        """The parameters of the statement."""
        return {
            **self.narrowing.values,
            SKIP: self.skip,
            LIMIT: self.limit,
        }

    @property
    def answered(self) -> Answered:
        """How the documents are found, as long as no row has drifted."""
        if self.narrowing.exact:
            return Answered.PUSHED_DOWN
        return Answered.SCANNED if self.narrowing.condition == EVERYTHING else Answered.NARROWED

    def describe(self) -> str:
        """Return what SQL does, what the residual does, and why, a line each."""
        lines = [f"sql: {_selected(self.narrowing)}, order {_order(self)}"]
        if self.skip:
            lines[0] += f", skip {self.skip}"
        if self.limit is not None:
            lines[0] += f", limit {self.limit}"
        lines.append(f"residual: {', '.join(self.residual) or 'nothing'}")
        lines += [f"because {reason}" for reason in (*self.narrowing.why, *self.why)]
        return "\n".join(lines)


def plan_columns(
    narrowing: Narrowing,
    columns: Columns,
    *,
    sort: Sort,
    skip: int,
    limit: int | None,
    projection: bool,
) -> ColumnPlan:
    """Return the plan of a read; without a limit, `limit` is None."""
    residual: list[Residual] = []
    why: list[str] = []
    terms = terms_of(sort, columns)
    if not narrowing.exact:
        residual.append(Residual.FILTER)
    if terms is None:
        residual.append(Residual.SORT)
        why.append(f"SQL cannot sort by {', '.join(f'`{path}`' for path in sort)}")
    alone = not residual
    if not alone:
        residual += [Residual.SKIP] * bool(skip) + [Residual.LIMIT] * (limit is not None)
    if projection:
        residual.append(Residual.PROJECTION)
    return ColumnPlan(
        narrowing=narrowing,
        terms=terms or (),
        natural=not sort and not by_one_key(narrowing),
        skip=skip if alone else 0,
        limit=limit if alone and not by_one_key(narrowing) else None,
        residual=tuple(residual),
        why=tuple(why),
    )


def by_one_key(narrowing: Narrowing) -> bool:
    """Return whether a condition selects one row at most, by its primary key."""
    condition = narrowing.condition
    parts = condition.parts if isinstance(condition, All) else (condition,)
    return any(
        isinstance(part, Compared) and part.sign is Sign.EQUAL and _is_key(part.place)
        for part in parts
    )


def _is_key(place: Place) -> bool:
    return isinstance(place, Whole) and place.certain


def _selected(narrowing: Narrowing) -> str:
    if narrowing.condition == EVERYTHING:
        found = "every row"
    elif by_one_key(narrowing):
        found = "one row by its key"
    else:
        found = f"rows by {', '.join(narrowing.columns) or 'their keys'}"
    return found if narrowing.exact else f"{found} (a superset)"


def _order(plan: ColumnPlan) -> str:
    if plan.terms:
        return ", ".join(
            f"{term.column} descending" if term.descending else term.column for term in plan.terms
        )
    return "natural" if plan.natural else "none"
