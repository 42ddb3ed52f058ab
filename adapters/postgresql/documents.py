"""Changes as the parameters of PostgreSQL's statements."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from adapters.gateway import Mark
from adapters.operations.documents import Change
from adapters.operations.indexes import Entry
from adapters.postgresql import marks
from adapters.postgresql.statements import MOST_APART, SHAPES_KEPT, WriteShape
from adapters.postgresql.tables import CollectionTables, Content, ElementTable
from comparators.outcome import Outcome


def shape_of(changes: Sequence[Change], *, marked: bool, together: bool = True) -> WriteShape:
    """Return the shape of the statement that writes the changes, one document alone unless `together`."""
    taken = sum(len(change.taken) for change in changes)
    elements = (
        at
        for at in range(len(changes[0].contents.elements))
        if any(_writes_elements(change, at) for change in changes)
    )
    shape = insertion_shape(taken, marked=marked, together=together)
    freed = any(change.freed for change in changes)
    return replace(shape, freed=freed, elements=tuple(elements))


@lru_cache(maxsize=SHAPES_KEPT)
def insertion_shape(taken: int, *, marked: bool, together: bool) -> WriteShape:
    """Return the shape of the statement that inserts rows without elements, which take so many entries."""
    apart = _are_apart(taken, together=together)
    return WriteShape(
        taken=bool(taken) and not apart, taken_apart=taken if apart else 0, marked=marked
    )


def _writes_elements(change: Change, at: int) -> bool:
    """Return whether a change has elements for a table, or may have to delete some."""
    given = change.contents.elements[at]
    return given is not None and (bool(given) or change.version is not None)


def values_of(
    tables: CollectionTables,
    changes: Sequence[Change],
    *,
    mark: Mark | None = None,
    outcome: Outcome | None = None,
    together: bool = True,
) -> Mapping[str, Any]:
    """Return the parameters of statements that write the changes, by their names.

    `together`: as arrays, whose elements are documents; otherwise there is only one document.
    """
    values: dict[str, Any] = {}
    if together:
        values["ids"] = [change.key for change in changes]
        values |= carried(tables.contents, [change.contents.values for change in changes])
    else:
        [only] = changes
        values = {f"content{at}": value for at, value in enumerate(only.contents.values)}
        values |= {"id": only.key, "version": only.version}
    for at, elements in enumerate(tables.elements):
        values |= _values_of_elements(elements, at, changes)
    taken = [(change.key, entry) for change in changes for entry in change.taken]
    freed = [(change.key, entry) for change in changes for entry in change.freed]
    values |= taken_values(taken, together=together)
    values |= entry_values("freed", freed)
    if mark is not None and outcome is not None:
        values |= marks.values_of(mark, outcome)
    return values


def _values_of_elements(
    elements: ElementTable, at: int, changes: Sequence[Change]
) -> dict[str, Any]:
    of_each = [
        (change.key, given)
        for change in changes
        if (given := change.contents.elements[at]) is not None
    ]
    rows = [(key, place, row) for key, given in of_each for place, row in enumerate(given)]
    return {
        f"cut{at}_ids": [key for key, _given in of_each],
        f"cut{at}_lengths": [len(given) for _key, given in of_each],
        f"put{at}_ids": [key for key, _place, _row in rows],
        f"put{at}_positions": [place for _key, place, _row in rows],
        **carried(elements.contents, [row for _key, _place, row in rows], f"put{at}_"),
    }


def carried(
    contents: Sequence[Content], rows: Sequence[Sequence[Any]], role: str = ""
) -> dict[str, list[Any]]:
    """Return the values of rows as one array for each column."""
    found = {}
    for at, content in enumerate(contents):
        values = [row[at] for row in rows]
        packed = content.packed
        found[f"{role}contents{at}"] = values if packed is None else list(map(packed, values))
    return found


def taken_values(taken: Sequence[tuple[Any, Entry]], *, together: bool) -> dict[str, Any]:
    """Return the parameters for unique entries that are taken, each with a primary key."""
    if not _are_apart(len(taken), together=together):
        return entry_values("taken", taken)
    values: dict[str, Any] = {}
    for at, (_key, entry) in enumerate(taken):
        values[f"taken{at}_name"] = entry.index.name
        values[f"taken{at}_key"] = entry.key
    return values


def _are_apart(entries: int, *, together: bool) -> bool:
    """Return whether taken entries are parameters of their own: the few of a single document."""
    return not together and entries <= MOST_APART


def entry_values(role: str, entries: Sequence[tuple[Any, Entry]]) -> dict[str, Any]:
    """Return the parameters for unique entries that are `taken` or `freed`, each with a primary key."""
    if not entries:
        return {}
    return {
        f"{role}_names": [entry.index.name for _key, entry in entries],
        f"{role}_keys": [entry.key for _key, entry in entries],
        f"{role}_ids": [key for key, _entry in entries],
    }
