"""Append to the capture log without ever making the relay wait for room or hear of a failure.

Order on disk is the order of the calls. An intent is written before `intent` returns, in one system call with
everything buffered before it; the rest is written once per turn of the event loop, by `flush`.

Nothing is synchronised record by record: what was written survives the end of this process, `kill -9`
included, because it is in the kernel's page cache. A power failure or a kernel crash may lose the last seconds
of it; a log that is opened after another boot therefore leaves a hole in its positions: none is used twice.

When the disk refuses, the segment is cut back to its last whole record. Lost writes are kept in memory up to a
bound, everything else is counted by collection, and about once a second a new segment is tried. A GAP record
then says what is missing; the writes that were kept follow it as INTENT and an empty REPLY.
"""

import errno
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import bson

from comparators.errors import ParallaxError
from proxy.capture.buffer import RecordBuffer, Unwritten
from proxy.capture.directory import WriterLock, private_directory
from proxy.capture.gap import Gap, GapReason
from proxy.capture.limits import CaptureLimits
from proxy.capture.losses import Losses
from proxy.capture.record import HEADER_BYTES, LOST, Bytes, RecordKind, seed_of
from proxy.capture.reports import Reports
from proxy.capture.retention import total_bytes
from proxy.capture.segment import SEGMENT_HEADER_BYTES
from proxy.capture.state import MAY_FOLLOW, CaptureState
from proxy.capture.tail import LogTail

MAX_BUFFERED_BYTES: Final = 1024 * 1024
MAX_BUFFERED_PARTS: Final = 1015
"""Linux takes 1024 at once (IOV_MAX)."""
TEND_S: Final = 1.0
FULL_GAP_S: Final = 60.0
"""At the hard limit GAP records live on a small reserve."""
NOTE_FAILING: Final = "failing"
REMEDY_ROOM: Final = "let the verifier catch up, or raise [capture] max_bytes"
REMEDY_DISK: Final = "make room on the disk of [capture] directory, or mend it"

# Looked at for every read: a global is found at once, a member of an enumeration is not (Python 3.11).
_WRITING: Final = CaptureState.WRITING
_EXCHANGE: Final = RecordKind.EXCHANGE
_NOTHING_WRITTEN: Final = frozenset({CaptureState.FULL, CaptureState.FAILING, CaptureState.CLOSED})
_REASONS: Final[Mapping[CaptureState, GapReason]] = MappingProxyType(
    {
        CaptureState.WRITING: GapReason.WRITE_FAILED,
        CaptureState.SHEDDING: GapReason.SOFT_LIMIT,
        CaptureState.FULL: GapReason.HARD_LIMIT,
        CaptureState.FAILING: GapReason.WRITE_FAILED,
    }
)


