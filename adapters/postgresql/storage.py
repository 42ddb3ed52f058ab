"""Where the documents of a collection live: what operations need to know of it, and nothing else.

There are two kinds: a document table holds each document as BSON, a mapped table as typed columns.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from asyncpg import Record

from adapters.entities.layout import Layout
from adapters.postgresql.tables import CollectionTables
from adapters.query.filter import Filter
from adapters.query.sort import Sort
from adapters.sql.dialect import Statement
from adapters.sql.plan import Plan, Selection
from comparators.canonical import decode, encode


class Found:
    """A document as read, of which BSON and values are made when asked for."""

    __slots__ = ("_document", "_raw")

    def __init__(self, *, raw: bytes | None = None, document: dict[str, Any] | None = None) -> None:
        self._raw = raw
        self._document = document

    @property
    def raw(self) -> bytes:
        """The document as BSON."""
        if self._raw is None:
            self._raw = encode(self._document or {})
        return self._raw

    @property
    def document(self) -> dict[str, Any]:
        """The document as values."""
        if self._document is None:
            self._document = decode(self._raw or b"")
        return self._document


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A document as its table takes it: a value for each of `CollectionTables.contents`.

    The layout must be known to the database before.
    """

    values: tuple[Any, ...]
    layout: Layout | None = None


class Storage(Protocol):
    """The tables of a collection, and how documents get into them and out of them."""

    @property
    def tables(self) -> CollectionTables:
        """The tables, whether or not they exist."""

    def key_of(self, identifier: Any) -> Any:
        """Return the primary key of an `_id`."""

    def contents_of(self, document: dict[str, Any], bson: bytes) -> Contents:
        """Return what is stored of a document."""

    def found(self, row: Record) -> Found:
        """Return the document of a row that begins with what is shown; its layout must be known."""

    def unknown_layouts(self, rows: Sequence[Record]) -> set[int]:
        """Return the layouts that must be read before the documents of rows can be."""

    def selection_of(self, tree: Filter) -> Selection:
        """Return which documents SQL selects for a filter."""

    def plan(
        self, selection: Selection, *, sort: Sort, skip: int, limit: int | None, projection: bool
    ) -> Plan:
        """Return how a read is run."""

    def find(self, plan: Plan) -> Statement:
        """Return the statement that reads documents."""

    def find_rows(self, plan: Plan, *, locked: bool) -> Statement:
        """Return the statement that reads key, version and documents, in order to write them."""

    def count(self, plan: Plan) -> Statement:
        """Return the statement that counts what a plan selects."""

    def values_of(self, plan: Plan) -> Mapping[str, Any]:
        """Return the parameters of these statements by their names."""
