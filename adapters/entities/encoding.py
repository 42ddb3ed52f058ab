"""Documents into rows: what fits goes into columns, all else into layout and overflow.

Fields that are all at the root and fit their columns take a short cut, which is remembered by their names.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from bson.dbref import DBRef

from adapters.entities.entity import Child, Column, ColumnType, Identity, IdentityType
from adapters.entities.identity import identity_key
from adapters.entities.layout import WHOLE, Field, Layout, layout_of
from adapters.entities.tags import Tag
from adapters.entities.values import NATURAL, held
from adapters.query.paths import Path
from comparators.canonical import encode

MOST_LAYOUTS: Final = 4096
"""Beyond, documents of new layouts are stored whole: fields are named at random, as in a dictionary."""

LONGEST_LAYOUT: Final = 100_000
"""Nor do names of so many characters make a layout: what a row takes in a document shows in its columns."""

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


class Encoding:
    """Rows of some columns, the first of which is the primary key if there is one.

    `row_of_element` are the functions that make the rows of each child table.
    """

    def __init__(
        self,
        columns: Sequence[Column],
        *,
        longest: Limits,
        identity: Identity | None = None,
        children: Sequence[Child] = (),
        row_of_element: Sequence[Callable[[Any], Row]] = (),
    ) -> None:
        self._identity = identity
        self._longest = longest
        self._columns = tuple(columns)
        self._children = tuple(children)
        self._row_of_element = tuple(row_of_element)
        self._places = (
            *((column.name, column.path) for column in columns),
            *((child.table, child.path) for child in children),
        )
        self._tree = tree_of([path for _name, path in self._places])
        self._usual = {at: rank for rank, at in enumerate(leaves_of(self._tree))}
        self._layouts: dict[tuple[Field, ...], Layout] = {}
        self._flats: dict[tuple[tuple[str, ...], tuple[str, ...]], Flat | None] = {}

    def row_of(self, document: Mapping[str, Any]) -> Row:
        """Return the row of a document; if there is a primary key, it has an `_id`."""
        nulls = tuple([name for name, value in document.items() if value is None])
        flat = self._flat(tuple(document), nulls)
        row = None if flat is None else flat.row_of(document)
        return self._row_of(document) if row is None else row

    def plain_row_of(self, document: Mapping[str, Any]) -> Row | None:
        """Return the row of a document all of whose fields are at the root and fit their columns, else None."""
        flat = self._flat(tuple(document))
        return None if flat is None else flat.row_of(document)

    def naturals(self, document: Mapping[str, Any]) -> dict[int, Callable[[Any], Any]]:
        """Return by their places how the columns of such a document hold values that fit, which give None for others."""
        flat = self._flat(tuple(document))
        return {} if flat is None else flat.naturals

    def _flat(self, names: tuple[str, ...], nulls: tuple[str, ...] = ()) -> "Flat | None":
        key = names, nulls
        try:
            return self._flats[key]
        except KeyError:
            if len(self._flats) >= MOST_LAYOUTS:
                self._flats.clear()
            flat = self._flats[key] = self._flat_of(names, nulls)
            return flat

    def _flat_of(self, names: tuple[str, ...], nulls: tuple[str, ...]) -> "Flat | None":
        """Return how documents with these fields, some of them null, become rows as long as all others fit their columns."""
        places = [self._tree.get(name) for name in names]
        if self._children or not all(isinstance(at, int) for at in places):
            return None
        found = [at for at in places if isinstance(at, int)]
        if self._identity is not None and (0 not in found or self._columns[0].path[0] in nulls):
            return None
        ranks = [self._usual[at] for at in found]
        in_order = all(before < after for before, after in itertools.pairwise(ranks))
        fields = tuple(((name,), Tag.NULL if name in nulls else Tag.NATURAL) for name in names)
        layout = None if in_order and not nulls else self._layout(fields)
        if layout is WHOLE:
            return None
        steps = list(zip(names, found, strict=True))
        return Flat(
            [(name, at, self._natural(at)) for name, at in steps if name not in nulls],
            len(self._columns),
            layout,
            tuple(self._columns[at].name for name, at in steps if name in nulls),
        )

    def _natural(self, at: int) -> Callable[[Any], Any]:
        """Return how a column holds a value of its natural type: None where it does not."""
        if at == 0 and self._identity is not None:
            if self._identity.type is IdentityType.OBJECTID:
                return NATURAL[ColumnType.OBJECTID]
            return partial(_natural_key, self._identity)
        column = self._columns[at]
        most = self._longest.get(column.name)
        natural = None if column.allowed or column.length else NATURAL.get(column.type)
        if natural is None:
            return partial(_natural_value, column, most)
        if column.array:
            natural = partial(_natural_elements, natural)
        return natural if most is None else partial(_natural_within, natural, most)

    def _row_of(self, document: Mapping[str, Any]) -> Row:
        taken = Taken(
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

    def _is_usual(self, taken: "Taken") -> bool:
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

    def _take(self, taken: "Taken", document: Mapping[str, Any], tree: Tree, above: Path) -> None:
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

    def _take_value(self, taken: "Taken", at: int, path: Path, value: Any) -> None:
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

    def _take_array(self, taken: "Taken", at: int, path: Path, value: Any) -> None:
        """Take the value of a field that has a child table."""
        place = at - len(self._columns)
        table = self._children[place].table
        tag = Tag.NATURAL
        if type(value) is list:
            rows = tuple(map(self._row_of_element[place], value))
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

    def _note_absent(self, taken: "Taken") -> None:
        for child, rows in zip(self._children, taken.elements, strict=True):
            if rows is None and child.table not in {*taken.nulls, *taken.drift}:
                taken.nulls.append(child.absent)

    def _take_in_place_of_columns(self, taken: "Taken", node: Tree, path: Path, value: Any) -> None:
        """Take a value that stands where a document with columns was expected."""
        if value == {}:
            taken.fields.append((path, Tag.EMPTY))
            return
        if isinstance(value, list | DBRef):
            # A path goes into these; into other values it does not, so its fields count as missing.
            taken.drift.extend(self._places[at][0] for at in leaves_of(node))
        taken.overflow.append(value)
        taken.fields.append((path, Tag.OVERFLOW))


def _natural_key(identity: Identity, value: Any) -> Any:
    key = identity_key(identity, value)
    return key.value if key.tag is Tag.NATURAL and not key.drifts else None


def _natural_elements(natural: Callable[[Any], Any], value: Any) -> list[Any] | None:
    if not isinstance(value, list):
        return None
    found = [natural(each) for each in value]
    return None if None in found else found


def _natural_within(natural: Callable[[Any], Any], most: int, value: Any) -> Any:
    found = natural(value)
    return found if found is not None and fits(found, most) else None


def _natural_value(column: Column, most: int | None, value: Any) -> Any:
    found = None if value is None else held(column, value)
    if found is None or found.tag is not Tag.NATURAL:
        return None
    return found.value if most is None or fits(found.value, most) else None


class Flat:
    """How documents become rows whose fields are all at the root, and fit their columns save some that are null."""

    def __init__(
        self,
        steps: Sequence[tuple[str, int, Callable[[Any], Any]]],
        width: int,
        layout: Layout | None,
        nulls: tuple[str, ...],
    ) -> None:
        self._nulls = nulls
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
        return Row(
            values=tuple(values), layout=self._layout, overflow=None, nulls=self._nulls, drift=()
        )


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
class Taken:
    """What has been made of a document so far."""

    values: list[Any]
    elements: list[tuple[Row, ...] | None]
    fields: list[Field]
    overflow: list[Any]
    nulls: list[str]
    drift: list[str]
    ranks: list[int]


def tree_of(paths: Sequence[Path]) -> dict[str, Any]:
    """Return the positions of paths by the names along them."""
    tree: dict[str, Any] = {}
    for at, path in enumerate(paths):
        node = tree
        for name in path[:-1]:
            node = node.setdefault(name, {})
        node[path[-1]] = at
    return tree


def leaves_of(tree: Tree) -> Iterator[int]:
    """Yield the positions in such a tree in its order."""
    for node in tree.values():
        if isinstance(node, int):
            yield node
        else:
            yield from leaves_of(node)
