"""The documents of one collection in the table of all: how they are selected and read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

import sqlalchemy as sa
from bson.datetime_ms import DatetimeMS
from bson.int64 import Int64
from bson.objectid import ObjectId
from sqlalchemy.sql import ColumnElement

from adapters.operations.indexes import Index
from adapters.operations.narrowing import selection_of
from adapters.operations.storage import Contents
from adapters.query.filter import Comparator, Comparison, Filter, In
from adapters.query.paths import Path
from adapters.query.pipeline import Group
from adapters.query.sort import Sort
from adapters.sql.body import body_of
from adapters.sql.build import ReadShape, shape_of, values_of
from adapters.sql.cut import LIMIT, SKIP, element, parameter
from adapters.sql.jsonpath import Predicate
from adapters.sql.keys import key_of
from adapters.sql.plan import Order, Plan, Residual, Selection, natural_order, order_of, plan_read
from adapters.tables.dialect import Dialect
from adapters.tables.narrowing import Narrowing
from adapters.tables.tables import Tables, tables_for

NOWHERE: Final = 0
"""The number of a collection that does not exist: it has no rows."""

MOST_IDS: Final = 500
"""So many keys are parameters of one statement; a filter that names more is left to the residual."""

ENTERED: Final = frozenset({str, ObjectId, int, Int64, bool, DatetimeMS})
"""The types of values that are looked for among unique entries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A read, ready to run, and what is left to do in memory behind it."""

    statement: sa.Select[Any]
    values: Mapping[str, Any]
    plan: Plan
    residual: tuple[Residual, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TablesStorage:
    """Fulfil `Storage` for one collection by its number."""

    dialect: Dialect
    number: int = NOWHERE
    indexes: tuple[Index, ...] = field(default=(), compare=False)
    """Those that are declared: what the unique ones hold finds documents."""

    @property
    def tables(self) -> Tables:
        """The tables of the database."""
        return tables_for(self.dialect)

    def at(self, number: int, indexes: tuple[Index, ...] = ()) -> "TablesStorage":
        """Return the storage of another collection, or of one with other indexes."""
        return replace(self, number=number, indexes=indexes)

    def watch(self, specifications: Iterable[Mapping[str, Any]]) -> None:
        """Every value has a place in a document."""

    def key_of(self, identifier: Any) -> bytes:
        return key_of(identifier)

    def contents_of(
        self,
        document: dict[str, Any],
        bson: bytes,
        before: dict[str, Any] | None = None,  # noqa: ARG002 - of the interface
    ) -> Contents:
        if self.dialect.body_type is None:
            return Contents(values=(bson,))
        return Contents(values=(bson, body_of(document, deepest=self.dialect.deepest)))

    def selection_of(self, tree: Filter, variables: Mapping[str, Any]) -> Selection:  # noqa: ARG002 - of the interface
        found = selection_of(tree, self._narrowed)
        if found.ids is not None and len(found.ids) > MOST_IDS:
            return replace(found, ids=None, exact=False, why=("too many keys for a statement",))
        return found

    def _narrowed(self, parts: Sequence[Filter]) -> Predicate | None:
        entered = [each for each in map(self._entered, parts) if each is not None]
        body = self.tables.documents.c.get("body")
        held = None if body is None else Narrowing(self.dialect, body).all_of(parts)
        conditions = entered if held is None else [*entered, held]
        if not conditions:
            return None
        return Predicate(text=sa.and_(*conditions), indexed=bool(entered))

    def _entered(self, part: Filter) -> ColumnElement[bool] | None:
        """Return what finds the matches of a part of a filter by a unique index; None where no index has them all."""
        match part:
            case Comparison(path=path, comparator=Comparator.EQ, value=value):
                values: Sequence[Any] = (value,)
            case In(path=path, values=values, patterns=()):
                pass
            case _:
                return None
        if len(values) > MOST_IDS or any(type(each) not in ENTERED for each in values):
            return None
        index = next((each for each in self.indexes if _holds_all(each, path)), None)
        if index is None:
            return None
        entries = self.tables.entries
        keys = [index.key((each,)) for each in values]
        holders = sa.select(entries.c.id).where(
            entries.c.collection == self.number,
            entries.c.index_name == index.name,
            entries.c.entry.in_(keys),
        )
        return self.tables.documents.c.id.in_(holders)

    def selection_by_keys(self, keys: Sequence[Any]) -> Selection:
        return Selection(ids=tuple(keys), exact=True)

    def find(
        self,
        selection: Selection,
        *,
        sort: Sort,
        skip: int = 0,
        limit: int | None = None,
        projection: bool = False,
        portion: int | None = None,
    ) -> Read:
        plan = plan_read(
            selection,
            order=order_of(sort),
            skip=skip,
            limit=limit,
            projection=projection,
            portion=portion,
        )
        return self._read(plan, self.tables.documents.c.bson)

    def find_rows(self, selection: Selection, *, limit: int | None, locked: bool) -> Read:
        """Return how keys and documents are read in order to write them."""
        documents = self.tables.documents
        plan = Plan(selection=selection, order=natural_order(selection), limit=limit)
        read = self._read(plan, documents.c.id, documents.c.bson)
        return replace(read, statement=read.statement.with_for_update()) if locked else read

    def find_keys(self, selection: Selection, *, limit: int | None) -> Read:
        """Return how the keys of such rows are read, to lock those alone."""
        plan = Plan(selection=selection, order=natural_order(selection), limit=limit)
        return self._read(plan, self.tables.documents.c.id)

    def count(self, selection: Selection, *, skip: int, limit: int | None) -> Read:
        """Return how documents are counted."""
        plan = plan_read(selection, order=Order.NONE, skip=skip, limit=limit, projection=False)
        read = self._read(replace(plan, order=Order.NONE), sa.literal_column("1").label("one"))
        counted = sa.select(sa.func.count()).select_from(read.statement.subquery())
        return replace(read, statement=counted)

    def group(self, selection: Selection, stage: Group, variables: Mapping[str, Any]) -> None:  # noqa: ARG002 - of the interface
        return None

    def distinct(self, selection: Selection, path: Path) -> None:  # noqa: ARG002 - of the interface
        return None

    def _read(self, plan: Plan, *columns: ColumnElement[Any]) -> Read:
        selection = plan.selection
        statement = _statement(self.tables, shape_of(plan), columns)
        if selection.path is not None:
            statement = statement.where(selection.path)
        values = {**values_of(selection), "collection": self.number}
        values |= {SKIP: plan.skip, LIMIT: plan.limit}
        return Read(statement=statement, values=values, plan=plan, residual=plan.residual)


def _holds_all(index: Index, path: Path) -> bool:
    """Return whether a unique index has an entry for every scalar at a path."""
    return (
        index.unique
        and index.paths == (".".join(path),)
        and index.admits is None
        and index.collator is None
        and not any(map(str.isdecimal, path))
    )


@lru_cache(maxsize=1024)
def _statement(
    tables: Tables, shape: ReadShape, columns: tuple[ColumnElement[Any], ...]
) -> sa.Select[Any]:
    documents, selection = tables.documents, shape.selection
    statement = sa.select(*columns).where(documents.c.collection == sa.bindparam("collection"))
    key = documents.c.id
    if selection.ids == "one":
        statement = statement.where(key == sa.bindparam("id", type_=key.type))
    elif selection.ids == "many":
        statement = statement.where(key.in_(sa.bindparam("ids", expanding=True, type_=key.type)))
    if selection.least:
        statement = statement.where(key >= sa.bindparam("least", type_=key.type))
    if selection.below:
        statement = statement.where(key < sa.bindparam("below", type_=key.type))
    match shape.order:
        case Order.NATURAL:
            # Added to 0, the ordinal has no index: planners would walk all ordinals instead of asking for the entries.
            beside = documents.c.ordinal + sa.literal_column("0", sa.Integer)
            statement = statement.order_by(beside if selection.indexed else documents.c.ordinal)
        case Order.ID:
            statement = statement.order_by(key)
        case Order.ID_DESCENDING:
            statement = statement.order_by(key.desc())
        case Order.NONE:
            pass
    # Where rows are skipped, some databases ask for a limit as well: SQLAlchemy writes one.
    if shape.skip:
        statement = statement.offset(parameter(SKIP))
    if shape.limit is not None:
        statement = statement.limit(element(shape.limit))
    return statement
