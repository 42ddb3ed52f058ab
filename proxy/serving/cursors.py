"""Results that drivers read in batches.

A result is materialised: the gateway answers with all documents, and what the first batch does not hold is kept here as raw BSON
until it is read. A cursor of PostgreSQL would hold one connection, and one transaction, for each reader that takes its time, and could
not be finished in memory where SQL only narrows. In exchange memory is bounded: all open cursors share `max_bytes`, and a new one that
finds no room is refused, because one that was promised must not break off.
Source: MongoDB manual, "getMore", "killCursors"; specification "find, getMore and killCursors commands".
"""

import secrets
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from bson.int64 import Int64

from proxy.serving.refusals import (
    CURSOR_NOT_FOUND,
    EXCEEDED_MEMORY_LIMIT,
    UNAUTHORIZED,
    RefusalError,
)
from proxy.serving.replies import batch
from proxy.wire.protocol.cursor_ids import marked

FIRST_BATCH: Final = 101
"""Documents in a first batch whose size nobody asked for."""
MOST_BATCH_BYTES: Final = 16 * 1024 * 1024
NO_CURSOR: Final = Int64(0)
_NUMBERS: Final = 1 << 62

Owner = tuple[str, bytes | None]
"""The user, and the session: a cursor belongs to both."""


@dataclass(slots=True, eq=False)
class Cursor:
    """What of a result is not read yet."""

    namespace: str
    owner: Owner
    documents: deque[bytes]
    size: int
    used_s: float
    transaction: tuple[bytes, int] | None


class Cursors:
    """The open cursors of all clients."""

    def __init__(self, *, max_bytes: int, idle_s: float, monotonic: Callable[[], float]) -> None:
        self._max_bytes = max_bytes
        self._idle_s = idle_s
        self._monotonic = monotonic
        self._open: dict[int, Cursor] = {}
        self.held_bytes = 0

    def __len__(self) -> int:
        return len(self._open)

    def first(
        self,
        documents: tuple[bytes, ...],
        *,
        namespace: str,
        owner: Owner,
        size: int | None,
        single: bool,
        transaction: tuple[bytes, int] | None,
    ) -> dict[str, Any]:
        """Return the reply with the first batch of a result; `size` is None where nobody asked for one."""
        rest = deque(documents)
        given = _taken(rest, FIRST_BATCH if size is None else size)
        identifier = NO_CURSOR
        if rest and not single:
            kept = sum(map(len, rest))
            if self.held_bytes + kept > self._max_bytes:
                raise RefusalError(
                    EXCEEDED_MEMORY_LIMIT,
                    f"open cursors hold {self.held_bytes} bytes of {self._max_bytes} (`serving.cursor_bytes`)",
                )
            identifier = self._number()
            self._open[identifier] = Cursor(
                namespace, owner, rest, kept, self._monotonic(), transaction
            )
            self.held_bytes += kept
        return batch("firstBatch", given, identifier, namespace)

    def more(
        self,
        identifier: int,
        *,
        namespace: str,
        owner: Owner,
        size: int | None,
        transaction: tuple[bytes, int] | None,
    ) -> dict[str, Any]:
        """Return the reply with the next batch."""
        cursor = self._open.get(identifier)
        if cursor is None or cursor.owner[0] != owner[0]:
            raise RefusalError(CURSOR_NOT_FOUND, f"cursor id {identifier} not found")
        if cursor.namespace != namespace:
            raise RefusalError(
                UNAUTHORIZED,
                f"Requested getMore on namespace '{namespace}', but cursor belongs to a different namespace "
                f"{cursor.namespace}",
            )
        if cursor.owner != owner or cursor.transaction != transaction:
            raise RefusalError(
                50738 if owner[1] is not None else 50737,
                f"Cannot run getMore on cursor {identifier}, which belongs to another session",
            )
        given = _taken(cursor.documents, size or None)
        freed = sum(map(len, given))
        cursor.size -= freed
        self.held_bytes -= freed
        cursor.used_s = self._monotonic()
        if not cursor.documents:
            del self._open[identifier]
            identifier = NO_CURSOR
        return batch("nextBatch", given, Int64(identifier), namespace)

    def kill(self, identifiers: Iterable[int], *, namespace: str, user: str) -> dict[str, Any]:
        """Forget cursors, and return the reply that tells which were there."""
        killed: list[Int64] = []
        missing: list[Int64] = []
        for identifier in identifiers:
            cursor = self._open.get(identifier)
            known = cursor is not None and (cursor.owner[0], cursor.namespace) == (user, namespace)
            if known:
                self._forget(identifier)
            (killed if known else missing).append(Int64(identifier))
        return {
            "cursorsKilled": killed,
            "cursorsNotFound": missing,
            "cursorsAlive": [],
            "cursorsUnknown": [],
            "ok": 1.0,
        }

    def kill_of_session(self, owner: Owner) -> None:
        """Forget the cursors of a session that is over."""
        self._forget_all(lambda cursor: cursor.owner == owner)

    def kill_of_transaction(self, transaction: tuple[bytes, int]) -> None:
        """Forget the cursors of a transaction that is over."""
        self._forget_all(lambda cursor: cursor.transaction == transaction)

    def expire(self) -> int:
        """Forget cursors that nobody has read for a while; return how many."""
        oldest = self._monotonic() - self._idle_s
        return self._forget_all(lambda cursor: cursor.used_s < oldest)

    def _forget_all(self, over: Callable[[Cursor], bool]) -> int:
        gone = [identifier for identifier, cursor in self._open.items() if over(cursor)]
        for identifier in gone:
            self._forget(identifier)
        return len(gone)

    def _forget(self, identifier: int) -> None:
        self.held_bytes -= self._open.pop(identifier).size

    def _number(self) -> Int64:
        # Not to be guessed: it is all that a client without a session has to show.
        while True:
            number = marked(secrets.randbelow(_NUMBERS))
            if number not in self._open:
                return Int64(number)


def _taken(documents: deque[bytes], count: int | None) -> tuple[bytes, ...]:
    """Take the next documents, up to `count` (None: no limit) and to what a reply may hold."""
    given: list[bytes] = []
    size = 0
    while documents and (count is None or len(given) < count):
        size += len(documents[0])
        if given and size > MOST_BATCH_BYTES:
            break
        given.append(documents.popleft())
    return tuple(given)
