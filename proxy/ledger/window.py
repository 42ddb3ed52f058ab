"""What of the evidence a reader looks at: a span of time, and some collections or all."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Table, and_, select, true

from proxy.ledger import tables
from proxy.ledger.tables import NANOSECONDS_PER_MINUTE, NANOSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A span of time, open where None, and the collections that are looked at; None stands for all."""

    since_ns: int | None = None
    until_ns: int | None = None
    namespaces: frozenset[str] | None = None

    def minutes(self, table: Table) -> ColumnElement[bool]:
        """Return the condition that a row belongs to a minute which the window touches, and to a chosen collection."""
        return and_(self._within(table.c.minute, NANOSECONDS_PER_MINUTE), self.chosen(table))

    def chosen(self, table: Table) -> ColumnElement[bool]:
        """Return the condition that a row belongs to a chosen collection, as its name or its shape tells."""
        if self.namespaces is None:
            return true()
        names = sorted(self.namespaces)
        if "namespace" in table.c:
            return table.c.namespace.in_(names)
        if "shape" in table.c:
            of_names = select(tables.shapes.c.shape).where(tables.shapes.c.namespace.in_(names))
            return table.c.shape.in_(of_names)
        # The table belongs to another one, which is asked.
        return true()

    def tells_of(self, namespace: str) -> bool:
        """Return whether a collection is looked at; what holds for all, without a name, always is."""
        return not namespace or self.namespaces is None or namespace in self.namespaces

    def seconds(self, table: Table) -> ColumnElement[bool]:
        """Return the condition that a row belongs to a second which the window touches."""
        return self._within(table.c.second, NANOSECONDS_PER_SECOND)

    def overlaps(self, begin: ColumnElement[int], end: ColumnElement[int]) -> ColumnElement[bool]:
        """Return the condition that what lasted from `begin` to `end` falls into the window."""
        after = true() if self.since_ns is None else end >= self.since_ns
        before = true() if self.until_ns is None else begin <= self.until_ns
        return and_(after, before)

    def _within(self, column: ColumnElement[int], unit_ns: int) -> ColumnElement[bool]:
        after = true() if self.since_ns is None else column >= self.since_ns // unit_ns
        before = true() if self.until_ns is None else column <= self.until_ns // unit_ns
        return and_(after, before)
