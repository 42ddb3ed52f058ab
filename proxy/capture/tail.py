"""The newest segment, open for appending: whole records go in, or none of the rest does.

After a failed write the segment is cut back to its last whole record and never used again. Where even that
fails, its torn end stays, and the next segment begins behind it.
"""

import errno
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

from proxy.capture.buffer import PARTS_PER_RECORD
from proxy.capture.record import Bytes
from proxy.capture.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    bases,
    create_segment,
    newest_header,
    segment_path,
)

BOOT_HOLE_BYTES: Final = 2**40
"""After another boot the log goes on at the next multiple of this, as its last bytes may have been lost."""
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class LogTail:
    """Where the log grows. `open_next` must succeed before the first `write` and after each failed one."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor = -1
        self._opened_at = 0.0
        self._boot = _boot()
        found = newest_header(directory)
        self.log: UUID = uuid4() if found is None else found.log
        self.base = 0
        self._file_end = _end_of(directory)
        self._jumps = found is not None and found.boot != self._boot
        self.end = self._file_end
        """The position behind the last whole record."""

    @property
    def size(self) -> int:
        """Return the bytes in the segment."""
        return self.end - self.base

    @property
    def is_open(self) -> bool:
        return self._descriptor >= 0

    @property
    def age_s(self) -> float:
        return time.monotonic() - self._opened_at

    @property
    def is_removed(self) -> bool:
        """Return whether somebody removed the file under us: what is written to it now, nobody can find."""
        return self._descriptor >= 0 and os.fstat(self._descriptor).st_nlink == 0

    def open_next(self) -> None:
        """Leave this segment for a new one. OSError means that there is none to write to."""
        self.close()
        previous_end = self._file_end
        base = (
            (previous_end // BOOT_HOLE_BYTES + 1) * BOOT_HOLE_BYTES if self._jumps else previous_end
        )
        self._descriptor = create_segment(
            self._directory,
            SegmentHeader(
                log=self.log,
                base=base,
                previous_end=previous_end,
                created_ns=time.time_ns(),
                boot=self._boot,
            ),
        )
        self._jumps = False
        self._opened_at = time.monotonic()
        self.base = base
        self.end = self._file_end = base + SEGMENT_HEADER_BYTES

    def write(self, parts: Sequence[Bytes], size: int) -> None:
        """Append records, three parts each, `size` bytes in all. After OSError, `end` tells how many are there."""
        written = 0
        try:
            written = os.writev(self._descriptor, parts)
            if written < size:
                rest = memoryview(b"".join(parts))
                while written < size:
                    step = os.write(self._descriptor, rest[written:])
                    if step == 0:
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301
                    written += step
        except OSError:
            self._cut_back(_whole_bytes(parts, written), written)
            raise
        self.end += size
        self._file_end = self.end

    def close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)

    def _cut_back(self, whole_bytes: int, written: int) -> None:
        start = self.end
        self.end = self._file_end = start + whole_bytes
        try:
            os.ftruncate(self._descriptor, self.end - self.base)
        except OSError:
            self._file_end = start + written
        finally:
            self.close()


def _whole_bytes(parts: Sequence[Bytes], written: int) -> int:
    """Return how many of the `written` bytes belong to whole records."""
    whole = 0
    for at in range(0, len(parts), PARTS_PER_RECORD):
        record = sum(len(part) for part in parts[at : at + PARTS_PER_RECORD])
        if whole + record > written:
            break
        whole += record
    return whole


def _end_of(directory: Path) -> int:
    """Return the position behind everything that any segment may have used."""
    existing = bases(directory)
    if not existing:
        return 0
    size = segment_path(directory, existing[-1]).stat().st_size
    return existing[-1] + max(size, SEGMENT_HEADER_BYTES)


def _boot() -> int:
    try:
        return UUID(BOOT_ID.read_text().strip()).int >> 64
    except (OSError, ValueError):
        return 0
