"""A document as the row of a mapped table, and back, field for field and bit for bit.

The row's columns hold what fits. The layout holds the order of the fields and what columns cannot tell: null or missing,
32 or 64 bits. The overflow holds every other value. A row without layout has its fields in the order of the
map, each of its natural type, and NULL means missing: this is what somebody gets who inserts by SQL.

An array with a child table is a row for each element, made in the same way; no rows are an empty array. What is no
document among the elements is in the overflow of its row, and what is no array in that of the parent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from adapters.entities.decoding import Decode, Decoding
from adapters.entities.encoding import NO_LIMITS, Encoding, Limits, Row
from adapters.entities.entity import (
    ID_PATH,
    Child,
    Column,
    ColumnType,
    EntityMap,
    IdentityType,
)
from adapters.entities.layout import Layout, layout_of
from adapters.entities.tags import Tag
from comparators.canonical import decode, encode

ALONE: Final = layout_of((((), Tag.OVERFLOW),))
"""The layout of an element that is no document: it is in the overflow, and has no name."""


class RowCodec:
    """Rows of the documents of one map. `longest` are the limits of its columns, and by child table of theirs."""

    def __init__(
        self,
        entity: EntityMap,
        *,
        longest: Limits = NO_LIMITS,
        longest_of_elements: Mapping[str, Limits] | None = None,
    ) -> None:
        limits = longest_of_elements or {}
        identity = Column(name=entity.identity.name, path=ID_PATH, type=_type_of_identity(entity))
        columns = (identity, *entity.columns)
        self.elements: Final = tuple(
            ElementCodec(child, longest=limits.get(child.table, NO_LIMITS))
            for child in entity.children
        )
        """Those for the rows of each child table."""
        self._encoding = Encoding(
            columns,
            longest=longest,
            identity=entity.identity,
            children=entity.children,
            row_of_element=[each.row_of for each in self.elements],
        )
        self._decoding = Decoding(columns, entity.children)

    def row_of(self, document: Mapping[str, Any]) -> Row:
        """Return the row of a document that has an `_id`."""
        return self._encoding.row_of(document)

    def plain_row_of(self, document: Mapping[str, Any]) -> Row | None:
        """Return the row of a document all of whose fields are at the root and fit their columns, else None."""
        return self._encoding.plain_row_of(document)

    def naturals(self, document: Mapping[str, Any]) -> dict[int, Callable[[Any], Any]]:
        """Return by their places how the columns of such a document hold values that fit, which give None for others."""
        return self._encoding.naturals(document)

    def document_of(
        self,
        values: Sequence[Any],
        layout: Layout | None,
        overflow: bytes | None,
        elements: Sequence[list[Any]] = (),
    ) -> dict[str, Any]:
        """Return the document of a row: `values` as the database gives them, primary key first.

        `elements` are those of each child table, as they were made of its rows.
        """
        return self._decoding.decoder_of(layout)(values, overflow, elements)

    def decoder_of(self, layout: Layout | None) -> Decode:
        """Return how the documents of all rows of a layout are made."""
        return self._decoding.decoder_of(layout)


class ElementCodec:
    """Rows of the elements of an array, one that is no document among them."""

    def __init__(self, child: Child, *, longest: Limits = NO_LIMITS) -> None:
        self._columns = child.columns
        self._encoding = Encoding(child.columns, longest=longest)
        self._decoding = Decoding(child.columns)

    def row_of(self, element: Any) -> Row:
        """Return the row of an element."""
        if type(element) is dict:
            return self._encoding.row_of(element)
        return Row(
            values=(None,) * len(self._columns),
            layout=ALONE,
            overflow=encode({"": [element]}),
            nulls=(),
            drift=tuple(column.name for column in self._columns),
        )

    def document_of(
        self, values: Sequence[Any], layout: Layout | None, overflow: bytes | None
    ) -> Any:
        """Return the element of a row."""
        if layout is not None and layout.number == ALONE.number:
            return decode(overflow or b"")[""][0]
        return self._decoding.decoder_of(layout)(values, overflow)


def _type_of_identity(entity: EntityMap) -> ColumnType:
    match entity.identity.type:
        case IdentityType.OBJECTID:
            return ColumnType.OBJECTID
        case IdentityType.TEXT:
            return ColumnType.TEXT
        case IdentityType.KEY:
            return ColumnType.BYTEA
