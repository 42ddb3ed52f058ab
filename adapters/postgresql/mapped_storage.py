"""The statements that find, group and change documents in the typed columns of a mapped table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from adapters.entities.encoding import fits
from adapters.entities.entity import EntityMap
from adapters.postgresql import statements
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_rows import MappedRows
from adapters.postgresql.storage import Alteration, Grouping, Read
from adapters.postgresql.tables import CollectionTables
from adapters.query.failures import CommandFailure
from adapters.query.filter import Filter
from adapters.query.paths import Path
from adapters.query.pipeline import Group
from adapters.query.sort import Sort
from adapters.query.update import Update
from adapters.sql.binding import UnfitError
from adapters.sql.columns.changes import (
    LISTED,
    Assignment,
    ColumnChanges,
    changes_of,
    natural_layouts,
    operand_of,
    size_of,
)
from adapters.sql.columns.condition import All, Among, Compared, Sign, Whole
from adapters.sql.columns.grouping import (
    GroupPlan,
    GroupShape,
    group,
    plan_distinct,
    plan_group,
)
from adapters.sql.columns.groups import distinct_of, groups_of
from adapters.sql.columns.narrowing import Narrowing, narrowing_of
from adapters.sql.columns.places import Columns
from adapters.sql.columns.plan import ColumnPlan, by_one_key, plan_columns
from adapters.sql.columns.read import TableShape, count, read, read_to_write
from adapters.sql.columns.write import LAYOUTS, UpdateShape, update, update_shape, update_values
from adapters.sql.dialect import Statement, compiled
from comparators.canonical import MISSING

K = TypeVar("K")


class Use(StrEnum):
    """What a statement is for."""

    FIND = "find"
    WRITE = "write"
    LOCK = "lock"
    COUNT = "count"


class MappedStorage(MappedRows):
    """Fulfil `Storage` for a collection with a map: beside the rows, the statements that read and change them."""

    def __init__(self, database: str, entity: EntityMap, layouts: Layouts) -> None:
        super().__init__(database, entity, layouts)
        self.columns = Columns(entity)
        self._alterations: dict[tuple[UpdateShape, bool, bool, bool], Statement] = {}
        self._natural_layouts: dict[tuple[Path, ...], tuple[int, list[int]]] = {}
        self._groupings: dict[GroupShape, Statement] = {}
        self._statements: dict[tuple[Use, TableShape], Statement] = {}
        self.statements_made = 0
        self.statements_reused = 0

    def _kept(self, known: dict[K, Statement], key: K, made: Callable[[], Statement]) -> Statement:
        """Return the statement of a key, made when it is first asked for; too many are forgotten at once."""
        statement = known.get(key)
        if statement is not None:
            self.statements_reused += 1
            return statement
        if len(known) >= statements.SHAPES_KEPT:
            known.clear()
        self.statements_made += 1
        statement = known[key] = made()
        return statement

    def selection_of(self, tree: Filter, variables: Mapping[str, Any]) -> Narrowing:
        return narrowing_of(tree, self.columns, variables=variables)

    def selection_by_keys(self, keys: Sequence[Any]) -> Narrowing:
        place = Whole(column=self.entity.identity.name, certain=True)
        among = Among(place=place, parameter="keys")
        return Narrowing(condition=among, values={"keys": list(keys)}, exact=True, columns=())

    def only_key(self, selection: Narrowing) -> Any:
        condition = selection.condition
        if not selection.exact or not isinstance(condition, Compared) or not by_one_key(selection):
            return None
        return selection.values[condition.parameter]

    def find(
        self,
        selection: Narrowing,
        *,
        sort: Sort,
        skip: int = 0,
        limit: int | None = None,
        projection: bool = False,
        portion: int | None = None,
    ) -> Read:
        plan = plan_columns(
            selection, self.columns, sort=sort, skip=skip, limit=limit, projection=projection
        )
        if portion is not None:
            plan = replace(plan, limit=portion)
        return self._run(Use.FIND, plan)

    def find_rows(self, selection: Narrowing, *, limit: int | None, locked: bool) -> Read:
        plan = ColumnPlan(narrowing=selection, natural=not by_one_key(selection), limit=limit)
        return self._run(Use.LOCK if locked else Use.WRITE, plan)

    def count(self, selection: Narrowing, *, skip: int, limit: int | None) -> Read:
        plan = plan_columns(
            selection, self.columns, sort={}, skip=skip, limit=limit, projection=False
        )
        return self._run(Use.COUNT, replace(plan, natural=False))

    def group(
        self, selection: Narrowing, stage: Group, variables: Mapping[str, Any]
    ) -> Grouping[dict[str, Any]] | None:
        plan = plan_group(stage, selection, self.columns)
        if plan is None:
            return None

        def merged(rows: Sequence[Any]) -> list[dict[str, Any]] | None:
            try:
                return groups_of(plan, rows, self._layouts.get, bindings=variables)
            except CommandFailure:
                # Which error it is depends on the document that makes it.
                return None

        return self._grouping(plan, merged)

    def distinct(self, selection: Narrowing, path: Path) -> Grouping[Any] | None:
        plan = plan_distinct(path, selection, self.columns)
        if plan is None:
            return None

        def merged(rows: Sequence[Any]) -> list[Any] | None:
            values = distinct_of(plan, rows, self._layouts.get)
            if values is None or None in values:
                return values
            lacking = any(row[1] is not None and row[-1] is None for row in rows)
            return [*values, MISSING] if lacking else values

        return self._grouping(plan, merged)

    def _grouping(
        self, plan: GroupPlan, merged: Callable[[Sequence[Any]], list[Any] | None]
    ) -> Grouping[Any]:
        shape = plan.shape
        statement = self._kept(
            self._groupings, shape, lambda: compiled(group(self.tables.documents, shape))
        )
        return Grouping(
            statement=statement,
            values=plan.values,
            unknown_layouts=lambda rows: self._unknown({row[3] for row in rows}),
            merged=merged,
        )

    def alter(
        self,
        selection: Narrowing,
        update: Update,
        *,
        now_ms: int,
        guarded: frozenset[Path],
        marked: bool,
        shown: bool,
        inserting: bool = False,
    ) -> Alteration | None:
        """As the interface has it; `inserting` makes it take the contents of a row to insert where there is none."""
        if not (selection.exact and is_of_one(selection)):
            return None
        changes = changes_of(update, self.columns, now_ms=now_ms, guarded=guarded)
        if changes is None or not self._fits(changes):
            return None
        if changes.grows and self.tables.elements:
            # How large its elements are, the row does not tell.
            return None
        shape = update_shape(selection, changes)
        statement = self._kept(
            self._alterations,
            (shape, marked, shown, inserting),
            lambda: self._altering(shape, marked=marked, shown=shown, inserting=inserting),
        )
        layouts = partial(self._natural, changes.sensitive)
        return Alteration(
            statement=statement,
            values=update_values(selection, changes, layouts()),
            made={
                each.parameter: self._made(each, changes.largest)
                for each in changes.assignments
                if each.parameter
            },
            afresh={LAYOUTS: layouts},
        )

    def _made(self, assignment: Assignment, largest: int) -> Callable[[Any], Any]:
        """Return how the operand of an assignment becomes a parameter; UnfitError for one that does not."""
        column = next(each for each in self.entity.columns if each.name == assignment.column)
        most = self._longest.get(column.name)
        is_listed = assignment.effect in LISTED

        def made(operand: Any) -> Any:
            operand = [operand] if is_listed else operand
            found = operand_of(column, assignment.effect, operand)
            if found is None or (most is not None and not fits(found, most)):
                raise UnfitError
            if size_of(found) > largest:
                raise UnfitError
            return found

        return made

    def _fits(self, changes: ColumnChanges) -> bool:
        """Return whether no value is too long for an index."""
        return all(
            fits(changes.values.get(each.parameter), self._longest[each.column])
            for each in changes.assignments
            if each.column in self._longest
        )

    def _natural(self, sensitive: tuple[Path, ...]) -> list[int]:
        """Return the layouts in which fields are of their columns' natural types."""
        if not sensitive:
            return []
        known = self._layouts.known
        count, found = self._natural_layouts.get(sensitive, (0, []))
        if count != len(known):
            found = natural_layouts(known, sensitive)
            self._natural_layouts[sensitive] = (len(known), found)
        return found

    def _altering(
        self, shape: UpdateShape, *, marked: bool, shown: bool, inserting: bool
    ) -> Statement:
        tables = self.tables
        returned = tables.shown if shown else (tables.identity,)
        changed = update(tables.documents, shape, *returned)
        if shown and tables.elements:
            changed = changed.where(_is_of_now(tables))
        if inserting:
            return statements.altered_or_inserted(tables, changed.cte("changed"))
        return statements.marked(changed.cte("changed")) if marked else compiled(changed)

    def _run(self, use: Use, plan: ColumnPlan) -> Read:
        shape = plan.shape
        statement = self._kept(self._statements, (use, shape), lambda: self._statement(use, shape))
        return Read(statement=statement, values=plan.values, plan=plan, residual=plan.residual)

    def _statement(self, use: Use, shape: TableShape) -> Statement:
        tables = self.tables
        documents = tables.documents
        match use:
            case Use.FIND:
                return compiled(read(documents, shape, *tables.shown, tables.ordinal))
            case Use.COUNT:
                return compiled(count(documents, shape))
            case _:
                extras = (tables.identity, _version(tables))
                rows = read_to_write(documents, shape, *tables.shown, *extras)
                return compiled(rows.with_for_update() if use is Use.LOCK else rows)


def is_of_one(selection: Narrowing) -> bool:
    """Return whether an exact condition selects one row at most: by its key, whatever else it asks."""
    condition = selection.condition
    parts = condition.parts if isinstance(condition, All) else (condition,)
    return any(
        isinstance(part, Compared)
        and part.sign is Sign.EQUAL
        and isinstance(part.place, Whole)
        and part.place.certain
        for part in parts
    )


def _version(tables: CollectionTables) -> ColumnElement[Any]:
    """Return the version of a row, NULL where the elements that are read with it are those of an earlier one."""
    version = tables.documents.c.xmin
    return sa.case((_is_of_now(tables), version)) if tables.elements else version


def _is_of_now(tables: CollectionTables) -> ColumnElement[bool]:
    """Return whether a row is as it was when the statement began, as all else is that the statement reads.

    Whoever waited for a lock gets the row as the other write has left it.
    Source: PostgreSQL manual, "Transaction Isolation", section "Read Committed Isolation Level".
    """
    begun = tables.documents.alias("begun")
    version = sa.select(begun.c.xmin).where(begun.c[tables.identity.name] == tables.identity)
    return tables.documents.c.xmin == version.scalar_subquery()
