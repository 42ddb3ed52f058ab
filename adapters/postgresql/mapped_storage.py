"""Documents in the typed columns of a mapped table."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from asyncpg import Record
from bson.timestamp import Timestamp
from sqlalchemy.sql import ColumnElement

from adapters.entities.decoding import Decode
from adapters.entities.encoding import Row, fits
from adapters.entities.entity import EntityMap
from adapters.entities.identity import identity_key
from adapters.entities.layout import Layout
from adapters.entities.rows import RowCodec
from adapters.evaluate.expressions import at_path
from adapters.postgresql import statements
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_tables import mapped_tables_of
from adapters.postgresql.storage import (
    Alteration,
    Contents,
    Fetched,
    Found,
    Grouping,
    Insertion,
    Read,
)
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
from adapters.sql.native_index import forget, longest_values, native_index
from comparators.canonical import MISSING, encode

LARGEST_PLAIN: Final = 1_000_000
"""Documents of so many characters and values are surely not too large."""

K = TypeVar("K")


class Use(StrEnum):
    """What a statement is for."""

    FIND = "find"
    WRITE = "write"
    LOCK = "lock"
    COUNT = "count"


class MappedStorage:
    """Fulfil `Storage` for a collection with a map."""

    def __init__(self, database: str, entity: EntityMap, layouts: Layouts) -> None:
        self.entity = entity
        self.tables = mapped_tables_of(database, entity)
        self._layouts = layouts
        self._longest: Mapping[str, int] = {}
        self._longest_of_elements: Mapping[str, Mapping[str, int]] = {}
        self._codec = RowCodec(entity)
        self.watch(())
        self._width = 1 + len(entity.columns)
        self._content_names = [f"content{at}" for at in range(len(self.tables.contents))]
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

    def watch(self, specifications: Iterable[Mapping[str, Any]]) -> None:
        declared = [index.specification for index in self.entity.indexes]
        together = [*declared, *specifications]
        longest = longest_values(self.entity, together)
        of_elements = {
            child.table: longest_values(self.entity, together, child)
            for child in self.entity.children
        }
        if (longest, of_elements) != (self._longest, self._longest_of_elements):
            self._longest, self._longest_of_elements = longest, of_elements
            self._codec = RowCodec(self.entity, longest=longest, longest_of_elements=of_elements)

    def native_index(self, specification: Mapping[str, Any]) -> sa.Index | None:
        index = native_index(self.entity, self.tables.documents, specification)
        if index is not None:
            # It is made now, and not together with the table.
            forget(index)
        return index

    def key_of(self, identifier: Any) -> Any:
        return identity_key(self.entity.identity, identifier).value

    def contents_of(
        self,
        document: dict[str, Any],
        bson: bytes,  # noqa: ARG002 - of the interface
        before: dict[str, Any] | None = None,
    ) -> Contents:
        row = self._codec.row_of(document)
        rows = [row, *(each for elements in row.elements for each in elements)]
        return Contents(
            values=(*row.values[1:], *_rest_of(row)),
            layouts=tuple(each.layout for each in rows if each.layout is not None),
            elements=tuple(
                tuple((*each.values, *_rest_of(each)) for each in elements)
                if before is None or not _is_untouched(document, before, child.path)
                else None
                for child, elements in zip(self.entity.children, row.elements, strict=True)
            ),
        )

    def known_row(self, document: dict[str, Any]) -> tuple[Any, tuple[Any, ...]] | None:
        """Return the key and the contents of a document, None where more must be known to insert it.

        It may be too large, laid out like none before it, have rows of elements, or a value that the server makes up.
        """
        if self.tables.elements:
            return None
        row = self._codec.plain_row_of(document)
        if row is None:
            if Timestamp in map(type, document.values()):
                return None
            row = self._codec.row_of(document)
        size = sum(map(size_of, row.values)) + len(row.overflow or b"")
        number = None if row.layout is None else row.layout.number
        if size > LARGEST_PLAIN or (number is not None and self._layouts.get(number) is None):
            return None
        return row.values[0], (*row.values[1:], *_rest_of(row))

    def inserting(self, key: Any, contents: Sequence[Any]) -> dict[str, Any]:
        """Return the parameters that insert one document."""
        values = dict(zip(self._content_names, contents, strict=True))
        values["id"] = key
        return values

    def plain_insertion(self, document: dict[str, Any]) -> Insertion | None:
        """Return how documents are inserted that are laid out like one, None unless its values fit their columns."""
        row = self._codec.plain_row_of(document)
        if row is None:
            return None
        naturals = self._codec.naturals(document)
        largest = LARGEST_PLAIN // len(naturals)
        return Insertion(
            values=self.inserting(row.values[0], (*row.values[1:], *_rest_of(row))),
            made={
                f"content{at - 1}": partial(_made_by, natural, largest)
                for at, natural in naturals.items()
                if at
            },
            afresh={self._content_names[self._width - 1]: partial(self._known_layout, row.layout)},
        )

    def _known_layout(self, layout: Layout | None) -> int | None:
        """Return the number of a layout; UnfitError for one that rows may not name yet."""
        if layout is None:
            return None
        if self._layouts.get(layout.number) is None:
            raise UnfitError
        return layout.number

    def found(self, row: Record) -> Found:
        width = self._width
        beside = width + 2
        elements = [
            [
                codec.document_of(each[:-2], self._layout(each[-2]), each[-1])
                for each in row[beside + at]
            ]
            for at, codec in enumerate(self._codec.elements)
        ]
        layout = self._layout(row[width])
        return Found(
            document=self._codec.document_of(row[:width], layout, row[width + 1], elements)
        )

    def _layout(self, number: int | None) -> Layout | None:
        return None if number is None else self._layouts.get(number)

    def raws(self, rows: Sequence[Any]) -> list[bytes] | None:
        documents = self.documents(rows)
        return None if documents is None else list(map(encode, documents))

    def documents(self, rows: Sequence[Any]) -> list[dict[str, Any]] | None:
        """Return the documents of rows that begin with what is shown, None where a layout is not known."""
        if not self._codec.elements:
            return self.decoded(rows, self._codec.decoder_of, self._width)
        if self.unknown_layouts(rows):
            return None
        return [self.found(row).document for row in rows]

    def decoded(
        self, rows: Sequence[Any], decoder_of: Callable[[Layout | None], Decode], width: int
    ) -> list[dict[str, Any]] | None:
        """Return what is made of rows with layout and overflow behind so many columns, None as `documents`."""
        decoders: dict[int | None, Decode] = {}
        found = []
        for row in rows:
            number = row[width]
            decode = decoders.get(number)
            if decode is None:
                layout = self._layout(number)
                if layout is None and number is not None:
                    return None
                decode = decoders[number] = decoder_of(layout)
            found.append(decode(row, row[width + 1]))
        return found

    def unknown_layouts(self, rows: Sequence[Record]) -> set[int]:
        named = {row[self._width] for row in rows}
        for at in range(len(self._codec.elements)):
            named.update(each[-2] for row in rows for each in row[self._width + 2 + at])
        return self._unknown(named)

    def _unknown(self, numbers: set[int | None]) -> set[int]:
        return {
            number for number in numbers if number is not None and self._layouts.get(number) is None
        }

    def fetched(self, rows: Sequence[Record]) -> Fetched:
        found = list(map(self.found, rows))
        if not any(row[-1] for row in rows):
            return Fetched(found=found)
        # Behind one another come those that the condition could tell of and the others.
        ordinals = [row[-2] for row in rows]
        order = sorted(range(len(rows)), key=ordinals.__getitem__)
        return Fetched(found=[found[at] for at in order], drifted=True)

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


def _is_untouched(document: dict[str, Any], before: dict[str, Any], path: Path) -> bool:
    """Return whether there is the very same value at a path as before: an update shares what it leaves alone."""
    values = at_path(document, path), at_path(before, path)
    return values[0] is values[1]


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


def _made_by(natural: Callable[[Any], Any], largest: int, value: Any) -> Any:
    found = natural(value)
    if found is None or size_of(found) > largest:
        raise UnfitError
    return found


def _rest_of(row: Row) -> tuple[Any, ...]:
    """Return what a row has behind its columns."""
    number = None if row.layout is None else row.layout.number
    return number, row.overflow, list(row.nulls) or None, list(row.drift) or None
