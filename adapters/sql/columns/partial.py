"""Which columns of a mapped table are enough to answer from, and the statement that reads only them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import ColumnElement

from adapters.entities.entity import ID_PATH, Column, ColumnType, IdentityType
from adapters.query.expression import paths_of
from adapters.query.paths import Path
from adapters.query.projection import Computed, Exclude, Mode, Node, Projection
from adapters.query.projection.tree import Branch
from adapters.sql.columns.elements import ZERO, drifted
from adapters.sql.columns.places import Columns, Key, Rows, identity_column


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialRead:
    """The columns to read, in the order of the map; of rows in which one of `needed` has drifted, the overflow tells.

    With `overflow`, that of every row is read: a JSON may have its exact value there.
    """

    columns: tuple[Column, ...]
    needed: tuple[str, ...]
    overflow: bool

    def selected(self, table: sa.FromClause) -> list[ColumnElement[Any]]:
        """Return what to select: the columns, the layout, and the overflow where it is needed."""
        overflow: ColumnElement[Any] = table.c["_overflow"]
        if not self.overflow:
            wanted = sa.or_(table.c["_layout"] == ZERO, drifted(table, self.needed))
            overflow = sa.case((wanted, overflow), else_=sa.null())
        columns = [table.c[column.name] for column in self.columns]
        return [*columns, table.c["_layout"], overflow]


def partial_read(paths: Iterable[Path], columns: Columns) -> PartialRead | None:
    """Return which columns tell all about some paths, None where the whole document does."""
    entity = columns.entity
    needed: set[str] = set()
    beside: set[str] = set()
    for path in paths:
        view = columns.view(path)
        if view is None or isinstance(view, Rows):
            return None
        if isinstance(view, Key):
            if entity.identity.type is IdentityType.KEY:
                return None
            needed.add(entity.identity.name)
            continue
        needed.add(view.column.name)
        if len(view.column.path) > 1:
            beside.add(view.column.path[0])
    read = [
        column
        for column in (identity_column(entity.identity), *entity.columns)
        if column.name in needed or (len(column.path) > 1 and column.path[0] in beside)
    ]
    return PartialRead(
        columns=tuple(read),
        needed=tuple(sorted(needed)),
        overflow=any(each.type is ColumnType.JSONB and each.name in needed for each in read),
    )


def paths_of_projection(projection: Projection) -> frozenset[Path] | None:
    """Return the paths that a projection looks at, None where it looks at the whole document."""
    if projection.mode is not Mode.INCLUSION or projection.positional is not None:
        return None
    found = _paths(projection.root, ())
    if found is None:
        return None
    without_id = isinstance(projection.root.children.get("_id"), Exclude)
    return found if without_id else found | {ID_PATH}


def _paths(node: Node, path: Path) -> frozenset[Path] | None:
    match node:
        case Branch(children=children):
            found: set[Path] = set()
            for name, child in children.items():
                inner = _paths(child, (*path, name))
                if inner is None:
                    return None
                found |= inner
            return frozenset(found)
        case Exclude():
            return frozenset()
        case Computed(expression=expression):
            read = paths_of(expression)
            return None if read is None else read | {path}
        case _:
            return frozenset({path})
