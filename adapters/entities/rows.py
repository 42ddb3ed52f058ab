"""A document as the row of a mapped table, and back, field for field and bit for bit.

The row's columns hold what fits. The layout holds the order of the fields and what columns cannot tell: null or missing,
32 or 64 bits. The overflow holds every other value. A row without layout has its fields in the order of the
map, each of its natural type, and NULL means missing: this is what somebody gets who inserts by SQL.

An array with a child table is a row for each element, made in the same way; no rows are an empty array. What is no
document among the elements is in the overflow of its row, and what is no array in that of the parent.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import Any, Final

from bson.dbref import DBRef

from adapters.entities.entity import (
    ID_PATH,
    Child,
    Column,
    ColumnType,
    EntityMap,
    Identity,
    IdentityType,
)
from adapters.entities.identity import identity_key
from adapters.entities.layout import WHOLE, Field, Layout, layout_of
from adapters.entities.tags import Tag
from adapters.entities.values import NATURAL, Reader, held, reader_of
from adapters.query.paths import Path
from comparators.canonical import decode, encode
from comparators.errors import CorruptionError

MOST_LAYOUTS: Final = 4096
"""Beyond, documents of new layouts are stored whole: fields are named at random, as in a dictionary."""

LONGEST_LAYOUT: Final = 100_000
"""Nor do names of so many characters make a layout: what a row takes in a document shows in its columns."""

BESIDE: Final = frozenset({Tag.OVERFLOW, Tag.EMPTY, Tag.NULL})
"""What is not read from a column."""

ALONE: Final = layout_of((((), Tag.OVERFLOW),))
"""The layout of an element that is no document: it is in the overflow, and has no name."""

Limits = Mapping[str, int]
"""How many bytes the values of a column may have, array elements included."""

NO_LIMITS: Final[Limits] = {}

Tree = Mapping[str, "int | Tree"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A document as a row.

    `values` are the primary key and one value for each column of the map. `layout` is None for the usual order and
    types. `nulls` and `drift` are the names of columns whose field is null, or has a value that the column
    cannot hold: there the column is NULL and a condition on it says nothing. `elements` are the rows of each child
    table, by the names of which `nulls` and `drift` tell of the array: it drifts if one of its elements does.
    """

    values: tuple[Any, ...]
    layout: Layout | None
    overflow: bytes | None
    nulls: tuple[str, ...]
    drift: tuple[str, ...]
    elements: tuple[tuple["Row", ...], ...] = ()


