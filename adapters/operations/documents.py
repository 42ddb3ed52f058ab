"""What a write does to the rows of a collection: one change per document, with its unique entries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from adapters.operations.indexes import Entry, Index
from adapters.operations.storage import Contents, Found, Storage
from adapters.query.failures import CommandFailure
from comparators.canonical import encode

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


def insertion(storage: Storage[Any], document: dict[str, Any], indexes: Sequence[Index]) -> Change:
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
    storage: Storage[Any],
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
