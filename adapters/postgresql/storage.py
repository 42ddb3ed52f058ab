"""The storage of a collection in PostgreSQL: what its session needs to know of it beside the operations.

There are two kinds: a document table holds each document as BSON, a mapped table as typed columns.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa
from asyncpg import Record

from adapters.operations import storage
from adapters.operations.storage import Described, Fetched, Found, Selected
from adapters.postgresql.tables import CollectionTables
from adapters.query.paths import Path
from adapters.query.pipeline import Group
from adapters.query.sort import Sort
from adapters.query.update import Update
from adapters.sql.dialect import Statement
from adapters.sql.plan import Residual


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """A read, ready to run, and what is left to do in memory behind it."""

    statement: Statement
    values: Mapping[str, Any]
    plan: Described
    residual: tuple[Residual, ...] = ()

    @property
    def arguments(self) -> list[Any]:
        """The values in the order of the parameters."""
        return self.statement.arguments(self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alteration:
    """An update of one row; where it changes none, it says nothing.

    `made` tells of parameters how they are made of operands of the update, `afresh` of those that hang on
    nothing in it.
    """

    statement: Statement
    values: Mapping[str, Any]
    made: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
    afresh: Mapping[str, Callable[[], Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertion:
    """The parameters that insert a document, and how those of others like it are made, as of an alteration."""

    values: Mapping[str, Any]
    made: Mapping[str, Callable[[Any], Any]]
    afresh: Mapping[str, Callable[[], Any]]


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping(Generic[T]):
    """What SQL makes of many documents at once.

    `merged` takes its rows, whose layouts must be known, and gives None where they do not tell.
    """

    statement: Statement
    values: Mapping[str, Any]
    unknown_layouts: Callable[[Sequence[Any]], set[int]]
    merged: Callable[[Sequence[Any]], list[T] | None]


S = TypeVar("S", bound=Selected)


class Storage(storage.Storage[S], Protocol[S]):
    """The tables of a collection, and how documents get into them and out of them."""

    @property
    def tables(self) -> CollectionTables:
        """The tables, whether or not they exist."""

    def native_index(self, specification: Mapping[str, Any]) -> sa.Index | None:
        """Return the index of PostgreSQL for an index, None where there is none."""

    def found(self, row: Record) -> Found:
        """Return the document of a row that begins with what is shown; its layout must be known."""

    def raws(self, rows: Sequence[Any]) -> list[bytes] | None:
        """Return the documents of such rows as BSON, None where a layout is not known."""

    def fetched(self, rows: Sequence[Record]) -> Fetched:
        """Return the documents that a read gave; their layouts must be known."""

    def unknown_layouts(self, rows: Sequence[Record]) -> set[int]:
        """Return the layouts that must be read before the documents of rows can be."""

    def only_key(self, selection: S) -> Any:
        """Return the primary key that a selection asks for and for nothing else, None where it asks for more."""

    def find(
        self,
        selection: S,
        *,
        sort: Sort,
        skip: int = 0,
        limit: int | None = None,
        projection: bool = False,
        portion: int | None = None,
    ) -> Read:
        """Return how documents are read; `portion` limits the rows whatever is left to do with them."""

    def find_rows(self, selection: S, *, limit: int | None, locked: bool) -> Read:
        """Return how documents are read in order to write them.

        Behind what is shown come the key, the version, and whether the row has drifted. Without a version the rows must
        be read again: this one was written while it was read.
        """

    def count(self, selection: S, *, skip: int, limit: int | None) -> Read:
        """Return how rows are counted: their number, and whether rows have drifted that it cannot tell of."""

    def group(
        self, selection: S, stage: Group, variables: Mapping[str, Any]
    ) -> "Grouping[dict[str, Any]] | None":
        """Return how SQL makes groups, None where it cannot."""

    def distinct(self, selection: S, path: Path) -> "Grouping[Any] | None":
        """Return how SQL finds the distinct values at a path, None where it cannot.

        MISSING is one of them if some documents have no value there, and none has null.
        """

    def alter(
        self,
        selection: S,
        update: Update,
        *,
        now_ms: int,
        guarded: frozenset[Path],
        marked: bool,
        shown: bool,
    ) -> Alteration | None:
        """Return how one document is updated without reading it, None where that cannot be.

        `guarded` are the paths on which indexes depend that may refuse a document. The statement returns what is shown of
        the document or only its key, and takes the values of a mark if it is `marked`.
        """


AnyStorage = Storage[Any]