class _Codec:
    """Rows of some columns, the first of which is the primary key if there is one. Decoders are kept by layout."""

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        longest: Limits,
        identity: Identity | None = None,
        children: Sequence[Child] = (),
        elements: Sequence["ElementCodec"] = (),
    ) -> None:
        self._identity = identity
        self._longest = longest
        self._columns = tuple(columns)
        self._children = tuple(children)
        self.elements: Final = tuple(elements)
        """Those for the rows of each child table."""
        self._places = (
            *((column.name, column.path) for column in columns),
            *((child.table, child.path) for child in children),
        )
        self._tree = _tree_of([path for _name, path in self._places])
        self._usual = {at: rank for rank, at in enumerate(_leaves(self._tree))}
        self._layouts: dict[tuple[Field, ...], Layout] = {}
        self._decoders: dict[int, Decoder] = {}
        self._flats: dict[tuple[str, ...], Flat | None] = {}
        self._usual_fields = tuple((self._places[at][1], Tag.NATURAL) for at in self._usual)

    def row_of(self, document: Mapping[str, Any]) -> Row:
        """Return the row of a document; if there is a primary key, it has an `_id`."""
        row = self.plain_row_of(document)
        return self._row_of(document) if row is None else row

    def plain_row_of(self, document: Mapping[str, Any]) -> Row | None:
        """Return the row of a document all of whose fields are at the root and fit their columns, else None."""
        flat = self._flat(tuple(document))
        return None if flat is None else flat.row_of(document)

    def naturals(self, document: Mapping[str, Any]) -> dict[int, Callable[[Any], Any]]:
        """Return by their places how the columns of such a document hold values that fit, which give None for others."""
        flat = self._flat(tuple(document))
        return {} if flat is None else flat.naturals

    def _flat(self, names: tuple[str, ...]) -> "Flat | None":
        try:
            return self._flats[names]
        except KeyError:
            if len(self._flats) >= MOST_LAYOUTS:
                self._flats.clear()
            flat = self._flats[names] = self._flat_of(names)
            return flat

    def _flat_of(self, names: tuple[str, ...]) -> "Flat | None":
        """Return how documents with these fields become rows as long as every value fits its column."""
        places = [self._tree.get(name) for name in names]
        if self._children or not all(isinstance(at, int) for at in places):
            return None
        found = [at for at in places if isinstance(at, int)]
        if self._identity is not None and 0 not in found:
            return None
        ranks = [self._usual[at] for at in found]
        in_order = all(before < after for before, after in itertools.pairwise(ranks))
        fields = tuple(((name,), Tag.NATURAL) for name in names)
        layout = None if in_order else self._layout(fields)
        if layout is WHOLE:
            return None
        return Flat(
            [(name, at, self._natural(at)) for name, at in zip(names, found, strict=True)],
            len(self._columns),
            layout,
        )

    def _natural(self, at: int) -> Callable[[Any], Any]:
        """Return how a column holds a value of its natural type: None where it does not."""
        if at == 0 and self._identity is not None:
            return partial(_natural_key, self._identity)
        column = self._columns[at]
        most = self._longest.get(column.name)
        natural = None if column.allowed or column.length or most else NATURAL.get(column.type)
        if natural is not None:
            return partial(_natural_elements, natural) if column.array else natural
        return partial(_natural_value, column, most)

    def _row_of(self, document: Mapping[str, Any]) -> Row:
        taken = _Taken(
            values=[None] * len(self._columns),
            elements=[None] * len(self._children),
            fields=[],
            overflow=[],
            nulls=[],
            drift=[],
            ranks=[],
        )
        self._take(taken, document, self._tree, ())
        if self._children:
            self._note_absent(taken)
        layout = None if self._is_usual(taken) else self._layout(tuple(taken.fields))
        overflow = None
        if layout is WHOLE:
            overflow = encode(dict(document))
        elif taken.overflow:
            overflow = encode({"": taken.overflow})
        return Row(
            values=tuple(taken.values),
            layout=layout,
            overflow=overflow,
            nulls=tuple(taken.nulls),
            drift=tuple(taken.drift),
            elements=tuple(rows or () for rows in taken.elements),
        )

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
        if layout is not None and layout.number == WHOLE.number:
            return decode(overflow or b"")
        number = None if layout is None else layout.number
        decoder = self._decoders.get(number or 0)
        if decoder is None:
            fields = self._usual_fields if layout is None else layout.fields
            decoder = Decoder(self._columns, fields, self._children)
            self._decoders[number or 0] = decoder
        return decoder.document_of(values, overflow, elements)

    def _is_usual(self, taken: "_Taken") -> bool:
        ranks = taken.ranks
        if len(ranks) < len(taken.fields) or None in taken.elements:
            return False
        return all(before < after for before, after in itertools.pairwise(ranks))

    def _layout(self, fields: tuple[Field, ...]) -> Layout:
        known = self._layouts.get(fields)
        if known is None:
            if len(self._layouts) >= MOST_LAYOUTS or _names_in(fields) > LONGEST_LAYOUT:
                return WHOLE
            known = self._layouts[fields] = layout_of(fields)
        return known

    def _take(self, taken: "_Taken", document: Mapping[str, Any], tree: Tree, above: Path) -> None:
        for name, value in document.items():
            path = (*above, name)
            node = tree.get(name)
            if node is None:
                taken.overflow.append(value)
                taken.fields.append((path, Tag.OVERFLOW))
            elif isinstance(node, int):
                self._take_value(taken, node, path, value)
            elif type(value) is dict and value:
                self._take(taken, value, node, path)
            else:
                self._take_in_place_of_columns(taken, node, path, value)

    def _take_value(self, taken: "_Taken", at: int, path: Path, value: Any) -> None:
        if at >= len(self._columns):
            self._take_array(taken, at, path, value)
            return
        column = self._columns[at]
        if at == 0 and self._identity is not None:
            key = identity_key(self._identity, value)
            taken.values[0] = key.value
            tag, drifts = key.tag, key.drifts
        elif value is None:
            taken.nulls.append(column.name)
            tag, drifts = Tag.NULL, False
        else:
            found = held(column, value)
            if found is not None and column.name in self._longest:
                found = found if fits(found.value, self._longest[column.name]) else None
            tag, drifts = (Tag.OVERFLOW, True) if found is None else (found.tag, False)
            taken.values[at] = None if found is None else found.value
        if drifts:
            taken.drift.append(column.name)
        if tag is Tag.OVERFLOW:
            taken.overflow.append(value)
        if tag is Tag.NATURAL:
            taken.ranks.append(self._usual[at])
        taken.fields.append((path, tag))

    def _take_array(self, taken: "_Taken", at: int, path: Path, value: Any) -> None:
        """Take the value of a field that has a child table."""
        place = at - len(self._columns)
        table = self._children[place].table
        tag = Tag.NATURAL
        if type(value) is list:
            rows = tuple(map(self.elements[place].row_of, value))
            taken.elements[place] = rows
            taken.ranks.append(self._usual[at])
            if any(row.drift for row in rows):
                taken.drift.append(table)
        elif value is None:
            taken.nulls.append(table)
            tag = Tag.NULL
        else:
            taken.drift.append(table)
            taken.overflow.append(value)
            tag = Tag.OVERFLOW
        taken.fields.append((path, tag))

    def _note_absent(self, taken: "_Taken") -> None:
        for child, rows in zip(self._children, taken.elements, strict=True):
            if rows is None and child.table not in {*taken.nulls, *taken.drift}:
                taken.nulls.append(child.absent)

    def _take_in_place_of_columns(
        self, taken: "_Taken", node: Tree, path: Path, value: Any
    ) -> None:
        """Take a value that stands where a document with columns was expected."""
        if value == {}:
            taken.fields.append((path, Tag.EMPTY))
            return
        if isinstance(value, list | DBRef):
            # A path goes into these; into other values it does not, so its fields count as missing.
            taken.drift.extend(self._places[at][0] for at in _leaves(node))
        taken.overflow.append(value)
        taken.fields.append((path, Tag.OVERFLOW))


