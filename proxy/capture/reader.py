"""Follow the capture log from a position on: across segments, past damage, without ever waiting.

What a reader sees at the end of the newest segment may be half written, and the writer may cut it off again
after a failed write. So an incomplete record is never kept: it is read again from its first byte, and becomes
damage only when a newer segment shows that nothing more will come. Likewise a record that seems damaged is
read a second time before it is skipped.
"""

import os
import time
from bisect import bisect_right
from pathlib import Path
from typing import Final, NamedTuple
from uuid import UUID

from comparators.errors import CorruptionError
from proxy.capture.record import (
    HEADER_BYTES,
    MAGIC,
    Damaged,
    Harm,
    Incomplete,
    Record,
    decode,
    seed_of,
)
from proxy.capture.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    bases,
    newest_header,
    segment_path,
)

CHUNK_BYTES: Final = 1024 * 1024
MAX_POLL_BYTES: Final = 16 * 1024 * 1024
RECENT_NS: Final = 1_000_000_000
"""A directory changed this recently is listed again: its time stamp may be too coarse to show a second change."""


class Skipped(NamedTuple):
    """A part of the log that holds no record anybody could read."""

    position: int
    length: int
    reason: Harm


class CaptureReader:
    """Read records in order, beginning at `position`, the `position` or `end` of a record or 0."""

    def __init__(self, directory: Path, position: int = 0) -> None:
        self._directory = directory
        self._position = position
        self._harmed_at: int | None = None
        """Where damage began whose end is not yet found; None when `_position` is sound."""
        self._harm = Harm.MAGIC
        self._skipped: list[Skipped] = []
        self._listed_at: tuple[int, int] | None = None
        self._bases: list[int] = []
        self._descriptor = -1
        self._base = 0
        self._seed = 0
        self._log: UUID | None = None
        self._chunk = b""
        self._chunk_at = 0
        self._waited_at = -1
        """The end of the log when it last held no further whole record; -1 if it never did."""
        self.skipped_parts = 0
        self.skipped_bytes = 0

    @property
    def position(self) -> int:
        """Return where the next record is expected; reading may be resumed here."""
        return self._position if self._harmed_at is None else self._harmed_at

    @property
    def log(self) -> str | None:
        """Return the id of the log; None before its first segment was seen."""
        return None if self._log is None else self._log.hex

    def poll(self, max_records: int = 1000, max_bytes: int = MAX_POLL_BYTES) -> list[Record]:
        """Return the next records, up to `max_records` or the one that makes them `max_bytes`; none if none is new."""
        records: list[Record] = []
        append = records.append
        if self._descriptor < 0 and not self._open():
            return records
        room = max_bytes
        while len(records) < max_records:
            position = self._position
            found = decode(self._chunk, position - self._chunk_at, position, self._seed)
            if type(found) is Record:
                if self._harmed_at is not None:
                    self._mend(self._harmed_at, position)
                append(found)
                size = HEADER_BYTES + len(found.request) + len(found.reply)
                self._position = position + size
                room -= size
                if room <= 0:
                    break
            elif type(found) is Damaged:
                self._pass_over(found.length)
            elif type(found) is Incomplete and not self._read_on(found.needed):
                break
        return records

    def end(self) -> int:
        """Return where the log ends now: the position of the record that will be written next."""
        self._list()
        while self._bases:
            base = self._bases[-1]
            try:
                size = os.stat(segment_path(self._directory, base)).st_size  # noqa: PTH116
            except FileNotFoundError:
                self._bases.pop()
                continue
            return base + max(size, SEGMENT_HEADER_BYTES)
        return self.position

    @property
    def is_at_end(self) -> bool:
        """Return whether the last poll left no whole record that exists now.

        Unlike `position >= end()`, this becomes true behind a torn record that a dead relay left, too.
        """
        end = self.end()
        return end in {self.position, self._waited_at}

    def backlog_bytes(self) -> int:
        """Return how many bytes lie ahead. Positions may jump between segments; this counts only what exists."""
        self._list()
        ahead = 0
        for base in self._bases[max(0, bisect_right(self._bases, self.position) - 1) :]:
            try:
                size = os.stat(segment_path(self._directory, base)).st_size  # noqa: PTH116
            except FileNotFoundError:
                continue
            ahead += max(0, base + size - max(self.position, base))
        return ahead

    def take_skipped(self) -> list[Skipped]:
        """Return what was passed over since the last call, in order."""
        skipped, self._skipped = self._skipped, []
        return skipped

    def finish(self) -> None:
        """Give up what is left at the end of a log that nobody writes any more: it will not become a record."""
        end = self.end()
        if self._harmed_at is not None:
            self._mend(self._harmed_at, end)
        elif self._position < end:
            self._skip(self._position, end - self._position, Harm.TORN)
        self._position = max(end, self._position)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        self._chunk = b""

    def _read_on(self, needed: int) -> bool:
        """Bring at least `needed` bytes from `_position` on, or go to the next segment; False means wait."""
        # Asked first: the writer leaves a segment before it makes the next, so what is read
        # after the next one was seen is all there will ever be.
        successor = self._successor()
        end = self._base + os.fstat(self._descriptor).st_size
        if successor is not None:
            end = min(end, successor)
        available = end - self._position
        if available >= needed:
            self._load(max(needed, CHUNK_BYTES))
            return True
        if successor is None:
            self._waited_at = end
            return False
        if self._harmed_at is not None:
            self._mend(self._harmed_at, end)
        elif available > 0:
            self._skip(self._position, available, Harm.TORN)
        self._position = max(end, self._position)
        self.close()
        return self._open()

    def _load(self, size: int) -> None:
        self._chunk = os.pread(self._descriptor, size, self._position - self._base)
        self._chunk_at = self._position

    def _open(self) -> bool:
        """Open the segment of `_position`, or the next one there is; False means that there is none yet."""
        self._list()
        index = max(0, bisect_right(self._bases, self._position) - 1)
        for at in range(index, len(self._bases)):
            base = self._bases[at]
            is_newest = at == len(self._bases) - 1
            try:
                descriptor = os.open(segment_path(self._directory, base), os.O_RDONLY)
            except FileNotFoundError:
                continue
            size = os.fstat(descriptor).st_size
            if (is_newest and size < SEGMENT_HEADER_BYTES) or (
                not is_newest and base + size <= self._position
            ):
                os.close(descriptor)
                continue
            if self._enter(descriptor, base, size):
                return True
        return False

    def _enter(self, descriptor: int, base: int, size: int) -> bool:
        """Go on in the opened segment; False when nothing in it can be read."""
        header = SegmentHeader.decode(os.pread(descriptor, SEGMENT_HEADER_BYTES, 0))
        if header is not None and self._log is None:
            self._log = header.log
        if header is None and self._log is None:
            newest = newest_header(self._directory)
            self._log = None if newest is None else newest.log
        if base > self._position:
            resumes_at = base if header is None else header.previous_end
            if self._position < resumes_at:
                self._skip(self._position, resumes_at - self._position, Harm.MISSING)
            self._position = base
        if self._log is None or (header is not None and header.log != self._log):
            os.close(descriptor)
            self._skip(self._position, base + size - self._position, Harm.FOREIGN)
            self._position = base + size
            return False
        if self._position < base + SEGMENT_HEADER_BYTES:
            if header is None:
                self._skip(base, min(size, SEGMENT_HEADER_BYTES), Harm.SEGMENT)
            self._position = base + SEGMENT_HEADER_BYTES
        self._descriptor = descriptor
        self._base = base
        self._seed = seed_of(self._log.bytes)
        self._chunk = b""
        self._chunk_at = self._position
        return True

    def _pass_over(self, length: int) -> None:
        """Skip the damaged record at `_position`, or look for the next record behind it."""
        if self._harmed_at is None:
            self._load(max(length, CHUNK_BYTES))
            again = decode(self._chunk, 0, self._position, self._seed)
            if type(again) is not Damaged:
                return
            if again.length:
                self._skip(self._position, again.length, again.harm)
                self._position += again.length
                return
            self._harmed_at, self._harm = self._position, again.harm
        found = self._chunk.find(MAGIC, self._position - self._chunk_at + 1)
        # Without another magic, the last bytes may still be the beginning of one.
        at = found if found >= 0 else len(self._chunk) - len(MAGIC) + 1
        self._position = max(self._position + 1, self._chunk_at + at)

    def _mend(self, harmed_at: int, resumed_at: int) -> None:
        """Report the damage that ends here."""
        self._skip(harmed_at, resumed_at - harmed_at, self._harm)
        self._harmed_at = None

    def _skip(self, position: int, length: int, reason: Harm) -> None:
        self._skipped.append(Skipped(position, length, reason))
        self.skipped_parts += 1
        self.skipped_bytes += length

    def _successor(self) -> int | None:
        """Return the base of the next segment, None if this one is the newest."""
        self._list()
        at = bisect_right(self._bases, self._base)
        return self._bases[at] if at < len(self._bases) else None

    def _list(self) -> None:
        """List the segments, unless the directory is surely unchanged."""
        try:
            changed_ns = os.stat(self._directory).st_mtime_ns  # noqa: PTH116
        except FileNotFoundError:
            changed_ns = 0
        now_ns = time.time_ns()
        if self._listed_at is not None:
            seen_ns, listed_ns = self._listed_at
            if seen_ns == changed_ns and listed_ns - changed_ns > RECENT_NS:
                return
        self._bases = bases(self._directory)
        self._listed_at = (changed_ns, now_ns)
        self._check_same_log()

    def _check_same_log(self) -> None:
        """Refuse to wait for ever for a log that was replaced by another under our feet."""
        if self._descriptor < 0 or not self._bases or self._base in self._bases:
            return
        if self._bases[-1] > self._base:
            return
        newest = newest_header(self._directory)
        if newest is not None and newest.log != self._log:
            raise CorruptionError(
                "another capture log has taken the place of the one that was read",
                where=str(self._directory),
                remedy="start the verifier again: it begins with the new log",
            )
