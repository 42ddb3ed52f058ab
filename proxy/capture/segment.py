"""One file of the capture log: its name, its header, and the list of those that exist.

A segment is named by the position of its first byte, 20 digits and `.log`, and opens with a header of 64
bytes; records follow without padding. Segments are never appended to by a second process: a writer that
opens an existing log starts a new segment behind the last byte it finds.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from struct import error as StructError  # noqa: N812 - the name the module lacks
from typing import Final, Self
from uuid import UUID

from zlib_ng.zlib_ng import crc32

from comparators.errors import UnreachableError

SUFFIX: Final = ".log"
FILE_MODE: Final = 0o600
VERSION: Final = 1

_MAGIC: Final = b"PARALLAX"
_FIELDS: Final = Struct("<8sHxx16sQQqQ")
_CHECKSUM: Final = Struct("<I")
_DIGITS: Final = 20
SEGMENT_HEADER_BYTES: Final = _FIELDS.size + _CHECKSUM.size


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentHeader:
    """What the first 64 bytes of a segment say."""

    log: UUID
    base: int
    """The position of the segment's first byte."""
    previous_end: int
    """Where the log ended when this segment was opened. Positions between it and `base` were never used."""
    created_ns: int
    boot: int
    """Which run of the kernel this was; 0 where that cannot be known."""

    def encode(self) -> bytes:
        fields = _FIELDS.pack(
            _MAGIC,
            VERSION,
            self.log.bytes,
            self.base,
            self.previous_end,
            self.created_ns,
            self.boot,
        )
        return fields + _CHECKSUM.pack(crc32(fields))

    @classmethod
    def decode(cls, data: bytes) -> Self | None:
        """Return None when the bytes are no whole, undamaged header of this version."""
        try:
            magic, version, log, base, previous_end, created_ns, boot = _FIELDS.unpack_from(data)
            (checksum,) = _CHECKSUM.unpack_from(data, _FIELDS.size)
        except StructError:
            return None
        intact = checksum == crc32(data[: _FIELDS.size])
        if not intact or magic != _MAGIC or version != VERSION:
            return None
        return cls(
            log=UUID(bytes=log),
            base=base,
            previous_end=previous_end,
            created_ns=created_ns,
            boot=boot,
        )


def segment_path(directory: Path, base: int) -> Path:
    return directory / f"{base:0{_DIGITS}d}{SUFFIX}"


def bases(directory: Path) -> list[int]:
    """Return the base of each segment in ascending order; none if there is no directory."""
    try:
        names = os.listdir(directory)  # noqa: PTH208 - names are enough, and the reader asks often
    except FileNotFoundError:
        return []
    return sorted(
        int(name[:_DIGITS])
        for name in names
        if len(name) == _DIGITS + len(SUFFIX) and name.endswith(SUFFIX) and name[:_DIGITS].isdigit()
    )


def create_segment(directory: Path, header: SegmentHeader) -> int:
    """Create the file with its header and return its descriptor; on failure nothing stays behind."""
    path = segment_path(directory, header.base)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, FILE_MODE)
    try:
        os.fchmod(descriptor, FILE_MODE)
        data = header.encode()
        if os.write(descriptor, data) != len(data):
            raise OSError("the header of a segment was cut short")  # noqa: TRY301 - one way out
    except OSError:
        os.close(descriptor)
        path.unlink(missing_ok=True)
        raise
    return descriptor


def read_header(directory: Path, base: int) -> SegmentHeader | None:
    """Return None when the segment is gone or its header is torn or damaged."""
    try:
        with segment_path(directory, base).open("rb") as file:
            return SegmentHeader.decode(file.read(SEGMENT_HEADER_BYTES))
    except FileNotFoundError:
        return None


def newest_header(directory: Path) -> SegmentHeader | None:
    """Return the newest header that can be read; None means there is no log."""
    for base in reversed(bases(directory)):
        found = read_header(directory, base)
        if found is not None:
            return found
    return None


def begin_of(directory: Path) -> int:
    """Return when the oldest segment was begun; 0 where that cannot be read."""
    oldest = next(iter(bases(directory)), None)
    found = None if oldest is None else read_header(directory, oldest)
    return 0 if found is None else found.created_ns


def log_id(directory: Path) -> str:
    """Return the id of the log in `directory`; it stays the same for the life of the log."""
    found = newest_header(directory)
    if found is None:
        raise UnreachableError(
            "there is no capture log yet",
            where=str(directory),
            remedy="the relay makes it when it starts; check that both use the same directory",
        )
    return found.log.hex