class RowCodec(_Codec):
    """Rows of the documents of one map. `longest` are the limits of its columns, and by child table of theirs."""

    def __init__(
        self,
        entity: EntityMap,
        *,
        longest: Limits = NO_LIMITS,
        longest_of_elements: Mapping[str, Limits] | None = None,
    ) -> None:
        limits = longest_of_elements or {}
        super().__init__(
            (
                Column(name=entity.identity.name, path=ID_PATH, type=_type_of_identity(entity)),
                *entity.columns,
            ),
            longest=longest,
            identity=entity.identity,
            children=entity.children,
            elements=[
                ElementCodec(child, longest=limits.get(child.table, NO_LIMITS))
                for child in entity.children
            ],
        )


class ElementCodec(_Codec):
    """Rows of the elements of an array, one that is no document among them."""

    def __init__(self, child: Child, *, longest: Limits = NO_LIMITS) -> None:
        super().__init__(child.columns, longest=longest)

    def row_of(self, document: Any) -> Row:
        """Return the row of an element."""
        if type(document) is dict:
            return super().row_of(document)
        return Row(
            values=(None,) * len(self._columns),
            layout=ALONE,
            overflow=encode({"": [document]}),
            nulls=(),
            drift=tuple(column.name for column in self._columns),
        )

    def document_of(
        self,
        values: Sequence[Any],
        layout: Layout | None,
        overflow: bytes | None,
        elements: Sequence[list[Any]] = (),
    ) -> Any:
        """Return the element of a row."""
        if layout is not None and layout.number == ALONE.number:
            return decode(overflow or b"")[""][0]
        return super().document_of(values, layout, overflow, elements)


def _natural_key(identity: Identity, value: Any) -> Any:
    key = identity_key(identity, value)
    return key.value if key.tag is Tag.NATURAL and not key.drifts else None


def _natural_elements(natural: Callable[[Any], Any], value: Any) -> list[Any] | None:
    if not isinstance(value, list):
        return None
    found = [natural(each) for each in value]
    return None if None in found else found


def _natural_value(column: Column, most: int | None, value: Any) -> Any:
    found = None if value is None else held(column, value)
    if found is None or found.tag is not Tag.NATURAL:
        return None
    return found.value if most is None or fits(found.value, most) else None


class Flat:
    """How documents become rows whose fields are all at the root, and all of which fit their columns."""

    def __init__(
        self,
        steps: Sequence[tuple[str, int, Callable[[Any], Any]]],
        width: int,
        layout: Layout | None,
    ) -> None:
        self._steps = steps
        self.naturals: Final = {at: natural for _name, at, natural in steps}
        self._empty = [None] * width
        self._layout = layout

    def row_of(self, document: Mapping[str, Any]) -> Row | None:
        """Return the row of a document, None where a value does not fit."""
        values: list[Any] = self._empty.copy()
        for name, at, natural in self._steps:
            value = natural(document[name])
            if value is None:
                return None
            values[at] = value
        return Row(values=tuple(values), layout=self._layout, overflow=None, nulls=(), drift=())


def _names_in(fields: Sequence[Field]) -> int:
    return sum(len(name) for path, _tag in fields for name in path)


def fits(value: Any, most: int) -> bool:
    """Return whether a text, bytes or each element of an array is no longer than so many bytes."""
    if isinstance(value, list):
        return all(fits(each, most) for each in value)
    if isinstance(value, str):
        # Few texts are long enough to be worth encoding.
        return len(value) * 4 <= most or len(value.encode()) <= most
    return not isinstance(value, bytes) or len(value) <= most


@dataclass(slots=True, kw_only=True)
class _Taken:
    values: list[Any]
    elements: list[tuple[Row, ...] | None]
    fields: list[Field]
    overflow: list[Any]
    nulls: list[str]
    drift: list[str]
    ranks: list[int]


