"""A document through a map, step by step: where each field lies, and why. It tells types and names, no value."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from adapters.entities.entity import ID_PATH, Column, EntityMap
from adapters.entities.layout import WHOLE, Field
from adapters.entities.notation import type_of
from adapters.entities.rows import Row, RowCodec
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
    yield f"{entity.collection} → table {entity.table}"
    for path, tag in _fields(entity, row):
        kind = TYPE_NAMES[type_number(_value(document, path))]
        yield f"  {'.'.join(path)} ({kind}) → {_where(entity, path, tag, row)}"
    yield from _whole(row)


def _fields(entity: EntityMap, row: Row) -> Iterator[Field]:
    if row.layout is not None:
        yield from row.layout.fields
        return
    columns = [(ID_PATH, Tag.NATURAL), *((column.path, Tag.NATURAL) for column in entity.columns)]
    for field, value in zip(columns, row.values, strict=True):
        if value is not None:
            yield field


def _value(document: Mapping[str, Any], path: Path) -> Any:
    value: Any = document
    for name in path:
        value = value[name]
    return value


def _where(entity: EntityMap, path: Path, tag: Tag, row: Row) -> str:
    if path == ID_PATH:
        name = f"{entity.identity.name} {entity.identity.type}, the primary key"
        return name if tag is not Tag.OVERFLOW else f"{name} in another form; the overflow is exact"
    column = entity.column(path)
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
