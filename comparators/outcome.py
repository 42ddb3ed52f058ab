"""What one path answered, and how long it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from comparators.canonical import encode_each


@dataclass(frozen=True, slots=True, kw_only=True)
class Documents:
    """The concatenated result of a cursor, each document as raw BSON.

    `complete` is False when the client stopped reading before the end: the documents are then a
    prefix of the result.
    """

    documents: tuple[bytes, ...]
    complete: bool = True


class Unencoded(Documents):
    """Documents that are at hand as canonical values, for whoever wants no more: `documents` makes raw BSON of them.

    The values belong to whoever holds the result.
    """

    __slots__ = ("values",)

    values: list[dict[str, Any]]

    def __init__(self, values: list[dict[str, Any]]) -> None:
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "complete", True)

    @property
    def documents(self) -> tuple[bytes, ...]:
        """The raw BSON of each document, made anew each time."""
        return tuple(encode_each(self.values))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Documents):
            return NotImplemented
        return (self.documents, self.complete) == (other.documents, other.complete)

    def __hash__(self) -> int:
        return hash((self.documents, self.complete))

    def encoded(self) -> Documents:
        """Return the same as raw BSON."""
        return Documents(documents=self.documents)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """The answer of `distinct`: values in no particular order.

    `optional` are those that MongoDB may give or not: read from an index, documents without the field give
    null, read from the collection they give nothing, and which it does its planner decides.
    """

    values: tuple[Any, ...]
    optional: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """The answer of `count`."""

    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteError:
    """One failed statement of a batch of writes."""

    index: int
    code: int
    key_pattern: dict[str, Any] | None = None
    key_value: dict[str, Any] | None = None
    message: str = field(default="", compare=False, repr=False)
    """What the gateway tells an application in words; it may quote values, and is never compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The answer of `insert`, `update` and `delete`.

    `modified` is None where the command does not report it. `upserted` pairs the index of a statement
    with the `_id` it inserted.
    """

    n: int
    modified: int | None = None
    upserted: tuple[tuple[int, Any], ...] = ()
    errors: tuple[WriteError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Modified:
    """The answer of `findAndModify`; `document` is raw BSON, None where MongoDB answers null."""

    document: bytes | None
    n: int
    updated_existing: bool | None = None
    upserted_id: Any = None
    """None when nothing was upserted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A plain `ok: 1` (create, drop, createIndexes …)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A command that failed as a whole: code and code name."""

    code: int
    code_name: str
    key_pattern: dict[str, Any] | None = None
    key_value: dict[str, Any] | None = None
    message: str = field(default="", compare=False, repr=False)
    """What the gateway tells an application in words; it may quote values, and is never compared."""


Result = Documents | Values | Count | Acknowledgement | Modified | Done | Failure


class Answered(StrEnum):
    """How the gateway found the documents of an operation, the best way first."""

    PUSHED_DOWN = "pushed down"
    """The database selected exactly those that were asked for."""
    NARROWED = "narrowed"
    """The database selected some too many; the rest was tested in memory."""
    SCANNED = "scanned"
    """Every document of the collection was tested in memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A result with its duration in seconds.

    `touched` holds the `_id`s of the documents that the operation inserted, changed or deleted,
    as far as the path knows them (the gateway path always does). `alternatives` holds those of documents
    that a write of one document might have chosen instead: several matched, and nothing told which.
    `answered` says how the gateway found the documents, None where it had none to find.
    `collation` is the one of the collection, where the gateway knows one and the operation names none.
    `plan` holds the statements of a slow operation and how its database runs them, without any value.
    `excuse` says of a write that was applied before why it may rightly differ, as known then; None where nothing did.
    """

    result: Result
    duration_s: float
    touched: tuple[Any, ...] = field(default=())
    alternatives: tuple[Any, ...] = field(default=())
    answered: Answered | None = None
    collation: Mapping[str, Any] | None = None
    plan: str | None = None
    excuse: str | None = None