class Decoder:
    """Reads the rows of one layout."""

    def __init__(
        self, columns: Sequence[Column], fields: Sequence[Field], children: Sequence[Child] = ()
    ) -> None:
        paths = [*(column.path for column in columns), *(child.path for child in children)]
        places = {path: at for at, path in enumerate(paths)}
        unknown = [
            path for path, tag in fields if path not in places and tag not in BESIDE - {Tag.NULL}
        ]
        if unknown:
            raise CorruptionError(
                f"no column holds {'.'.join(unknown[0])!r}",
                where="a row of a mapped table",
                remedy="read the map again: another process has changed it",
            )
        self._steps = [
            (
                path,
                tag,
                places.get(path),
                reader_of(columns[places[path]], tag)
                if places.get(path, len(columns)) < len(columns)
                else None,
            )
            for path, tag in fields
        ]
        # Most layouts: all fields at the root and in columns, none of them null.
        self._plain = (
            Plain([(path[0], places[path], read) for path, _tag, _at, read in self._steps])
            if all(len(path) == 1 and tag not in BESIDE for path, tag in fields)
            else None
        )
        named = {places[path] for path, _tag in fields if path in places}
        self._unnamed = [at for at in range(len(paths)) if at not in named]
        self._columns = columns
        self._paths = paths
        natural = {path for path, tag in fields if tag is Tag.NATURAL}
        self._arrays = [child.path in natural for child in children]

    def document_of(
        self, values: Sequence[Any], overflow: bytes | None, elements: Sequence[list[Any]] = ()
    ) -> dict[str, Any]:
        """Return the document of a row."""
        if self._arrays:
            # An array of which nothing else is said is there; so is one that somebody has filled by SQL.
            arrays = [
                found if found or is_there else None
                for found, is_there in zip(elements, self._arrays, strict=True)
            ]
            values = [*values, *arrays]
        if self._plain is not None:
            document = self._plain.document_of(values)
        else:
            document = self._step_by_step(values, overflow)
        for at in self._unnamed:
            if values[at] is not None:
                self._put_unnamed(document, at, values[at])
        return document

    def _step_by_step(self, values: Sequence[Any], overflow: bytes | None) -> dict[str, Any]:
        document: dict[str, Any] = {}
        rest = iter(() if overflow is None else decode(overflow)[""])
        for path, tag, at, read in self._steps:
            if tag is Tag.OVERFLOW or at is None:
                value: Any = {} if tag is Tag.EMPTY else next(rest)
            else:
                value = values[at]
                if value is None:
                    # Somebody has set the column to NULL by SQL, unless it was null before.
                    if tag is not Tag.NULL:
                        continue
                elif read is not None:
                    value = read(value)
            if len(path) == 1:
                document[path[0]] = value
            else:
                _put(document, path, value)
        return document

    def _put_unnamed(self, document: dict[str, Any], at: int, value: Any) -> None:
        """Put a value that somebody has set by SQL."""
        read = reader_of(self._columns[at], Tag.NATURAL) if at < len(self._columns) else None
        _put(document, self._paths[at], value if read is None else read(value))


class Plain:
    """Reads rows whose fields are all at the root and in columns."""

    def __init__(self, steps: Sequence[tuple[str, int, Reader | None]]) -> None:
        self._names = [name for name, _at, _read in steps]
        # With one place alone, it would give no tuple.
        self._values_of = itemgetter(*(at for _name, at, _read in steps), 0)
        self._read = [(name, read) for name, _at, read in steps if read is not None]

    def document_of(self, values: Sequence[Any]) -> dict[str, Any]:
        """Return the document of a row."""
        document = dict(zip(self._names, self._values_of(values), strict=False))
        for name, read in self._read:
            value = document[name]
            if value is not None:
                document[name] = read(value)
        for value in document.values():
            if value is None:
                return {name: each for name, each in document.items() if each is not None}
        return document


def _put(document: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        inner = document.setdefault(name, {})
        if type(inner) is not dict:
            return
        document = inner
    document[path[-1]] = value


def _type_of_identity(entity: EntityMap) -> ColumnType:
    match entity.identity.type:
        case IdentityType.OBJECTID:
            return ColumnType.OBJECTID
        case IdentityType.TEXT:
            return ColumnType.TEXT
        case IdentityType.KEY:
            return ColumnType.BYTEA


def _tree_of(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the positions of paths by the names along them."""
    tree: dict[str, Any] = {}
    for at, path in enumerate(paths):
        node = tree
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = at
    return tree


def _leaves(tree: Tree) -> Iterator[int]:
    for node in tree.values():
        if isinstance(node, int):
            yield node
        else:
            yield from _leaves(node)
