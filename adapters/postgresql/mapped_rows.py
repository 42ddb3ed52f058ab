"""Rows of a mapped table, and the documents that they hold."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import compress
from typing import Any, Final

import sqlalchemy as sa
from asyncpg import Record
from bson.timestamp import Timestamp

from adapters.entities.decoding import Decode, Plain
from adapters.entities.encoding import Row
from adapters.entities.entity import ColumnType, EntityMap
from adapters.entities.identity import identity_key
from adapters.entities.layout import Layout
from adapters.entities.rows import RowCodec
from adapters.evaluate.expressions import at_path
from adapters.operations.storage import Contents, Fetched, Found
from adapters.postgresql.layouts import Layouts
from adapters.postgresql.mapped_tables import mapped_tables_of
from adapters.postgresql.storage import Insertion
from adapters.query.paths import Path
from adapters.sql.binding import UnfitError
from adapters.sql.columns.changes import FIXED, size_of
from adapters.sql.native_index import forget, longest_values, native_index
from comparators.canonical import encode_each

LARGEST_PLAIN: Final = 1_000_000
"""Documents of so many characters and values are surely not too large."""


FEW: Final = 2
"""So many rows are quicker read one by one."""

NOTHING: Final[dict[str, Any]] = {}


class MappedRows:
    """Fulfil the half of `Storage` that is about single rows, for a collection with a map."""

    def __init__(self, database: str, entity: EntityMap, layouts: Layouts) -> None:
        self.entity = entity
        self.tables = mapped_tables_of(database, entity)
        self._layouts = layouts
        self._longest: Mapping[str, int] = {}
        self._longest_of_elements: Mapping[str, Mapping[str, int]] = {}
        self._codec = RowCodec(entity)
        self.watch(())
        self._width = 1 + len(entity.columns)
        self._are_wide = [
            False,
            *(
                column.array or column.type not in {*FIXED, ColumnType.DOUBLE}
                for column in entity.columns
            ),
        ]
        self._content_names = [f"content{at}" for at in range(len(self.tables.contents))]

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
        if Timestamp in map(type, document.values()):
            return None
        row = self._codec.row_of(document)
        number = None if row.layout is None else row.layout.number
        if number is not None and self._layouts.get(number) is None:
            return None
        if self._size_of(row) > LARGEST_PLAIN:
            return None
        return row.values[0], (*row.values[1:], *_rest_of(row))

    def _size_of(self, row: Row) -> int:
        """Return the characters and elements of what may be long in a row."""
        size = 0 if row.overflow is None else len(row.overflow)
        for value in compress(row.values, self._are_wide):
            # The commonest, without a call; most columns of a wide table are empty.
            if value is not None:
                size += len(value) if type(value) is str else size_of(value)
        return size

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
        return None if documents is None else encode_each(documents)

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
        numbers = {row[width] for row in rows}
        if self._unknown(numbers):
            return None
        if len(numbers) == 1:
            return _decoded(rows, decoder_of(self._layout(*numbers)), width)
        places: dict[int | None, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(row[width], []).append(place)
        found: list[dict[str, Any]] = [NOTHING] * len(rows)
        for number, of_layout in places.items():
            some = [rows[place] for place in of_layout]
            documents = _decoded(some, decoder_of(self._layout(number)), width)
            for place, document in zip(of_layout, documents, strict=True):
                found[place] = document
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


def _decoded(rows: Sequence[Any], decode: Decode, width: int) -> list[dict[str, Any]]:
    """Return the documents of rows of one layout."""
    if isinstance(decode, Plain) and len(rows) > FEW:
        return decode.documents_of(rows)
    return [decode(row, row[width + 1]) for row in rows]


def _is_untouched(document: dict[str, Any], before: dict[str, Any], path: Path) -> bool:
    """Return whether there is the very same value at a path as before: an update shares what it leaves alone."""
    values = at_path(document, path), at_path(before, path)
    return values[0] is values[1]


def _made_by(natural: Callable[[Any], Any], largest: int, value: Any) -> Any:
    found = natural(value)
    if found is None or size_of(found) > largest:
        raise UnfitError
    return found


def _rest_of(row: Row) -> tuple[Any, ...]:
    """Return what a row has behind its columns."""
    number = None if row.layout is None else row.layout.number
    return number, row.overflow, list(row.nulls) or None, list(row.drift) or None
