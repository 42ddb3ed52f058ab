"""What could not be written since the last GAP: counted, and lost writes kept as far as memory allows.

A write that is kept reaches the log late, as INTENT and an empty REPLY. Its documents are then in doubt and
are read again from legacy, so nothing is lost but time. A write beyond the bound is counted for its
collection, whose documents then count as unverified.
"""

from collections import Counter, deque
from typing import Final, NamedTuple

from proxy.capture.gap import Gap, GapReason
from proxy.capture.record import Bytes, RecordKind

OVERHEAD_BYTES: Final = 512
"""What a kept record costs beside its request; it also bounds how long writing them takes."""
MAX_COLLECTIONS: Final = 256
MAX_NAME_CHARACTERS: Final = 255
"""MongoDB takes no longer namespace, but a client may ask for one."""
OTHERS: Final = "*"


class Kept(NamedTuple):
    """An INTENT, an unanswered REPLY or a CLOSED that waits for room."""

    kind: RecordKind
    connection: int
    received_ns: int
    intent: int
    request: bytes
    collection: str


class Losses:
    """Everything the next GAP record and the records behind it have to say."""

    def __init__(self, max_kept_bytes: int) -> None:
        self._max_kept_bytes = max_kept_bytes
        self._kept: deque[Kept] = deque()
        self._kept_bytes = 0
        self._since_ns = 0
        self._reads: Counter[str] = Counter()
        self._writes: Counter[str] = Counter()
        self._closings = 0
        self.dropped_reads = 0
        """Since the start."""
        self.lost_writes = 0
        """Since the start; kept ones are not among them."""

    @property
    def kept_bytes(self) -> int:
        return self._kept_bytes

    def __bool__(self) -> bool:
        return bool(self._reads or self._writes or self._closings or self._kept)

    def drop_read(self, collection: str, at_ns: int) -> None:
        self._begin(at_ns)
        self._count(self._reads, collection)
        self.dropped_reads += 1

    def lose(
        self,
        kind: RecordKind,
        connection: int,
        received_ns: int,
        intent: int,
        request: Bytes,
        collection: str,
    ) -> None:
        """Keep the record, or count it if memory is used up. Replies are kept without their bytes."""
        self._begin(received_ns)
        size = len(request) + OVERHEAD_BYTES
        # An unanswered REPLY is small, and there are no more of them than connections.
        if kind is not RecordKind.REPLY and self._kept_bytes + size > self._max_kept_bytes:
            self._count_lost(kind, collection)
            return
        self._kept_bytes += size
        self._kept.append(Kept(kind, connection, received_ns, intent, bytes(request), collection))

    def forfeit(self) -> None:
        """Count what is kept as lost: nobody is left to wait for room."""
        for kept in self.take_kept():
            self._count_lost(kept.kind, kept.collection)

    def gap(self, reason: GapReason, until_ns: int) -> Gap:
        return Gap(
            reason=reason,
            since_ns=self._since_ns,
            until_ns=until_ns,
            dropped_reads=dict(self._reads),
            lost_writes=dict(self._writes),
            in_doubt=sum(1 for kept in self._kept if kept.kind is not RecordKind.CLOSED),
            lost_closings=self._closings,
        )

    def told(self, at_ns: int) -> None:
        """Forget the counts: a GAP record of that time holds them."""
        self._since_ns = at_ns if self._kept else 0
        self._reads.clear()
        self._writes.clear()
        self._closings = 0

    def take_kept(self) -> list[Kept]:
        kept = list(self._kept)
        self._kept.clear()
        self._kept_bytes = 0
        return kept

    @property
    def counted(self) -> bool:
        """Return whether there are counts that no GAP record holds."""
        return bool(self._reads or self._writes or self._closings)

    def _begin(self, at_ns: int) -> None:
        if not self._since_ns:
            self._since_ns = at_ns

    def _count_lost(self, kind: RecordKind, collection: str) -> None:
        match kind:
            case RecordKind.CLOSED:
                self._closings += 1
            case _:
                self._count(self._writes, collection)
                self.lost_writes += 1

    def _count(self, counts: Counter[str], collection: str) -> None:
        name = collection[:MAX_NAME_CHARACTERS]
        counts[name if name in counts or len(counts) < MAX_COLLECTIONS else OTHERS] += 1
