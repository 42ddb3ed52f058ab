"""What another map changes in the rows of a collection.

Documents survive every change: what no column holds any more goes to the overflow. But a column that SQL relies on is
gone, or holds less, and that is nothing to do by the way.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from adapters.entities.entity import Child, Column, ColumnType, EntityMap
from adapters.entities.notation import type_of

WIDER: Final = frozenset(
    {
        (ColumnType.VARCHAR, ColumnType.TEXT),
        (ColumnType.INTEGER, ColumnType.BIGINT),
        (ColumnType.INTEGER, ColumnType.DOUBLE),
        (ColumnType.INTEGER, ColumnType.NUMERIC),
        (ColumnType.BIGINT, ColumnType.NUMERIC),
    }
)
"""Types that hold whatever the first one holds."""


class Change(NamedTuple):
    """One difference, and whether SQL can read less than before."""

    what: str
    destructive: bool


def row_changes(before: EntityMap, after: EntityMap) -> list[Change]:
    """Return why the rows of a table must be written anew, nothing when they may stay as they are.

    Defaults, references, indexes and descriptions are no matter of rows.
    """
    found = []
    if before.table != after.table:
        found.append(Change(f"the table {before.table} becomes {after.table}", True))
    if before.identity != after.identity:
        found.append(Change("the primary key changes", True))
    found += _column_changes(before.columns, after.columns)
    found += _child_changes(before.children, after.children)
    if before.full_text != after.full_text:
        kept = {each.name for each in after.full_text}
        gone = any(each.name not in kept for each in before.full_text)
        found.append(Change("the full-text columns change", gone))
    return found


def _child_changes(before: Sequence[Child], after: Sequence[Child]) -> Iterator[Change]:
    old = {child.path: child for child in before}
    new = {child.path: child for child in after}
    for path, child in old.items():
        kept = new.get(path)
        if kept is None:
            yield Change(f"the child table {child.table} is dropped", True)
            continue
        if child.table != kept.table:
            yield Change(f"the child table {child.table} becomes {kept.table}", True)
        if (child.parent, child.position) != (kept.parent, kept.position):
            yield Change(f"the primary key of {kept.table} changes", True)
        for change in _column_changes(child.columns, kept.columns):
            yield Change(f"{kept.table}: {change.what}", change.destructive)
    for path, child in new.items():
        if path not in old:
            yield Change(f"the child table {child.table} is added", False)
    if list(old) != list(new) and old.keys() == new.keys():
        yield Change("the usual order of the fields changes", False)


def _column_changes(before: Sequence[Column], after: Sequence[Column]) -> Iterator[Change]:
    old = {column.path: column for column in before}
    new = {column.path: column for column in after}
    for path, column in old.items():
        if path not in new:
            yield Change(f"column {column.name} is dropped", True)
        else:
            yield from _change(column, new[path])
    for path, column in new.items():
        if path not in old:
            yield Change(f"column {column.name} {type_of(column)} is added", False)
    common = [path for path in new if path in old]
    if common != [path for path in old if path in new]:
        yield Change("the usual order of the fields changes", False)


def _change(old: Column, new: Column) -> Iterator[Change]:
    if old.name != new.name:
        yield Change(f"column {old.name} becomes {new.name}", True)
    if type_of(old) != type_of(new):
        yield Change(
            f"column {new.name} becomes {type_of(new)} instead of {type_of(old)}",
            not _is_wider(old, new),
        )
    if set(old.allowed) != set(new.allowed):
        narrower = bool(new.allowed) and not set(old.allowed) <= set(new.allowed)
        yield Change(f"other texts are allowed in {new.name}", narrower or not old.allowed)


def _is_wider(old: Column, new: Column) -> bool:
    if old.array != new.array:
        return False
    if (old.type, new.type) == (ColumnType.VARCHAR, ColumnType.VARCHAR):
        return (new.length or 0) >= (old.length or 0)
    return (old.type, new.type) in WIDER