class CaptureWriter:
    """The one writer of a capture directory.

    The constructor raises when the directory may not be used or another process writes it; a disk without
    room is no reason to keep an application waiting, it only begins in the state `failing`. Afterwards nothing raises.
    Call `flush` at the end of each turn in which something was appended, and `tend` about once a second.
    Buffers that are handed over must not change before the next `flush`.
    """

    def __init__(
        self, directory: Path, *, opened: Mapping[str, Any], limits: CaptureLimits | None = None
    ) -> None:
        """Begin an epoch of the relay; `opened` becomes the payload of its first record."""
        self._directory = directory
        self._limits = limits or CaptureLimits()
        self._hard_bytes = self._limits.hard_bytes
        private_directory(directory)
        self._lock = WriterLock(directory)
        self._ended_failing = self._lock.left_note == NOTE_FAILING
        self._tail = LogTail(directory)
        self._opened: bytes | None = bson.encode(opened)
        """The payload of OPENED; None once it is on the log."""
        self._losses = Losses(self._limits.bounded_kept_bytes)
        self._reports = Reports(self._losses)
        self._buffer = RecordBuffer(seed_of(self._tail.log.bytes))
        self._measured = 0
        self._measured_at = 0
        """Where the log ended when it was measured: it grew by what is between there and its end."""
        self._tend_at = 0.0
        self._gap_at = 0.0
        self._state = CaptureState.FAILING
        self.tend()

    @property
    def state(self) -> CaptureState:
        return self._state

    @property
    def log(self) -> str:
        """Return the id of the log."""
        return self._tail.log.hex

    @property
    def end(self) -> int:
        """Return the position behind everything that was appended."""
        return self._buffer.end

    @property
    def total_bytes(self) -> int:
        """Return the size of the log, at most a second old as far as removals go."""
        return self._measured + self._buffer.end - self._measured_at

    @property
    def dropped_reads(self) -> int:
        """Return how many reads were dropped since the start."""
        return self._losses.dropped_reads

    @property
    def lost_writes(self) -> int:
        """Return how many writes were lost since the start; those in doubt are not among them."""
        return self._losses.lost_writes

    def intent(self, *, connection: int, received_ns: int, request: Bytes, collection: str) -> int:
        """Write the request before it is forwarded and return its position for `reply`."""
        if self._has_no_room(len(request)):
            self._losses.lose(RecordKind.INTENT, connection, received_ns, 0, request, collection)
            return LOST
        position = self._buffer.append(
            RecordKind.INTENT, connection, received_ns, 0, 0, 0, request, b"", collection
        )
        if self._write_out() or position < self._tail.end:
            return position
        return LOST

    def reply(
        self,
        *,
        connection: int,
        received_ns: int,
        legacy_ns: int,
        overhead_ns: int,
        intent: int,
        reply: Bytes,
        collection: str,
    ) -> None:
        """Buffer the answer to a write; empty if the connection was lost before it came, or none was asked for."""
        if intent == LOST:
            return  # what is kept of the write goes on the log as unanswered
        if self._has_no_room(len(reply)):
            self._losses.lose(RecordKind.REPLY, connection, received_ns, intent, b"", collection)
            return
        self._buffer.append(
            RecordKind.REPLY,
            connection,
            received_ns,
            legacy_ns,
            overhead_ns,
            intent,
            b"",
            reply,
            collection,
        )
        self._bound_buffer()

    def exchange(
        self,
        *,
        connection: int,
        received_ns: int,
        legacy_ns: int,
        overhead_ns: int,
        request: Bytes,
        reply: Bytes,
        collection: str,
    ) -> None:
        """Buffer a read with its answer."""
        if self._state is not _WRITING or self._has_no_room(len(request) + len(reply)):
            self._losses.drop_read(collection, received_ns)
            return
        self._buffer.append(
            _EXCHANGE,
            connection,
            received_ns,
            legacy_ns,
            overhead_ns,
            0,
            request,
            reply,
            collection,
        )
        self._bound_buffer()

    def closed(self, *, connection: int, received_ns: int) -> None:
        """Buffer that a client's connection ended."""
        if self._has_no_room(0):
            self._losses.lose(RecordKind.CLOSED, connection, received_ns, 0, b"", "")
            return
        self._buffer.append(RecordKind.CLOSED, connection, received_ns, 0, 0, 0, b"", b"", "")
        self._bound_buffer()

    def flush(self) -> None:
        """Write what is buffered, in one system call."""
        if self._buffer.parts:
            self._write_out()
        if time.monotonic() >= self._tend_at:
            self.tend()

    def tend(self) -> None:
        """Measure the log, leave the limits or a failure behind if that is possible, and say what was lost."""
        self._tend_at = time.monotonic() + TEND_S
        if self._state is CaptureState.CLOSED:
            return
        if self._buffer.parts:
            self._write_out()
        if self._state is not CaptureState.FAILING and self._tail.is_removed:
            self._fail(OSError(errno.ENOENT, "the segment was removed"))
        if self._state is CaptureState.FAILING and not self._open_segment():
            return
        self._measured = total_bytes(self._directory)
        self._measured_at = self._buffer.end
        self._catch_up()
        if self._tail.size > SEGMENT_HEADER_BYTES and (
            self._tail.age_s > self._limits.segment_age_s
        ):
            self._rotate()

    def close(self) -> None:
        """End the epoch. What still has no room is counted in a last GAP record, if that has."""
        if self._state is CaptureState.CLOSED:
            return
        self.tend()
        self._losses.forfeit()
        if self._state is not CaptureState.FAILING and (
            not self._losses.counted or self._tell_gap()
        ):
            self._lock.note("")
        self._enter(CaptureState.CLOSED)
        try:
            self._tail.close()
        except OSError as error:
            self._reports.coped("capture_failing", error=error.strerror, remedy=REMEDY_DISK)
        self._lock.release()

    def _has_no_room(self, size: int) -> bool:
        if self._state in _NOTHING_WRITTEN:
            return True
        if self.total_bytes + size + HEADER_BYTES <= self._hard_bytes:
            return False
        if self._buffer.parts:
            self._write_out()
        if self._state is not CaptureState.FAILING:
            self._begin_full()
        return True

    def _bound_buffer(self) -> bool:
        """Write out early what is too much for one system call."""
        if (
            self._buffer.end - self._tail.end >= MAX_BUFFERED_BYTES
            or len(self._buffer.parts) > MAX_BUFFERED_PARTS
        ):
            return self._write_out()
        return True

    def _write_out(self) -> bool:
        """Write what is buffered; False means that the state is now `failing`."""
        start = self._tail.end
        try:
            self._tail.write(self._buffer.parts, self._buffer.end - start)
        except OSError as error:
            for lost in self._buffer.unwritten(start, self._tail.end):
                self._lose(lost)
            self._buffer.begin_at(self._tail.end)
            self._fail(error)
            return False
        self._buffer.begin_at(self._tail.end)
        if self._tail.size >= self._limits.segment_bytes:
            return self._rotate()
        return True

    def _lose(self, lost: Unwritten) -> None:
        """Take back a record behind the end of the log."""
        kind, connection, received_ns, intent = lost.head
        match kind:
            case RecordKind.EXCHANGE:
                self._losses.drop_read(lost.collection, received_ns)
            case RecordKind.INTENT | RecordKind.CLOSED:
                self._losses.lose(kind, connection, received_ns, 0, lost.request, lost.collection)
            case RecordKind.REPLY if intent < self._tail.end:
                self._losses.lose(kind, connection, received_ns, intent, b"", lost.collection)
            case RecordKind.REPLY | RecordKind.OPENED | RecordKind.GAP:
                # The write of that reply is kept itself. The other two are made anew from what was not told.
                pass

    def _rotate(self) -> bool:
        try:
            self._tail.open_next()
        except OSError as error:
            self._fail(error)
            return False
        self._buffer.begin_at(self._tail.end)
        return True

    def _open_segment(self) -> bool:
        """Try a new segment, in a new directory if the old one is gone."""
        try:
            if self._lock.is_removed:
                private_directory(self._directory)
                self._lock.release()
                self._lock = WriterLock(self._directory)
                self._lock.note(NOTE_FAILING)
            self._tail.open_next()
        except ParallaxError as refusal:
            self._reports.coped("capture_failing", error=refusal.what, remedy=refusal.remedy)
            return False
        except OSError as error:
            self._reports.coped("capture_failing", error=error.strerror, remedy=REMEDY_DISK)
            return False
        self._buffer.begin_at(self._tail.end)
        return True

    def _catch_up(self) -> None:
        """Write what waited, as far as there is room, and go to the state that the size of the log asks for."""
        if not self._tell_epoch():
            return
        if self.total_bytes + self._losses.kept_bytes >= self._hard_bytes:
            self._begin_full()
            return
        if self._losses and not (self._tell_gap() and self._write_kept()):
            return
        if self._state in _NOTHING_WRITTEN:
            self._lock.note("")
            self._reports.resumed(self._buffer.end)
        self._level()

    def _level(self) -> None:
        """Choose between writing and shedding."""
        sheds_above = (
            self._limits.resume_bytes
            if self._state is CaptureState.SHEDDING
            else self._limits.soft_bytes
        )
        if self.total_bytes < sheds_above:
            self._enter(CaptureState.WRITING)
            return
        self._enter(CaptureState.SHEDDING)
        self._reports.coped("capture_shedding", remedy=REMEDY_ROOM)

    def _tell_epoch(self) -> bool:
        """Write the first record of this epoch, and that the one before may have lost more than it told."""
        if self._opened is not None:
            now_ns = time.time_ns()
            position = self._buffer.append(
                RecordKind.OPENED, 0, now_ns, 0, 0, 0, self._opened, b"", ""
            )
            if not self._write_out() and position >= self._tail.end:
                return False
            self._opened = None
        if self._ended_failing:
            now_ns = time.time_ns()
            gap = Gap(reason=GapReason.ENDED_FAILING, since_ns=0, until_ns=now_ns)
            position = self._buffer.append(
                RecordKind.GAP, 0, now_ns, 0, 0, 0, gap.encode(), b"", ""
            )
            if not self._write_out() and position >= self._tail.end:
                return False
            self._ended_failing = False
        return self._tail.is_open

    def _tell_gap(self) -> bool:
        """Write what was lost since the last GAP; False means that there was no room."""
        now_ns = time.time_ns()
        payload = self._losses.gap(_REASONS[self._state], now_ns).encode()
        if self.total_bytes + HEADER_BYTES + len(payload) > self._limits.max_bytes:
            return False
        position = self._buffer.append(RecordKind.GAP, 0, now_ns, 0, 0, 0, payload, b"", "")
        went_on = self._write_out()
        if position < self._tail.end:
            self._losses.told(now_ns)
        return went_on

    def _write_kept(self) -> bool:
        """Write the writes that were kept; what still fails is kept again."""
        waiting = self._losses.take_kept()
        for number, kept in enumerate(waiting):
            position = self._buffer.append(
                kept.kind,
                kept.connection,
                kept.received_ns,
                0,
                0,
                kept.intent,
                kept.request,
                b"",
                kept.collection,
            )
            if kept.kind is RecordKind.INTENT:
                self._buffer.append(
                    RecordKind.REPLY,
                    kept.connection,
                    kept.received_ns,
                    0,
                    0,
                    position,
                    b"",
                    b"",
                    kept.collection,
                )
            if not self._bound_buffer():
                for later in waiting[number + 1 :]:
                    self._losses.lose(*later)
                return False
        return not self._buffer.parts or self._write_out()

    def _begin_full(self) -> None:
        """Write nothing but GAP records from here on. The note tells of it, should we be killed."""
        begins = self._state is not CaptureState.FULL
        now = time.monotonic()
        if begins:
            self._lock.note(NOTE_FAILING)
            self._enter(CaptureState.FULL)
        if self._losses.counted and (begins or now >= self._gap_at):
            self._gap_at = now + FULL_GAP_S
            self._tell_gap()
        self._reports.coped("capture_full", remedy=REMEDY_ROOM)

    def _fail(self, error: OSError) -> None:
        self._lock.note(NOTE_FAILING)
        self._enter(CaptureState.FAILING)
        self._reports.coped("capture_failing", error=error.strerror, remedy=REMEDY_DISK)

    def _enter(self, state: CaptureState) -> None:
        if state is self._state:
            return
        if state not in MAY_FOLLOW[self._state]:
            raise ValueError(f"capture cannot go from {self._state} to {state}")
        self._state = state
