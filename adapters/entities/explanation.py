"""A document through a map, step by step: where each field lies, and why. It tells types and names, no value."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from adapters.entities.encoding import Row
from adapters.entities.entity import ID_PATH, Child, Column, EntityMap
from adapters.entities.layout import WHOLE, Field
from adapters.entities.notation import type_of
from adapters.entities.rows import ALONE, RowCodec
from adapters.entities.tags import Tag
from adapters.query.paths import Path
from adapters.query.types import TYPE_NAMES, type_number

HELD: Final[Mapping[Tag, str]] = {
    Tag.NATURAL: "",
    Tag.INT: ", the layout says that it is an int",
    Tag.LONG: ", the layout says that it is a long",
    Tag.DOUBLE: ", the layout says that it is a double",
    Tag.NULL: ", NULL; the name of the column is in _nulls",
}


def explain_document(entity: EntityMap, document: Mapping[str, Any]) -> Iterator[str]:
    """Yield what becomes of each field of a document, and of the document as a whole."""
    row = RowCodec(entity).row_of(document)
    children = {child.path: at for at, child in enumerate(entity.children)}
    yield f"{entity.collection} → table {entity.table}"
    for path, tag in _fields([ID_PATH, *(column.path for column in entity.columns)], row):
        value = _value(document, path)
        if path in children:
            at = children[path]
            yield from _array(entity.children[at], row.elements[at], path, tag, value)
        else:
            yield f"  {_shown(path, value)} → {_where(entity, path, tag, row)}"
    if row.layout is None:
        for path, at in children.items():
            value = _value(document, path)
            yield from _array(entity.children[at], row.elements[at], path, Tag.NATURAL, value)
    yield from _whole(row)


def _fields(paths: Sequence[Path], row: Row) -> Iterator[Field]:
    """Yield the fields of a row whose columns have these paths."""
    if row.layout is not None:
        yield from row.layout.fields
        return
    for path, value in zip(paths, row.values, strict=True):
        if value is not None:
            yield path, Tag.NATURAL


def _shown(path: Path, value: Any) -> str:
    return f"{'.'.join(path)} ({TYPE_NAMES[type_number(value)]})"


def _array(child: Child, rows: Sequence[Row], path: Path, tag: Tag, value: Any) -> Iterator[str]:
    """Yield what becomes of a field that has a child table, and of what is in its elements."""
    where = {
        Tag.NATURAL: f"child table {child.table}: {len(rows)} rows",
        Tag.NULL: f"child table {child.table}: no rows; its name is in _nulls",
        Tag.OVERFLOW: f"the overflow: no array for the child table {child.table}; its name is in _drift",
    }
    yield f"  {_shown(path, value)} → {where[tag]}"
    told: Counter[str] = Counter()
    for row, element in zip(rows, value if rows else (), strict=True):
        told.update(_element(child, row, element))
    for line, count in told.items():
        yield f"    {line}{f', {count} times' if count > 1 else ''}"


def _element(child: Child, row: Row, element: Any) -> Iterator[str]:
    if row.layout is ALONE:
        yield f"no document{_shown((), element)} → the overflow of its row; all columns drift"
        return
    columns = {column.path: column for column in child.columns}
    for path, tag in _fields([*columns], row):
        yield f"{_shown(path, _value(element, path))} → {_in_column(columns.get(path), tag, row)}"


def _value(document: Mapping[str, Any], path: Path) -> Any:
    value: Any = document
    for name in path:
        value = value[name]
    return value


def _where(entity: EntityMap, path: Path, tag: Tag, row: Row) -> str:
    if path == ID_PATH:
        name = f"{entity.identity.name} {entity.identity.type}, the primary key"
        return name if tag is not Tag.OVERFLOW else f"{name} in another form; the overflow is exact"
    return _in_column(entity.column(path), tag, row)


def _in_column(column: Column | None, tag: Tag, row: Row) -> str:
    if column is None:
        return "the layout: an empty document" if tag is Tag.EMPTY else "the overflow: no column"
    if tag is Tag.OVERFLOW:
        return _overflowing(column, row)
    return f"{column.name} {type_of(column)}{HELD[tag]}"


def _overflowing(column: Column, row: Row) -> str:
    shown = f"{column.name} {type_of(column)}"
    if column.name in row.drift:
        return f"the overflow: it does not fit {shown}; the name of the column is in _drift"
    return f"{shown} to find it by; the overflow is exact"


def _whole(row: Row) -> Iterator[str]:
    if row.layout is None:
        yield "  as the map expects it: no layout, no overflow"
    elif row.layout is WHOLE:
        yield "  the document as a whole → the overflow: too many layouts"
    else:
        yield f"  the order of its fields → layout {row.layout.number}"
    if row.overflow is not None:
        yield f"  overflow: {len(row.overflow)} bytes"
    if row.drift:
        yield f"  drift: {', '.join(row.drift)}"
