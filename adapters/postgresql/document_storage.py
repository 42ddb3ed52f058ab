"""Documents as BSON in a document table, narrowed by their bodies and by `_id`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from asyncpg import Record

from adapters.operations.narrowing import selection_of
from adapters.operations.storage import Contents, Fetched, Found
from adapters.postgresql.statements import SHAPES_KEPT
from adapters.postgresql.storage import Read
from adapters.postgresql.tables import CollectionTables, tables_of
from adapters.query.filter import Filter
from adapters.query.paths import Path
from adapters.query.pipeline import Group
from adapters.query.sort import Sort
from adapters.query.update import Update
from adapters.sql.body import body_of
from adapters.sql.build import ReadShape, conditions, read, shape_of, values_of
from adapters.sql.cut import LIMIT, SKIP
from adapters.sql.dialect import Statement, compiled
from adapters.sql.fence import fenced
from adapters.sql.keys import key_of
from adapters.sql.plan import Order, Plan, Selection, natural_order, order_of, plan_read


class DocumentStorage:
    """Fulfil `Storage` for a collection without a map."""

    def __init__(self, tables: CollectionTables) -> None:
        self.tables = tables

    def watch(self, specifications: Iterable[Mapping[str, Any]]) -> None:
        """The index on bodies serves all."""

    def native_index(self, specification: Mapping[str, Any]) -> None:  # noqa: ARG002 - of the interface
        return None

    def key_of(self, identifier: Any) -> bytes:
        return key_of(identifier)

    def contents_of(
        self,
        document: dict[str, Any],
        bson: bytes,
        before: dict[str, Any] | None = None,  # noqa: ARG002 - of the interface
    ) -> Contents:
        return Contents(values=(bson, body_of(document)))

    def found(self, row: Record) -> Found:
        return Found(raw=row[0])

    def raws(self, rows: Sequence[Any]) -> list[bytes]:
        return [row[0] for row in rows]

    def unknown_layouts(self, rows: Sequence[Record]) -> set[int]:  # noqa: ARG002 - of the interface
        return set()

    def fetched(self, rows: Sequence[Record]) -> Fetched:
        return Fetched(found=[Found(raw=row[0]) for row in rows])

    def selection_of(self, tree: Filter, variables: Mapping[str, Any]) -> Selection:  # noqa: ARG002 - of the interface
        return selection_of(tree)

    def selection_by_keys(self, keys: Sequence[Any]) -> Selection:
        return Selection(ids=tuple(keys), exact=True)

    def only_key(self, selection: Selection) -> Any:
        ids = selection.ids
        return ids[0] if selection.exact and ids is not None and len(ids) == 1 else None

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
        return _run(plan, _find(self.tables, shape_of(plan)))

    def find_rows(self, selection: Selection, *, limit: int | None, locked: bool) -> Read:
        plan = Plan(selection=selection, order=natural_order(selection), limit=limit)
        return _run(plan, _find_rows(self.tables, shape_of(plan), locked))

    def count(self, selection: Selection, *, skip: int, limit: int | None) -> Read:
        plan = plan_read(selection, order=Order.NONE, skip=skip, limit=limit, projection=False)
        plan = replace(plan, order=Order.NONE)
        return _run(plan, _count(self.tables, shape_of(plan)))

    def group(
        self,
        selection: Selection,  # noqa: ARG002 - of the interface
        stage: Group,  # noqa: ARG002 - of the interface
        variables: Mapping[str, Any],  # noqa: ARG002 - of the interface
    ) -> None:
        return None

    def alter(
        self,
        selection: Selection,  # noqa: ARG002 - of the interface
        update: Update,  # noqa: ARG002 - of the interface
        *,
        now_ms: int,  # noqa: ARG002 - of the interface
        guarded: frozenset[Path],  # noqa: ARG002 - of the interface
        marked: bool,  # noqa: ARG002 - of the interface
        shown: bool,  # noqa: ARG002 - of the interface
    ) -> None:
        return None

    def distinct(self, selection: Selection, path: Path) -> None:  # noqa: ARG002 - of the interface
        return None


@lru_cache(maxsize=4096)
def document_storage(database: str, collection: str) -> DocumentStorage:
    """Return the storage of a collection without a map, whether or not its tables exist."""
    return DocumentStorage(tables_of(database, collection))


def _run(plan: Plan, statement: Statement) -> Read:
    values = {**values_of(plan.selection), SKIP: plan.skip, LIMIT: plan.limit}
    return Read(statement=statement, values=values, plan=plan, residual=plan.residual)


@lru_cache(maxsize=SHAPES_KEPT)
def _find(tables: CollectionTables, shape: ReadShape) -> Statement:
    return compiled(read(tables.documents, shape, *tables.shown))


@lru_cache(maxsize=SHAPES_KEPT)
def _find_rows(tables: CollectionTables, shape: ReadShape, locked: bool) -> Statement:
    documents = tables.documents
    statement = read(documents, shape, *tables.shown, tables.identity, documents.c.xmin, sa.false())
    return compiled(statement.with_for_update() if locked else statement)


@lru_cache(maxsize=SHAPES_KEPT)
def _count(tables: CollectionTables, shape: ReadShape) -> Statement:
    if not shape.skip and shape.limit is None:
        documents = tables.documents
        return compiled(
            sa.select(sa.func.count(), sa.false())
            .select_from(documents)
            .where(*conditions(documents, shape.selection), fenced(documents))
        )
    found = read(tables.documents, shape, sa.literal_column("1"))
    selected = found.where(fenced(tables.documents)).subquery()
    return compiled(sa.select(sa.func.count(), sa.false()).select_from(selected))
