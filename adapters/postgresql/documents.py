"""What a write does to the rows of a collection: one change per document, with its unique entries."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.gateway import Mark
from adapters.postgresql import marks
from adapters.postgresql.indexes import Entry, Index
from adapters.postgresql.statements import WriteShape
from adapters.postgresql.storage import AnyStorage, Contents, Found
from adapters.postgresql.tables import CollectionTables, Content, ElementTable
from adapters.query.failures import CommandFailure
from comparators.canonical import encode
from comparators.outcome import Outcome

LARGEST_DOCUMENT: Final = 16 * 1024 * 1024
LARGEST_BUFFER: Final = LARGEST_DOCUMENT + 16 * 1024
"""Beyond, the server cannot even hold the document to look at it."""

INSERT_TOO_LARGE: Final = 10334
UPDATE_TOO_LARGE: Final = 17419


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A document as read: `version` changes with each write of its row."""

    key: Any
    version: int
    found: Found
    drifted: bool = False
    """Whether SQL could not tell if the document matches."""

    @property
    def document(self) -> dict[str, Any]:
        """The document as values."""
        return self.found.document


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A document as it shall be, with the unique entries it takes and those it frees."""

    identifier: Any
    key: Any
    bson: bytes
    contents: Contents
    taken: tuple[Entry, ...] = ()
    freed: tuple[Entry, ...] = ()
    version: int | None = None
    """The version that was read; None for a document that is inserted."""


def insertion(storage: AnyStorage, document: dict[str, Any], indexes: Sequence[Index]) -> Change:
    """Return the change that inserts a document; CommandFailure where an index refuses it."""
    bson = encode(document)
    check_size(bson, INSERT_TOO_LARGE)
    return Change(
        identifier=document["_id"],
        key=storage.key_of(document["_id"]),
        bson=bson,
        contents=storage.contents_of(document, bson),
        taken=tuple(entries_of(document, indexes).values()) if indexes else (),
    )


def replacement(
    storage: AnyStorage,
    stored: Stored,
    after: dict[str, Any],
    bson: bytes,
    indexes: Sequence[Index],
) -> Change:
    """Return the change that replaces a document that was read."""
    check_size(bson, UPDATE_TOO_LARGE)
    old, new = (
        ({}, {})
        if not indexes
        else (entries_of(stored.document, indexes), entries_of(after, indexes))
    )
    return Change(
        identifier=after["_id"],
        key=stored.key,
        bson=bson,
        contents=storage.contents_of(after, bson, before=stored.document),
        taken=tuple(entry for place, entry in new.items() if place not in old),
        freed=tuple(entry for place, entry in old.items() if place not in new),
        version=stored.version,
    )


def check_size(bson: bytes, code: int) -> None:
    """Raise CommandFailure for a document that MongoDB would not store."""
    if len(bson) > LARGEST_BUFFER:
        code = INSERT_TOO_LARGE
    if len(bson) > LARGEST_DOCUMENT:
        raise CommandFailure(code, "object to insert too large")


def entries_of(
    document: dict[str, Any], indexes: Iterable[Index]
) -> dict[tuple[str, bytes], Entry]:
    """Return the entries of a document in unique indexes, in the order of the indexes."""
    return {
        (index.name, key): entry
        for index in indexes
        for key, entry in index.entries_of(document).items()
    }


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
