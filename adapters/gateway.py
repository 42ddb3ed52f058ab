"""The interface that every gateway adapter fulfils."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from comparators.errors import ParallaxError, UnreachableError
from comparators.operation import Operation
from comparators.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Footprint:
    """What an operation reads or writes in one namespace (`database.collection`).

    `keys` are `canonical.document_key`s of `_id`s, and for writes also keys that stand for the values
    they give to unique indexes; None stands for the whole collection. `barrier` asks to run alone
    (DDL): nothing else of any collection runs beside it.
    """

    namespace: str
    keys: frozenset[bytes] | None
    writes: bool
    barrier: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The place of a write in a capture log; a gateway applies each mark once.

    `namespace` is what the write touches; empty for a transaction, which may touch several. It keeps what is known when
    the write runs, for whoever finds it applied: `excuse`, why it may rightly differ, None where it may not, and
    `generated`, whether it stores values of the server's clock. `replaced` are the namespaces that it does away with, or
    fills anew, without naming their documents; one that ends with its dot stands for a whole database.
    """

    log: str
    position: int
    namespace: str = ""
    excuse: str | None = None
    generated: bool = False
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What a mark tells of the documents that its write touched in one namespace; see `Mark` and `Outcome`."""

    namespace: str
    identifiers: Sequence[Any]
    alternatives: Sequence[Any]
    position: int
    excuse: str | None
    generated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """Values that the legacy server made up, for the gateway to take over.

    `now_ms` is the server's clock for `$currentDate`, `$$NOW` (milliseconds since the epoch);
    `upserted` maps the index of a statement to the `_id` of the document it inserted.
    """

    now_ms: int
    upserted: Mapping[int, Any] = field(default_factory=dict)


class ConflictError(UnreachableError):
    """Two transactions wrote the same: this one was undone, and may be tried again."""


class ForgoneError(ParallaxError):
    """A write was given up under this mark, and is not applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """Documents of a collection that lie beside it, ready to be merged: all that legacy has in a range of `_id`s.

    `table` is where, `rows` how many. The bounds are documents with the field `_id` as raw BSON, the upper one is not in
    the range; None has no bound on that side.
    """

    table: str
    rows: int
    lower: bytes | None = field(default=None, repr=False)
    upper: bytes | None = field(default=None, repr=False)


class Transaction(Protocol):
    """Operations that take effect together."""

    async def run(self, operation: Operation, *, generated: Generated) -> Outcome:
        """Run one operation inside the transaction."""


class Gateway(Protocol):
    """The gateway path: a database that answers operations as MongoDB would.

    Every method raises UnreachableError when the database is away (retry later: marks make it safe) and
    UnsupportedError, before anything was changed, when it has no exact counterpart for the operation.
    What MongoDB itself would refuse is no exception but an Outcome with a Failure or write errors.
    """

    async def run(
        self, operation: Operation, *, generated: Generated, mark: Mark | None = None
    ) -> Outcome:
        """Run one operation; a write whose mark was applied before returns its first outcome."""

    def transaction(
        self, mark: Mark | None = None, *, isolated: bool = False
    ) -> AbstractAsyncContextManager[Transaction]:
        """Open a transaction: committed at a clean exit (together with its mark), else rolled back.

        One that is `isolated` reads the state of its beginning, as MongoDB's do, and meets other writers'
        changes with a ConflictError instead of waiting for them.
        """

    async def reachable(self) -> None:
        """Return when the database answers, however busy it is; UnreachableError when it does not."""

    async def namespaces(self) -> Sequence[tuple[str, str]]:
        """Return the collections that there are, each as database and name."""

    async def applied(self, mark: Mark) -> bool:
        """Return whether a mark has been applied."""

    async def forgo(self, mark: Mark) -> None:
        """See to it that a write is not applied any more, though an attempt may still be under way.

        Returns once it is either applied or never will be: `run` then raises ForgoneError for its mark.
        """

    async def forget_marks(self, log: str, *, below: int) -> None:
        """Delete the marks of a log under a position that will not be replayed."""

    async def marked(self, beginning: str) -> Mapping[str, int]:
        """Return the logs whose names begin so and that have marks, with the last position of each."""

    async def unforgotten(self, log: str) -> Sequence[Applied]:
        """Return what the marks of a log tell of the documents that were touched."""

    @property
    def definitions(self) -> int:
        """Return a number that changes with every collection and index that this gateway defines."""

    def redefined(self) -> None:
        """Have collections and indexes read anew: another process has defined some."""

    def footprint(self, operation: Operation) -> tuple[Footprint, ...]:
        """Return what the operation touches, judged by the indexes known now."""

    async def images(self, namespace: str, ids: Sequence[Any]) -> Mapping[bytes, bytes]:
        """Return the stored documents as raw BSON by `canonical.document_key` of their `_id`."""

    async def put_images(
        self, namespace: str, images: Mapping[bytes, tuple[Any, bytes | None]]
    ) -> None:
        """Make the stored documents equal to the images, keyed as in `images`.

        A value is the `_id` and the raw BSON; None as BSON deletes the document. Unique entries that
        stand in the way belong to documents that are wrong themselves and give way.
        """

    async def merge(self, namespace: str, staged: Staged) -> bool:
        """Make a collection hold what is staged and, in its range, nothing else.

        False where the staged documents are not there as described, or no longer fit the collection: then nothing was
        changed.
        """

    async def matching_ids(self, operation: Operation) -> Sequence[Any]:
        """Return the `_id`s that the filters of a write select now (not the ones it would insert)."""

    async def expiring(self, namespace: str) -> Sequence["Expiry"]:
        """Return the TTL indexes of a collection."""

    def with_expiry(self) -> Sequence[str]:
        """Return the namespaces that have a TTL index."""

    async def expire(
        self, namespace: str, *, now_ms: int, grace_s: int = 0, mark: Mark | None = None
    ) -> Sequence[Any]:
        """Delete the documents that are past the date of a TTL index, and return their `_id`s.

        They are marked like any write, if there are some.
        """

    async def expired(self, namespace: str, *, now_ms: int) -> Sequence[Any]:
        """Return the `_id`s of the documents that are past the date of a TTL index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """One TTL index: documents go `after_s` seconds past the date at `path`."""

    path: str
    after_s: int
