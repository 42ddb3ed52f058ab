"""Changes as the parameters of PostgreSQL's statements."""

from collections.abc import Mapping, Sequence
from typing import Any

from adapters.gateway import Mark
from adapters.operations.documents import Change
from adapters.operations.indexes import Entry
from adapters.postgresql import marks
from adapters.postgresql.statements import WriteShape
from adapters.postgresql.tables import CollectionTables, Content, ElementTable
from comparators.outcome import Outcome


def shape_of(changes: Sequence[Change], *, marked: bool) -> WriteShape:
    """Return the shape of the statement that writes the changes together."""
    return WriteShape(
        freed=any(change.freed for change in changes),
        taken=any(change.taken for change in changes),
        marked=marked,
        elements=tuple(
            at
            for at in range(len(changes[0].contents.elements))
            if any(_writes_elements(change, at) for change in changes)
        ),
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
    for role, entries in (("taken", taken), ("freed", freed)):
        values |= entry_values(role, entries)
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


def entry_values(role: str, entries: Sequence[tuple[Any, Entry]]) -> dict[str, Any]:
    """Return the parameters for unique entries that are `taken` or `freed`, each with a primary key."""
    if not entries:
        return {}
    return {
        f"{role}_names": [entry.index.name for _key, entry in entries],
        f"{role}_keys": [entry.key for _key, entry in entries],
        f"{role}_ids": [key for key, _entry in entries],
    }
