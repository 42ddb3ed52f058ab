"""Where the documents of a collection live: what operations need to know of it, and nothing else.

A document table holds each document as BSON, a mapped table of PostgreSQL as typed columns.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from adapters.entities.layout import Layout
from adapters.query.filter import Filter
from adapters.query.paths import Path
from adapters.query.pipeline import Group
from adapters.query.sort import Sort
from adapters.sql.plan import Residual
from comparators.canonical import decode, encode
from comparators.outcome import Answered


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
    """A document as its tables take it: a value for each column that a write of it fills.

    `elements` are rows for each table of elements, None where those that are there may stay. The layouts must be known to
    the database before.
    """

    values: tuple[Any, ...]
    layouts: tuple[Layout, ...] = ()
    elements: tuple[tuple[tuple[Any, ...], ...] | None, ...] = ()


class Selected(Protocol):
    """Which rows SQL selects for a filter."""

    @property
    def exact(self) -> bool:
        """Whether these are the documents that match, and no others."""


class Described(Protocol):
    """A plan."""

    @property
    def answered(self) -> Answered:
        """How the documents are found, as long as no row has drifted."""

    def describe(self) -> str:
        """Return what SQL does, what the residual does, and why, a line each."""


class Reading(Protocol):
    """A read, ready to be run by the session of the same database."""

    @property
    def plan(self) -> Described:
        """How it finds documents."""

    @property
    def residual(self) -> tuple[Residual, ...]:
        """What is left to do in memory behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """Documents as SQL gave them.

    If some have `drifted`, SQL could not tell of those, and has neither tested, sorted nor cut what it gave: then all
    of that is left to do, whatever the plan says.
    """

    found: list[Found]
    drifted: bool = False


S = TypeVar("S", bound=Selected)


class Storage(Protocol[S]):
    """The tables of a collection, as operations see them."""

    def watch(self, specifications: Iterable[Mapping[str, Any]]) -> None:
        """Know the indexes of the collection, as declared: what they cannot hold must not come to columns."""

    def key_of(self, identifier: Any) -> Any:
        """Return the primary key of an `_id`."""

    def contents_of(
        self, document: dict[str, Any], bson: bytes, before: dict[str, Any] | None = None
    ) -> Contents:
        """Return what is stored of a document; `before` is what it was made of, if that is stored."""

    def selection_of(self, tree: Filter, variables: Mapping[str, Any]) -> S:
        """Return which rows SQL selects for a filter; `variables` are those that `$expr` may name."""

    def selection_by_keys(self, keys: Sequence[Any]) -> S:
        """Return the rows with these primary keys."""

    def find(
        self,
        selection: S,
        *,
        sort: Sort,
        skip: int = 0,
        limit: int | None = None,
        projection: bool = False,
        portion: int | None = None,
    ) -> Reading:
        """Return how documents are read; `portion` limits the rows whatever is left to do with them."""

    def group(self, selection: S, stage: Group, variables: Mapping[str, Any]) -> Any:
        """Return how SQL makes groups, for the session to run; None where it cannot."""

    def distinct(self, selection: S, path: Path) -> Any:
        """Return how SQL finds the distinct values at a path, for the session to run; None where it cannot.

        MISSING is one of them if some documents have no value there, and none has null.
        """
